"""What is read out of the FHIR that EHRs really send, and what is said about the rest."""

from __future__ import annotations

from datetime import timezone
from fractions import Fraction as F

import pytest
from charts import (BY_REF, CODED, CONDITION, DIA, LOINC, RXNORM, SYS, THEOPHYLLINE, WEIGHT, ZONE, ago, amount, bundle, drug, facts,
                    measured, observation, order, period, state)
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.facts.dosage import dose, text_dose
from cds.facts.model import CURRENT, ENDED, ON_HOLD, POSSIBLE, PatientFacts
from cds.intervals import moment

CHECK = settings(max_examples=120, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("status, expected", [
    ("active", CURRENT), (" Active ", CURRENT), ("ACTIVE", CURRENT), ("recorded", CURRENT), ("on-hold", ON_HOLD),
    ("On-Hold", ON_HOLD), ("unknown", POSSIBLE), (None, POSSIBLE), ("", POSSIBLE), (..., POSSIBLE), ("aktiv", POSSIBLE),
    ("completed", ENDED), ("stopped", ENDED), ("Completed ", ENDED), ("entered-in-error", None), ("not-taken", None),
    ("intended", None), ("draft", None), ("cancelled", None), ("on hold", ON_HOLD), ("entered in error", None),
    ("Not Taken", None)])
def test_a_drug_counts_by_its_status_in_any_case(status, expected):
    assert state(drug(status=status)) == expected


@pytest.mark.parametrize("more, expected", [
    ({"dateAsserted": ago(365)}, CURRENT), ({"dateAsserted": ago(367)}, POSSIBLE), (period("2020"), POSSIBLE),
    (period("2020", ago(1)), ENDED), (period("2020", ago(0)), CURRENT), (period("2020", "2026"), CURRENT),
    (period("2026"), CURRENT), (period("soon"), CURRENT), (period(ago(-1)), POSSIBLE), (period("2019", "2027"), CURRENT)])
def test_an_active_drug_is_current_until_its_end_or_a_year_without_confirmation(more, expected):
    assert state(drug(**more)) == expected


@pytest.mark.parametrize("more, expected", [
    ({"intent": "proposal"}, None), ({"intent": "plan"}, CURRENT), ({"doNotPerform": True}, None),
    ({"taken": "n"}, None), ({"authoredOn": ago(5)}, CURRENT), ({"authoredOn": ago(400)}, POSSIBLE),
    ({"dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"end": ago(2)}}}}]}, ENDED)])
def test_a_request_counts_by_its_intent_and_dates_and_by_taken_in_the_third_release(more, expected):
    assert state(drug("MedicationRequest", **more)) == expected


def test_a_stopped_drug_without_a_date_keeps_the_last_date_known():
    (found,) = facts(any_key=bundle(drug(status="stopped", dateAsserted=ago(2)))).medications["xanthines"]
    assert (found.state, found.ended, found.last_known.day()) == (ENDED, None, ago(2))
    (found,) = facts(any_key=bundle(drug(status="stopped"))).medications["xanthines"]
    assert (found.ended, found.last_known) == (None, None)


MEDICATION = {"resourceType": "Medication", "id": "med1", "code": THEOPHYLLINE}
PARTS = {"resourceType": "Medication", "id": "med1", "ingredient": [{"itemCodeableConcept": THEOPHYLLINE}]}
REF = {"reference": "Medication/med1"}


CODES = {"coding": {"system": RXNORM, "code": "10438"}}
SHAPES = {
    "contained": ({BY_REF: {"reference": "#c"}, "contained": [{**MEDICATION, "id": "c"}]}, []),
    "beside it": ({BY_REF: REF}, [MEDICATION]), "by ingredients": ({BY_REF: REF}, [PARTS]),
    "absolute and versioned": ({BY_REF: {"reference": "https://x/Medication/med1/_history/3"}}, [MEDICATION]),
    "by display": ({BY_REF: {**REF, "display": "Theophylline 200 mg"}}, []),
    "R5 concept": ({"medication": {"concept": THEOPHYLLINE}}, []), "R5 bare": ({"medication": REF}, [MEDICATION]),
    "R5 reference": ({"medication": {"reference": REF}}, [MEDICATION]), "no list": ({CODED: CODES}, []),
    "text only": ({CODED: {"text": "THEOPHYLLINE"}}, []),
    "empty concept": ({CODED: {}, BY_REF: REF}, [MEDICATION])}


@pytest.mark.parametrize("more, others", SHAPES.values(), ids=SHAPES)
def test_the_drug_of_an_entry_is_found_in_every_shape(more, others):
    assert state(drug(**{CODED: ..., **more}), *others) == CURRENT


def test_a_drug_is_called_by_its_own_name_before_the_name_of_the_reference_to_it():
    """HL7's own example calls a reference `prescribed medication`."""
    coded = {**MEDICATION, "code": {"coding": [{**THEOPHYLLINE["coding"][0], "display": "theophylline 200 MG"}]}}
    entry = drug(**{CODED: ..., BY_REF: {**REF, "display": "prescribed medication"}})
    assert [one.name for one in facts(any_key=bundle(entry, coded)).medications["xanthines"]] == ["theophylline 200 MG"]
    nameless = {**MEDICATION, "code": {"coding": [{"system": "urn:local", "code": "17"}]}}
    named = drug(**{CODED: ..., BY_REF: {**REF, "display": "Theophylline 200 mg"}})
    assert [one.name for one in facts(any_key=bundle(named, nameless)).medications["xanthines"]] == ["Theophylline 200 mg"]


def test_only_a_reference_to_a_medication_names_one_by_its_id():
    assert state(drug(**{CODED: ..., BY_REF: {"reference": "Organization/med1"}}), MEDICATION) == "unclassified"


def test_a_medication_of_a_bundle_is_found_by_its_full_url():
    entry = drug(medicationCodeableConcept=..., medicationReference={"reference": "urn:uuid:1"})
    entries = [{"fullUrl": "urn:uuid:1", "resource": MEDICATION}, {"resource": entry}]
    found = facts(medicationstatements={"resourceType": "Bundle", "entry": entries})
    assert [one.state for one in found.medications["xanthines"]] == [CURRENT]


@pytest.mark.parametrize("more", [{BY_REF: REF}, {CODED: {"coding": [{"code": "1"}]}},
                                  {CODED: 7}, {}])
def test_a_drug_that_cannot_be_told_is_counted_unless_it_was_never_taken(more):
    assert state(drug(**{CODED: ..., **more})) == "unclassified"
    assert state(drug(**{CODED: ..., **more, "status": "stopped"})) == "unclassified"
    assert state(drug(**{CODED: ..., **more, "status": "not-taken"})) is None


@pytest.mark.parametrize("text, mass, per_kg, minutes, push", [
    ("40 mg IV over 40 minutes", 40, None, 40, False), ("0.5 mg/kg IV over 45 min", None, F(1, 2), 45, False),
    ("1,000 mg", 1000, None, None, False), ("500 mcg/kg over 1 hr", None, F(1, 2), 60, False),
    ("40 mg IV push", 40, None, None, True), ("give 40 mg or 60 mg", None, None, None, False),
    ("as directed", None, None, None, False), ("40 mg/h", None, None, None, False)])
def test_a_dose_in_words_is_read_where_it_has_one_meaning(text, mass, per_kg, minutes, push):
    found = dose({"text": text})
    assert (found.mass, found.per_kg, found.bolus) == (mass, per_kg, push)
    assert found.duration == (F(minutes, 60) if minutes else None) and found.text == text


@pytest.mark.parametrize("entry, field, value", [
    ({"doseAndRate": [{"doseQuantity": {"value": 40, "code": "mg"}}]}, "mass", 40),
    ({"doseQuantity": amount(0.04, "g")}, "mass", 40), ({"doseQuantity": amount(4, "mL")}, "volume", 4),
    ({"doseAndRate": {"doseRange": {"low": amount(1, "mg"), "high": amount(2, "mg")}}}, "mass", 2),
    ({"doseAndRate": [{"rateQuantity": amount(8, "mcg/kg/min")}]}, "rate_per_kg", F(48, 100)),
    ({"doseAndRate": [{"rateRatio": {"numerator": amount(60, "mg"), "denominator": amount(30, "min")}}]}, "rate", 120),
    ({"timing": {"repeat": {"duration": 2, "durationUnit": "h"}}}, "duration", 2)])
def test_a_dose_in_numbers_is_read_exactly(entry, field, value):
    assert getattr(dose(entry), field) == value


def test_an_amount_in_an_unknown_unit_is_told_and_never_guessed():
    assert dose({"doseQuantity": amount(2, "vials")}).unreadable == "2 vials"
    assert dose({"doseQuantity": amount("x", "mg")}).unreadable and text_dose("monitor closely") is None


def test_an_observation_time_is_no_infusion_time():
    assert dose({"text": "40 mg IV push, monitor vitals for 2 hours"}).duration is None


def panel(systolic, diastolic, **more) -> dict:
    parts = [{"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": amount(value, "mmHg")}
             for code, value in ((SYS, systolic), (DIA, diastolic))]
    return observation("85354-9", 0, component=parts, **more)


def test_a_blood_pressure_is_read_from_components_and_from_two_observations():
    for sent in ([panel(150, 90)], [observation(SYS, 150), observation(DIA, 90)]):
        assert [measured(f"{which}-blood-pressure", *sent) for which in ("systolic", "diastolic")] == [[150], [90]]


@pytest.mark.parametrize("minutes, kept", [(0, []), (5, []), (6, [80])])
def test_a_pair_that_cannot_be_true_is_set_aside_whole_within_five_minutes(minutes, kept):
    later = observation(DIA, 95, when=f"2026-06-30T09:{minutes:02}:00Z")
    found = facts(observations=bundle(observation(SYS, 80), later))
    assert [one.value for one in found.measurements.get("systolic-blood-pressure", ())] == kept
    assert bool(found.unusable) is not bool(kept)
    assert any("80/95" in one.what and "could not be used" in one.what for one in found.unreadable) is not bool(kept)


@pytest.mark.parametrize("systolic, diastolic", [(90, 90), (301, 100), (49, 30), (250, 201), (120, 9)])
def test_impossible_pressures_are_set_aside_and_told(systolic, diastolic):
    found = facts(observations=bundle(panel(systolic, diastolic)))
    assert not found.measurements.get("systolic-blood-pressure") and found.unreadable


@pytest.mark.parametrize("value, unit, kilograms", [
    (80, "kg", 80), (176, "[lb_av]", F("79.83225712")), (80000, "g", 80), ("80", "kg", 80), (80.5, "KG", F("80.5"))])
def test_a_weight_is_read_in_any_unit_exactly(value, unit, kilograms):
    assert measured("body-weight", observation(WEIGHT, value, unit)) == [kilograms]


@pytest.mark.parametrize("more", [{"effectiveDateTime": None}, {"valueQuantity": amount(80, "stone")},
                                  {"valueQuantity": {"value": 80}}, {"valueQuantity": amount(900, "kg")}])
def test_a_weight_that_cannot_be_used_is_told(more):
    found = facts(observations=bundle({**observation(WEIGHT, 80, "kg"), **more}))
    assert not found.measurements and any("body weight" in one.what for one in found.unreadable)


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "registered"])
def test_an_observation_that_is_not_final_is_no_measurement(status):
    assert measured("systolic-blood-pressure", observation(SYS, 150, status=status)) == []


@pytest.mark.parametrize("text, earliest, latest", [
    ("2026", "2025-12-31T23:00:00", "2026-12-31T22:59:59"), ("2026-02", "2026-01-31T23:00:00", "2026-02-28T22:59:59"),
    ("2026-06-30", "2026-06-29T22:00:00", "2026-06-30T21:59:59"), ("2026-06-30T09:00:00Z", "2026-06-30T09:00:00", None),
    ("2026-06-30T09:00:00.5+02:00", "2026-06-30T07:00:00", None), ("2026-06-30T09:00", "2026-06-30T07:00:00", None)])
def test_a_date_is_the_whole_time_it_may_mean_at_the_site(text, earliest, latest):
    found = moment(text, ZONE)
    said = [one.astimezone(timezone.utc).isoformat()[:19] for one in (found.earliest, found.latest)]
    assert said == [earliest, latest or earliest]


@pytest.mark.parametrize("text", ["", "2026-13", "2026-02-30", "0001-01-01", "26-06-30", "2026-06-30T25:00", 7])
def test_what_is_no_date_is_no_moment(text):
    assert moment(text, ZONE) is None




KEYS = st.sampled_from(["coding", "code", "system", "text", "value", "unit", "reference", "start"])
LEAF = st.none() | st.booleans() | st.integers(-9, 9999) | st.text(max_size=6)
JSON = st.recursive(LEAF, lambda one: st.lists(one, max_size=2) | st.dictionaries(KEYS, one, max_size=3), max_leaves=6)
FIELDS = st.sampled_from([CODED, BY_REF, "status", "dosageInstruction", "code", "subject", "id", "valueQuantity",
                          "component", "clinicalStatus", "verificationStatus", "category", "effectivePeriod", "medication", "contained",
                          "adherence", "taken", "intent", "patient", "abatementString", "abatementPeriod", "onsetDateTime", "type", "reaction",
                          "effectiveDateTime", "occurencePeriod", "performedDateTime", "modifierExtension", "reasonReference"])
WHOLE = {"drug": drug(), "condition": CONDITION, "observation": observation(SYS, 150), "order": order(), "given": drug("MedicationAdministration"),
         "allergy": {"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": "ketamine"}},
         "procedure": {"resourceType": "Procedure", "id": "x1", "code": {"text": "EVAR"}}}


@given(st.dictionaries(FIELDS, JSON, max_size=4), st.sampled_from(sorted(WHOLE)))
@CHECK
def test_whatever_stands_in_a_field_reading_never_fails(odd, kind):
    broken = {**WHOLE[kind], **odd}
    orders = [broken, order(id="draft-9")] if kind == "order" else None
    assert isinstance(facts(orders, any_key=bundle(broken)), PatientFacts)


def test_a_measurement_with_a_mistyped_code_is_named():
    """A right digit elsewhere might make it a blood pressure; people can tell by its name what it is."""
    odd = observation("8480-7", 120) | {"code": {"coding": [{"system": LOINC, "code": "8480-7", "display": "Varicella antibodies"}]}}
    found = facts(observations=bundle(odd))
    assert [one.what for one in found.unreadable] == ["Varicella antibodies, whose code 8480-7 is none, could not be read"]
