"""What a test came out as, read from every form EHRs send it in, and what takes an earlier record back."""

from __future__ import annotations

from pathlib import Path

import pytest
from charts import LOINC, NOW, READY, ZONE, bundle, facts, observation, order
from hypothesis import given, settings
from hypothesis import strategies as st

from cds import pipeline, rulebook
from cds.authoring.check import check
from cds.hooks.request import request
from cds.rulefile.english import spoken
from cds.web.discovery import services
from rich.console import Console

SNOMED, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
MARCH = "2026-03-01"
CHECK = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def hcg(code="2106-3", when="2026-06-28", **value) -> dict:
    return {"resourceType": "Observation", "id": "h", "status": "final", "effectiveDateTime": when,
            "code": {"coding": [{"system": LOINC, "code": code}]}, **value}


def coded(code, system=SNOMED, **more) -> dict:
    return {"valueCodeableConcept": {"coding": [{"system": system, "code": code}], **more}}


def amount(value, unit, **more) -> dict:
    return {"valueQuantity": {"value": value, "unit": unit, **more}}


def result(resource: dict) -> str | None:
    """What the only test of a chart came out as; None where it could not be used."""
    found = facts(observations=bundle(resource)).measurements.get("pregnancy-test", ())
    return found[0].result if found else None


@pytest.mark.parametrize("value", [
    coded("10828004"), coded("260373001"), coded("LA6576-8", LOINC), {"valueCodeableConcept": {"text": "Positive"}}, {"valueString": "POSITIVE"},
    {"valueString": "Detected."}, {"valueString": "  pos "}, {"valueBoolean": True}, amount(25, "IU/L"), amount(1200, "mIU/mL"), amount(1.2, "IU/mL"),
    amount(200, "m[IU]/mL", comparator=">"), {"valueString": ">200 mIU/mL"}, {"valueString": "1200 mIU/mL"},
    {"interpretation": [{"coding": [{"code": "POS"}]}]}, amount(3, "ng/mL") | {"interpretation": [{"coding": [{"code": "POS"}]}]}])
def test_a_positive_test_is_positive_in_whatever_form(value):
    assert result(hcg(**value)) == "positive"


@pytest.mark.parametrize("value", [
    coded("260385009"), coded("260415000"), {"valueCodeableConcept": {"text": "Not detected"}}, {"valueString": "NEG"}, {"valueString": "Negative"},
    {"valueString": "non-reactive"}, {"valueBoolean": False}, amount(4.9, "IU/L"), amount(5, "mIU/mL", comparator="<"),
    amount(2, "mIU/mL", comparator="<"), {"valueString": "<5 mIU/mL"}, {"interpretation": [{"coding": [{"code": "NEG"}]}]}])
def test_a_negative_test_is_negative_in_whatever_form(value):
    assert result(hcg(**value)) == "negative"


@pytest.mark.parametrize("value", [
    amount(5, "IU/L"), amount(24.9, "IU/L"), amount(8, "mIU/mL"), amount(1.2, "MoM"), amount(8, ""), amount(25, "IU/L", comparator="<"),
    amount(1, "IU/L", comparator=">"), {"valueString": "see comment"}, {"valueString": "not positive"}, {"valueString": "weakly positive?"},
    coded("82334004"), {"valueCodeableConcept": {"coding": [{"system": SNOMED, "code": "10828004"}, {"system": SNOMED, "code": "260385009"}]}}])
def test_what_is_neither_is_never_read_as_negative_or_positive(value):
    assert result(hcg(**value)) == ""


@pytest.mark.parametrize("resource", [
    hcg(), hcg(dataAbsentReason={"text": "unknown"}), hcg(when="soon", **coded("260385009")), hcg(valueQuantity={"unit": "IU/L"})])
def test_a_test_without_a_result_or_a_date_is_reported(resource):
    found = facts(observations=bundle(resource))
    assert "pregnancy-test" not in found.measurements and any("pregnancy test" in one.what for one in found.unreadable)


def test_a_cancelled_test_and_a_tumour_marker_are_no_test():
    assert result(hcg(**coded("260385009")) | {"status": "cancelled"}) is None
    assert result(hcg("19180-9", **coded("260385009"))) is None and result(hcg("55870-0", **coded("260385009"))) is None


def test_the_status_of_pregnancy_is_read_by_its_answer_codes():
    for code, wanted in (("77386006", "positive"), ("60001007", "negative"), ("102874004", ""), ("152231000119106", "")):
        found = facts(observations=bundle(hcg("82810-3", **coded(code))))
        assert found.measurements["pregnancy-status"][0].result == wanted


def pregnancy(**more) -> dict:
    return {"resourceType": "Condition", "id": "c", "code": {"coding": [{"system": ICD, "code": "Z33.1"}]}, **more}


@pytest.mark.parametrize("entry, until", [
    (pregnancy(recordedDate=MARCH), "2026-12-06"), (pregnancy(onsetDateTime="2026-01-01", recordedDate=MARCH), "2026-10-08"),
    (pregnancy(recordedDate=MARCH) | {"code": {"coding": [{"system": ICD, "code": "Z3A.38"}]}}, "2026-03-29"),
    (pregnancy(onsetDateTime="2025-06-08", recordedDate=MARCH) | {"code": {"coding": [{"system": ICD, "code": "Z3A.38"}]}}, "2026-03-29")])
