"""Lists as a whole: what counts as an entry, when somebody last wrote, and which entries contradict each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from charts import ERROR, THEOPHYLLINE, bundle, drug, facts
from charts import order as draft

from cds.engine.contradictions import records_contradict
from cds.engine.formula import NO, SOFT, UNKNOWN, YES
from cds.engine.listed import taking
from cds.engine.recorded import list_updated, nothing_recorded
from cds.facts.model import ListState
from cds.quantities import quantity
from cds.rulefile.rule import Clause

STATIN = {"text": "atorvastatin 20 mg"}
KETAMINE = draft(id="ket-1", status="active", authoredOn="2026-06-20")
NILKNOWN = {"resourceType": "List", "id": "l1", "status": "current", "code": {"coding": [{"code": "medications"}]},
            "emptyReason": {"coding": [{"code": "nilknown"}]}, "date": "2026-06-29"}
NOTHING, UPDATED = Clause("nothing_recorded", "medications"), Clause("list_updated", "medications", (("within", quantity("90 days")),))
OLD = Clause("list_updated", "medications", (("longer_ago_than", quantity("90 days")),))
NO_PROBLEM = Clause("nothing_recorded", "conditions")
NOT_EVEN = Clause("nothing_recorded", "conditions", (("not_even", "refuted"),))


def statin(kind="MedicationStatement", **more) -> dict:
    return drug(kind, medicationCodeableConcept=more.pop("medicationCodeableConcept", STATIN), **more)


def problem(code="I71.4", clinical="active", entered="2026-06-01", name="c1", **more) -> dict:
    return {"resourceType": "Condition", "id": name, "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
            "clinicalStatus": {"coding": [{"code": clinical}]}, "recordedDate": entered, **more}


def medicines(*drugs, **more):
    """The facts of a chart whose medication list was read whole, each drug in the list of its type."""
    statements, requests = (bundle(*(one for one in drugs if one["resourceType"] == kind)) for kind in ("MedicationStatement", "MedicationRequest"))
    return facts(medicationstatements=statements, medicationrequests=requests, **more)


def verification(code: str) -> dict:
    return {"verificationStatus": {"coding": [{"code": code}]}}


@pytest.mark.parametrize("entry, empty", [
    (statin(), NO), (statin(status="completed"), NO), (statin(status="not-taken"), NO), (drug(medicationCodeableConcept=...), NO),
    (statin(status="entered-in-error"), YES), (statin("MedicationRequest", status="draft"), YES), (KETAMINE, YES),
    (statin("MedicationRequest", status="cancelled"), YES), (statin("MedicationRequest", intent="proposal"), YES)])
def test_a_draft_a_proposal_an_error_and_ketamine_itself_are_no_entries_of_the_medication_list(entry, empty):
    assert nothing_recorded(NOTHING, medicines(entry)).value == empty


@pytest.mark.parametrize("entry, empty, not_even", [
    (problem(), NO, NO), (problem("Z99.9", "resolved"), NO, NO), ({"resourceType": "Condition", "id": "blank"}, NO, NO),
    (problem(category=[{"coding": [{"code": "health-concern"}]}]), YES, YES),
    (problem(category=[{"coding": [{"code": "health-concern"}, {"code": "problem-list-item"}]}]), NO, NO),
    (problem(**verification("refuted")), YES, NO), (problem(**verification("entered-in-error")), YES, NO)])
def test_a_refuted_problem_is_told_from_an_empty_list_and_a_health_concern_is_no_problem(entry, empty, not_even):
    found = facts(conditions=bundle(entry))
    assert (nothing_recorded(NO_PROBLEM, found).value, nothing_recorded(NOT_EVEN, found).value) == (empty, not_even)


@pytest.mark.parametrize("dates, updated, old", [
    ({"dateAsserted": "2026-06-01"}, YES, NO), ({"dateAsserted": "2026-01-01"}, NO, YES), ({}, NO, YES),
    ({"meta": {"lastUpdated": "2026-06-29T10:00:00Z"}}, NO, YES), ({"effectivePeriod": {"start": "2026-06-01"}}, NO, YES),
    ({"dateAsserted": "2027-06-01"}, NO, YES), ({"dateAsserted": "2026"}, UNKNOWN, SOFT), ({"dateAsserted": "soon"}, NO, YES)])
def test_when_a_list_was_updated_is_told_by_who_asserted_it_and_never_by_the_server(dates, updated, old):
    found = medicines(statin(**dates))
    assert (list_updated(UPDATED, found).value, list_updated(OLD, found).value) == (updated, old)


def test_the_newest_dated_entry_counts_whatever_its_drug_or_its_place():
    found = medicines(statin(dateAsserted="2025-01-01"), statin("MedicationRequest", id="m2", authoredOn="2026-06-03T08:00:00Z"))
    (because,) = list_updated(UPDATED, found).because
    assert (because.resource, because.text) == ("MedicationRequest/m2", "atorvastatin 20 mg, recorded 2026-06-03")


def test_an_order_of_ketamine_is_no_sign_of_an_updated_list():
    assert list_updated(UPDATED, medicines(statin(dateAsserted="2025-01-01"), KETAMINE)).value == NO


def test_an_empty_list_is_neither_updated_nor_old():
    assert [list_updated(one, medicines()).value for one in (UPDATED, OLD)] == [NO, NO]


@pytest.mark.parametrize("change, empty, updated", [
    ({}, NO, YES), ({"date": "2026-01-01"}, NO, NO), ({"status": "retired"}, YES, NO), ({"code": {"text": "shopping"}}, YES, NO),
    ({"emptyReason": {"coding": [{"code": "notasked"}]}}, YES, YES)])
def test_a_list_resource_that_says_nil_known_is_an_answer(change, empty, updated):
    found = medicines(lists={**NILKNOWN, **change})
    assert (nothing_recorded(NOTHING, found).value, list_updated(UPDATED, found).value) == (empty, updated)


@pytest.mark.parametrize("sent", [ERROR, None])
def test_a_list_that_was_not_read_leaves_open_whether_it_is_empty_or_old_unless_an_entry_shows(sent):
    silent = facts(medicationstatements=bundle(), medicationrequests=sent)
    for clause in (NOTHING, UPDATED, OLD):
        answer = nothing_recorded(clause, silent) if clause is NOTHING else list_updated(clause, silent)
        assert answer.value == UNKNOWN and answer.missing[0].unreadable and answer.missing[0].thing == "medication list"
    shown = facts(medicationstatements=bundle(statin(dateAsserted="2026-06-01")), medicationrequests=sent)
    assert (nothing_recorded(NOTHING, shown).value, list_updated(UPDATED, shown).value, list_updated(OLD, shown).value) == (NO, YES, NO)


def contradiction(first: dict, second: dict, within="365 days"):
    clause = Clause("records_contradict", "conditions", (("about", ("aneurysm",)), ("within", quantity(within))))
    return records_contradict(clause, facts(conditions=bundle(first, second)))


@pytest.mark.parametrize("other, value", [
    ({}, YES), ({"code": "i71.4"}, YES), ({"code": "I67.1"}, NO), ({"clinical": "active"}, NO), ({"clinical": "inactive"}, YES),
    ({"entered": "2024-06-01"}, NO), ({"entered": None}, SOFT), ({"recorder": {"reference": "Practitioner/b"}}, YES),
    ({"recorder": {"reference": "Practitioner/a"}}, NO), ({"meta": {"source": "urn:b#1"}}, YES), (verification("refuted"), NO)])
def test_two_records_of_one_code_from_different_sources_contradict_each_other(other, value):
    found = contradiction(problem(recorder={"reference": "Practitioner/a"}), problem(**{"clinical": "resolved", "name": "c2", **other}))
    assert found.value == value
    assert [one.resource for one in found.because] == (["Condition/c1", "Condition/c2"] if value else [])


def taken_and_stopped(taken: dict, stopped: dict):
    clause = Clause("records_contradict", "medications", (("about", ("xanthines",)), ("within", quantity("365 days"))))
    return records_contradict(clause, medicines(drug(dateAsserted="2026-06-20", **taken), drug(id="m2", status="stopped", **stopped))).value


@pytest.mark.parametrize("taken, stopped, value", [
    ({}, {"effectivePeriod": {"end": "2026-05-01"}}, YES),
    ({"effectivePeriod": {"start": "2026-05-20"}}, {"effectivePeriod": {"end": "2026-05-01"}}, NO),
    ({"effectivePeriod": {"start": "2026-05-01"}}, {"effectivePeriod": {"end": "2026-05-01"}}, NO),
    ({"effectivePeriod": {"start": "2026-04-01"}}, {"effectivePeriod": {"end": "2026-05-01"}}, YES),
    ({}, {"effectivePeriod": {"end": "2025-05-01"}}, NO), ({}, {}, SOFT), ({"status": "on-hold"}, {}, NO),
    ({"medicationCodeableConcept": {"text": "aminophylline"}}, {}, NO),
    ({"informationSource": {"reference": "Patient/p1"}}, {"informationSource": {"reference": "Patient/p1"}}, NO)])
def test_a_drug_taken_and_stopped_is_a_contradiction_unless_it_began_again(taken, stopped, value):
    assert taken_and_stopped(taken, stopped) == value


LITHIUM = Clause("taking", "lithium", (("without_diagnosis", ("bipolar",)),))


@pytest.mark.parametrize("sent, value", [
    (bundle(), YES), (bundle(problem("F31.9")), NO), (bundle(problem("F31.9", "resolved")), NO), (bundle(problem("F33.2")), YES),
    (bundle(problem("F31.9", **verification("provisional"))), NO), (bundle(problem("F31.9", **verification("refuted"))), YES),
    (bundle({"resourceType": "Condition", "id": "t", "code": {"text": "Bipolar disorder"}}), NO), (ERROR, UNKNOWN)])
def test_a_drug_without_its_diagnosis_is_told_unless_the_problem_list_names_it_in_any_state(sent, value):
    coded = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "6448"}]}
    assert taking(LITHIUM, medicines(drug(medicationCodeableConcept=coded, dateAsserted="2026-06-01"), conditions=sent)).value == value


def test_a_clause_over_a_list_that_nobody_gathered_is_open_as_long_as_the_list_is_unread():
    found = replace(medicines(drug(medicationCodeableConcept=THEOPHYLLINE)), recorded={}, lists={"medications": ListState(False, "why")})
    assert nothing_recorded(NOTHING, found).value == UNKNOWN
