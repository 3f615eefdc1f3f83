"""Drugs as EHRs send them: status, adherence, dates and references decide whether one is taken, and what cannot be told is named."""

from __future__ import annotations

import pytest
from charts import BY_REF, CODED, RXNORM, THEOPHYLLINE, ago, bundle, drug, facts, order, period, state

from cds.facts.model import CURRENT, ENDED, ON_HOLD, POSSIBLE
from cds.fhir.bundles import Chart
from cds.fhir.fetch import unnamed

REQUEST, GIVEN = "MedicationRequest", "MedicationAdministration"
NDC = "http://hl7.org/fhir/sid/ndc"
LONG = "eIG9VEjL-qPqrYGBxtCc3Ag" * 8


def taken(resource: dict, *others: dict):
    (found,) = facts(any_key=bundle(resource, *others)).medications["xanthines"]
    return found


def stretch(start: str | None = None, end: str | None = None) -> dict:
    return {"timing": {"repeat": {"boundsPeriod": {key: value for key, value in (("start", start), ("end", end)) if value}}}}


@pytest.mark.parametrize("status, expected", [
    ("entered_in_error", None), ("enteredInError", None), ("not_taken", None), ("onhold", ON_HOLD), ("on_hold", ON_HOLD),
    ({"coding": [{"code": "active"}]}, CURRENT), (["active"], CURRENT), ({"coding": [{"code": "entered-in-error"}]}, None),
    (["active", "stopped"], POSSIBLE), (True, POSSIBLE), (7, POSSIBLE), ("discontinued", POSSIBLE), ("inactive", POSSIBLE)])
def test_a_status_in_another_spelling_or_shape_is_read_and_a_strange_one_ends_no_drug(status, expected):
    assert state(drug(status=status)) == expected


@pytest.mark.parametrize("code, expected", [
    ("taking", CURRENT), ("taking-as-directed", CURRENT), ("Taking not as directed", CURRENT), ("not-taking", None), ("on-hold", ON_HOLD),
    ("on-hold-as-directed", ON_HOLD), ("stopped", ENDED), ("stopped-not-as-directed", ENDED), ("unknown", POSSIBLE), ("sometimes", POSSIBLE)])
def test_in_the_fifth_release_adherence_says_whether_a_drug_is_taken(code, expected):
    for concept in ({"coding": [{"code": code}]}, {"text": code}):
        assert state(drug(status="recorded", adherence={"code": concept})) == expected


def test_adherence_that_contradicts_itself_leaves_the_drug_possible():
    both = {"coding": [{"code": "taking"}, {"code": "stopped"}]}
    assert state(drug(status="recorded", adherence={"code": both})) == POSSIBLE


@pytest.mark.parametrize("more, expected", [
    ({"taken": "y"}, CURRENT), ({"taken": " N "}, None), ({"taken": "unk"}, POSSIBLE), ({"taken": "na"}, POSSIBLE), ({"taken": "?"}, POSSIBLE),
    ({"wasNotTaken": True}, None), ({"wasNotTaken": False}, CURRENT)])
def test_in_earlier_releases_taken_says_whether_a_drug_is_taken(more, expected):
    assert state(drug(**more)) == expected


@pytest.mark.parametrize("entries, expected", [
    ([stretch(ago(60), ago(30)), stretch(ago(30), ago(-30))], CURRENT), ([stretch(ago(60), ago(30)), stretch(ago(30))], CURRENT),
    ([stretch(ago(60), ago(30)), {"text": "as needed"}], CURRENT), ([stretch(ago(30), ago(-30)), stretch(ago(60), ago(30))], CURRENT),
    ([stretch(ago(60), ago(30)), stretch(ago(30), ago(9))], ENDED), ([stretch(ago(60), ago(30)), stretch(ago(30), "soon")], CURRENT)])
def test_a_drug_with_several_dosages_ends_with_the_last_of_them(entries, expected):
    found = taken(drug(REQUEST, dosageInstruction=entries))
    assert (found.state, found.ended and found.ended.day()) == (expected, ago(9) if expected == ENDED else found.ended and ago(-30))


@pytest.mark.parametrize("more, expected", [
    ({"intent": "plan", "reportedBoolean": True}, CURRENT), ({"intent": "Proposal "}, None), ({"intent": "option"}, None), ({"intent": "???"}, CURRENT),
    ({"intent": ...}, CURRENT), ({"intent": "reflex-order"}, CURRENT), ({"status": "cancelled", "intent": "proposal"}, None), ({"status": "ended"}, ENDED)])