def test_a_pregnancy_ends_by_itself_counted_from_its_onset_or_from_the_later_date_where_a_week_is_coded(entry, until):
    assert facts(conditions=bundle(entry)).conditions["pregnant"][0].true_until["pregnant"].date().isoformat() == until


def test_a_pregnancy_without_a_date_has_no_end_that_could_be_worked_out():
    assert facts(conditions=bundle(pregnancy())).conditions["pregnant"][0].true_until == {"pregnant": None}


BOOK = rulebook.load([rulebook.shipped()], __import__("datetime").date(2026, 6, 30))


def test_a_clause_about_results_is_said_in_english():
    rule = next(one for one in BOOK.rules if one.id == "pregnancy")
    said = spoken(rule.met_when.parts[0].clause, {name: term.says for name, term in BOOK.terms.items()})
    assert said == ("the patient has “a pregnancy”, not followed by “the end of a pregnancy”, without a later negative “pregnancy test” or "
                    "“pregnancy status”, 60 days or more after it")


def test_the_codes_of_every_test_a_rule_asks_about_are_prefetched():
    for one in services(BOOK)["services"]:
        assert "http://loinc.org|2106-3" in one["prefetch"]["observations"] and "http://loinc.org|82810-3" in one["prefetch"]["observations"]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    import shutil
    return Path(shutil.copytree(rulebook.shipped(), tmp_path / "rules"))


@pytest.mark.parametrize("file, old, new, name", [
    ("interactions/sedation.yaml", "is: below low_saturation", "is: positive", "no-comparison"),
    ("contraindications/pregnancy.yaml", "is: positive", "is: negativ", "no-comparison"),
    ("contraindications/pregnancy.yaml", "not_ended_by: [pregnancy-ended]", "not_ended_by: [pregnancy-over]", "unknown-term"),
    ("contraindications/pregnancy.yaml", "not_refuted_by: [pregnancy-test, pregnancy-status]", "not_refuted_by: [body-weight]", "no-comparison"),
    ("contraindications/pregnancy.yaml", "not_refuted_by: [pregnancy-test]", "not_refuted_by: pregnancy-test", "unknown-term"),
    ("contraindications/pregnancy.yaml", "refuted_after: conflict", "refuted_after: 5 mg", "wrong-unit"),
    ("contraindications/pregnancy.yaml", "left_to_the_day: true", "left_to_the_day: perhaps", "not-a-choice"),
    ("terms/pregnancy.yaml", "lasts: 280 days", "lasts: nine months", "bad-form"),
    ("terms/pregnancy.yaml", "amount: at least 25 IU/L", "amount: about 25 IU/L", "bad-form"),
    ("terms/pregnancy.yaml", "    positive:\n      amount", "    maybe:\n      amount", "unknown-key")])
def test_a_slip_in_the_new_words_is_named_with_its_place(broken, file, old, new, name):
    path = broken / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    found = [one for one in check([broken], Console(quiet=True)).problems if one.level == "error"]
    assert name in [one.name for one in found] and all(one.place.path.name == path.name for one in found if one.name == name)


@given(st.integers(0, 250), st.integers(0, 250))
@CHECK
def test_a_delivery_ends_what_was_recorded_until_its_day_and_nothing_later(entered, ended):
    from charts import NOW, READY, ZONE, order
    from cds import pipeline
    from cds.hooks.request import request
    from datetime import timedelta

    def day(ago: int) -> str:
        return (NOW - timedelta(days=ago)).date().isoformat()
    delivery = {"resourceType": "Condition", "id": "d", "code": {"coding": [{"system": ICD, "code": "Z37.0"}]}, "recordedDate": day(ended)}
    asked = request({"hook": "order-sign", "hookInstance": "x", "context": {"patientId": "p1", "draftOrders": bundle(order())},
                     "prefetch": {"conditions": bundle(pregnancy(recordedDate=day(entered)), delivery), "observations": bundle(),
                                  "patient": {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1990-01-01"},
                                  "medicationstatements": bundle(), "medicationrequests": bundle(), "allergies": bundle()}})
    answers = pipeline.decide(asked, READY, NOW, ZONE, lambda: "id").answers
    assert answers["pregnancy"]["answer"] == ("not met" if ended <= entered else "met")


@pytest.mark.parametrize("tests, gender, answer", [
    ((), "male", "not met"), ((), "female", "unknown"), (("Negative",), "female", "not met"), (("Positive",), "male", "met")])
def test_a_page_of_vital_signs_that_was_cut_off_leaves_open_only_what_is_asked_for(tests, gender, answer):
    vitals = [observation("59408-5", 98, "%", f"2026-06-{day}T0{hour}:00:00Z") for day in (30, 29) for hour in range(9, 0, -1)]
    page = [hcg(when="2026-06-30T09:30:00Z", valueString=said) for said in tests] + vitals
    asked = request({"hook": "order-sign", "hookInstance": "x", "context": {"patientId": "p1", "draftOrders": bundle(order())}, "prefetch": {
        "patient": {"resourceType": "Patient", "id": "p1", "gender": gender, "birthDate": "1992-03-04"}, "conditions": bundle(),
        "observations": bundle(*page, total=400)}})
    assert pipeline.decide(asked, READY, NOW, ZONE, lambda: "id").answers["pregnancy"]["answer"] == answer