def test_a_request_is_a_drug_in_use_unless_it_is_a_proposal_or_an_option(more, expected):
    assert state(drug(REQUEST, **more)) == expected


def test_an_end_that_cannot_be_read_ends_no_drug():
    assert state(drug(REQUEST, authoredOn=ago(500), dosageInstruction=[stretch(ago(500), "soon")])) == CURRENT
    assert state(drug(**period(ago(500), "soon"))) == CURRENT


def test_how_long_a_prescription_may_be_filled_is_not_how_long_the_drug_is_taken():
    assert state(drug(REQUEST, dispenseRequest={"validityPeriod": {"start": "2020", "end": "2021"}})) == CURRENT


@pytest.mark.parametrize("more, expected", [
    ({"status": "in-progress"}, CURRENT), ({"status": "inprogress"}, CURRENT), ({"status": "on-hold"}, ON_HOLD), ({"status": "running"}, POSSIBLE),
    ({"status": ...}, POSSIBLE), ({"status": "unknown"}, POSSIBLE), ({"status": "completed"}, ENDED), ({"status": "stopped"}, ENDED),
    ({"status": "running", "effectivePeriod": {"start": ago(2), "end": ago(1)}}, ENDED), ({"status": "not-done"}, None),
    ({"status": "unknown", "effectivePeriod": ..., "effectiveDateTime": ago(1)}, ENDED)])
def test_a_given_drug_is_over_unless_it_may_be_running(more, expected):
    assert state(drug(GIVEN, **{"effectivePeriod": {"start": ago(0)}, **more})) == expected


@pytest.mark.parametrize("name", ["effectiveDateTime", "occurrenceDateTime", "occurenceDateTime"])
def test_the_time_of_a_given_drug_is_read_in_the_fourth_and_fifth_release(name):
    assert taken(drug(GIVEN, status="completed", **{name: ago(3)})).ended.day() == ago(3)


SUBSTANCE = {"resourceType": "Substance", "id": "s", "code": THEOPHYLLINE}
MIXED = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemReference": {"reference": "#s"}}]}
CONTAINED = {
    "an ingredient beside it": [MIXED, SUBSTANCE], "an ingredient inside it": [{**MIXED, "contained": [SUBSTANCE]}],
    "an id with a hash": [{"resourceType": "Medication", "id": "#m", "code": THEOPHYLLINE}],
    "an ingredient of the fifth release": [{"resourceType": "Medication", "id": "m", "ingredient": [{"item": {"concept": THEOPHYLLINE}}]}],
    "one by reference": [{"resourceType": "Medication", "id": "m", "ingredient": [{"item": {"reference": {"reference": "#s"}}}]}, SUBSTANCE]}


@pytest.mark.parametrize("contained", CONTAINED.values(), ids=CONTAINED)
@pytest.mark.parametrize("shape", [{BY_REF: {"reference": "#m"}}, {"medication": {"reference": {"reference": "#m"}}}], ids=["R4", "R5"])
def test_a_contained_drug_is_told_by_its_ingredients(contained, shape):
    assert state(drug(**{CODED: ..., **shape, "contained": contained})) == CURRENT


@pytest.mark.parametrize("name", [
    "Unknown", "unknown drug", "Unknown medication", "Not specified", "unspecified", "See comment", "See comments", "see note.", "NULL",
    "undefined", "No description available", "[object Object]", "N/A", "-", " "])
def test_a_name_that_says_nothing_names_no_drug_and_the_entry_is_named(name):
    found = facts(any_key=bundle(drug(**{CODED: {"text": name}})))
    assert found.unclassified == ("MedicationStatement/m1",)
    (told,) = facts([order(**{CODED: {"text": name}})]).orders
    assert told.unclear == "its drug has no code and no name we can read"


ABSENT = ("http://terminology.hl7.org/CodeSystem/data-absent-reason", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor")


@pytest.mark.parametrize("system", ABSENT)
def test_a_coding_that_says_why_there_is_none_names_no_drug(system):
    why = {"system": system, "code": "unsupported", "display": "Not supported here"}
    assert state(drug(**{CODED: {"coding": [why]}})) == "unclassified"
    assert state(drug(**{CODED: {"coding": [why, {"system": RXNORM, "code": "10438"}]}})) == CURRENT
    assert state(drug(**{CODED: {"coding": [why], "text": "theophylline"}})) == CURRENT


@pytest.mark.parametrize("coding, expected", [
    ({"code": "00074-3368-13"}, "unclassified"), ({"code": "00074-3368-13", "display": "Theophylline 200 mg"}, CURRENT)])
def test_a_drug_with_a_package_code_alone_is_known_by_its_name_or_named_as_unreadable(coding, expected):
    for system in (NDC, "urn:oid:2.16.840.1.113883.6.69"):
        assert state(drug(**{CODED: {"coding": [{"system": system, **coding}]}})) == expected


def test_a_reference_that_is_called_something_else_than_its_medication_counts_as_both():
    other = {"resourceType": "Medication", "id": "m", "code": {"text": "ascorbic acid"}}
    assert state(drug(**{CODED: ..., BY_REF: {"reference": "Medication/m", "display": "THEOPHYLLINE ER"}}), other) == CURRENT
    coded = {"resourceType": "Medication", "id": "m", "code": THEOPHYLLINE}
    found = taken(drug(**{CODED: ..., BY_REF: {"reference": "Medication/m", "display": "Codeine 30 mg"}}), coded)
    assert found.doubts == ("code says theophylline, name says codeine",)


def test_a_medication_with_codes_of_many_levels_and_systems_is_one_drug():
    codings = [{"system": f"urn:oid:2.16.840.1.113883.6.{arc}", "code": "44"} for arc in (253, 68, 162)]
    codings += [{"system": RXNORM, "code": code} for code in ("10438", "313372", "1", "99999999")]
    held = {"resourceType": "Medication", "id": "m", "code": {"coding": codings, "text": "theophylline ER 300 mg tablet"}}
    found = taken(drug(REQUEST, **{CODED: ..., BY_REF: {"reference": "Medication/m", "display": "THEOPHYLLINE ER 300 MG PO TB12"}}), held)
    assert (found.terms["xanthines"], found.ingredients, found.doubts, found.ref) == ("code", ("theophylline",), (), "MedicationRequest/m1")


@pytest.mark.parametrize("length", [1, 64, 65, 130, 184])
def test_a_record_with_an_id_of_any_length_is_read_referenced_and_named_in_full(length):
    held = {"resourceType": "Medication", "id": LONG[-length:], "code": THEOPHYLLINE}
    for base in ("", "https://ehr.example.org/api/FHIR/R4/"):
        entry = drug(id=LONG[:length], **{CODED: ..., BY_REF: {"reference": f"{base}Medication/{LONG[-length:]}"}})
        assert taken(entry, held).ref == f"MedicationStatement/{LONG[:length]}"


def test_a_drug_of_the_fifth_release_known_by_reference_only_is_asked_for():
    for shape in ({BY_REF: {"reference": "Medication/9"}}, {"medication": {"reference": {"reference": "Medication/9"}}}):
        assert unnamed(Chart(), [drug(**{CODED: ..., **shape})], "https://ehr.example.org/r4") == ("Medication/9",)


def test_a_service_ordered_in_the_shape_of_the_fifth_release_is_told():
    service = {"resourceType": "ServiceRequest", "id": "draft-1", "status": "draft", "intent": "order"}
    for said, expected in (("ketamine infusion", ["ServiceRequest/draft-1"]), ("Chest X-ray", [])):
        found = facts([order(), {**service, "code": {"concept": {"text": said}}}]).orders
        assert [one.ref for one in found if not one.ref.startswith("Med")] == expected and not any(one.unclear for one in found)


def test_an_order_in_the_shape_of_the_fifth_release_keeps_what_its_medication_says():
    vial = {"resourceType": "Medication", "id": "v", "code": {"text": "ketamine"},
            "ingredient": [{"strength": {"numerator": {"value": 50, "unit": "mg"}, "denominator": {"value": 1, "unit": "mL"}}}]}
    shapes = ({BY_REF: {"reference": "#v"}}, {"medication": {"reference": {"reference": "#v"}}})
    fourth, fifth = (facts([order(**{CODED: None, **shape, "contained": [vial]})]).orders[0] for shape in shapes)
    assert fourth.strength == fifth.strength and fourth.strength
