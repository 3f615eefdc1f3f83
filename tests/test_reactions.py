"""Allergies, adverse events and procedures: how resources as EHRs send them are read, and what the clauses about them answer."""

from __future__ import annotations

import pytest
from charts import ERROR, RXNORM, bundle, facts
from test_clauses import NOW, at, node
from test_terms import FIND

from cds.engine.reactions import allergic_to, had_adverse_event, had_procedure
from cds.facts.model import AdverseEvent, Allergy, ListState, PatientFacts, Procedure
from cds.rulefile.clauses import Reader, question
from cds.terms.systems import SNOMED, UNII

REACTION_KINDS = {"drug": "medication", "repair": "procedure", "hives": "reaction", "nausea": "reaction"}
KETAMINE = {"coding": [{"system": RXNORM, "code": "6130"}], "text": "Ketamine"}
NKA = {"coding": [{"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}]}
ALLERGIC, ONLY = {"allergic_to": "drug"}, frozenset({"nausea"})
REPAIRED = {"had_procedure": "repair"}


def clause(asked):
    problems = []
    found = question(node(asked), Reader(REACTION_KINDS, {}, problems))
    assert not problems, problems
    return found.clause


def allergy(**more) -> Allergy:
    return Allergy("A/1", "drug", "drug, allergy recorded", {"drug": "code"}, **more)


def says(asked, *found, **more) -> int:
    """0 no, 1 unknown, 2 soft yes, 3 yes."""
    answer = {"allergic_to": allergic_to, "had_procedure": had_procedure, "had_adverse_event": had_adverse_event}[next(iter(asked))]
    return answer(clause(asked), _facts(*found, **more)).value


def _facts(*found, procedures=ListState(True), allergies=ListState(True)) -> PatientFacts:
    held = {kind: tuple(one for one in found if type(one) is kind) for kind in (Allergy, Procedure, AdverseEvent)}
    return PatientFacts("order-sign", NOW, NOW.tzinfo, allergies={"drug": held[Allergy]}, procedures={"repair": held[Procedure]},
                        adverse_events={"drug": held[AdverseEvent]}, lists={"procedures": procedures, "allergies": allergies})


@pytest.mark.parametrize("words, entry, value", [
    ({}, {}, 3), ({}, {"recorded_as": "over"}, 0), ({"recorded_as": "over"}, {"recorded_as": "over"}, 3), ({"recorded_as": "over"}, {}, 0),
    ({"recorded_as": "allergy"}, {"recorded_as": "allergy"}, 3), ({"recorded_as": "allergy"}, {"recorded_as": "intolerance"}, 0),
    ({"recorded_as": "not stated"}, {}, 3), ({"recorded_as": "not stated"}, {"recorded_as": "allergy"}, 0),
    ({"criticality": "high"}, {"criticality": "high"}, 3), ({"criticality": "high"}, {"criticality": "low"}, 0), ({"criticality": "high"}, {}, 0),
    ({"reaction": "hives"}, {"reactions": (ONLY, frozenset({"hives"}))}, 3), ({"reaction": "hives"}, {"reactions": (ONLY,)}, 0),
    ({"reaction": "hives"}, {}, 0), ({"reaction_other_than": "nausea"}, {}, 3), ({"reaction_other_than": "nausea"}, {"reactions": (ONLY,)}, 0),
    ({"reaction_other_than": "nausea"}, {"reactions": (ONLY, frozenset())}, 3)])
def test_the_words_of_one_clause_speak_of_one_entry_of_the_allergy_list(words, entry, value):
    assert says({**ALLERGIC, **words}, allergy(**entry)) == value


def test_two_entries_never_answer_one_clause_together():
    asked = {**ALLERGIC, "recorded_as": "allergy", "reaction": "hives"}
    assert says(asked, allergy(recorded_as="allergy"), allergy(recorded_as="intolerance", reactions=(frozenset({"hives"}),))) == 0
    assert says(asked, allergy(recorded_as="allergy", reactions=(frozenset({"hives"}),))) == 3


def test_an_allergy_list_that_proves_nothing_is_unknown_and_no_fault_of_reading():
    answer = allergic_to(clause(ALLERGIC), _facts(allergies=ListState(True, open="empty")))
    assert (answer.value, [(one.reason, one.unreadable) for one in answer.missing]) == (1, [("empty", False)])


@pytest.mark.parametrize("asked, done, state, value", [
    (REPAIRED, {}, ListState(True), 3), (REPAIRED, {"doubts": ("status unknown",)}, ListState(True), 2), (REPAIRED, None, ListState(True), 0),
    (REPAIRED, None, ListState(False, "sent as null"), 1), (REPAIRED, None, ListState(False, "not sent", asked=False), 1),
    ({**REPAIRED, "if_absent": "no", "because": "x"}, None, ListState(False, "not sent", asked=False), 0),
    ({**REPAIRED, "if_absent": "no", "because": "x"}, None, ListState(False, "sent as null"), 1),
    ({**REPAIRED, "if_absent": "no", "because": "x"}, {}, ListState(False, "sent as null"), 3),
    ({**REPAIRED, "within": "30 days"}, {"done": "2026-06-10"}, ListState(True), 3),
    ({**REPAIRED, "within": "30 days"}, {"done": "2026-05-10"}, ListState(True), 0),
    ({**REPAIRED, "within": "30 days"}, {"done": "2026"}, ListState(True), 2), ({**REPAIRED, "within": "30 days"}, {}, ListState(True), 2)])
def test_a_procedure_counts_by_its_status_and_date_and_a_list_never_sent_may_count_as_no(asked, done, state, value):
    held = [] if done is None else [Procedure("P/1", "repair", "repair", {"repair": "code"}, at(done.get("done")), done.get("doubts", ()))]
    assert says(asked, *held, procedures=state) == value


def test_a_procedure_known_by_name_only_is_soft():
    assert says(REPAIRED, Procedure("P/1", "repair", "repair", {"repair": "text"})) == 2


@pytest.mark.parametrize("words, seriousness, reaction, value", [
    ({}, "", (), 3), ({"seriousness": "serious"}, "serious", (), 3), ({"seriousness": "serious"}, "", (), 0),
    ({"seriousness": "not stated"}, "", (), 3),
    ({"seriousness": "not stated"}, "non-serious", (), 0), ({"reaction_other_than": "nausea"}, "", ("nausea",), 0),
    ({"reaction_other_than": "nausea"}, "", (), 3)])
def test_an_adverse_event_counts_by_its_seriousness_and_kind(words, seriousness, reaction, value):
    event = AdverseEvent("E/1", "x", "x", {"drug": "code"}, seriousness, frozenset(reaction))
    assert says({"had_adverse_event": "drug", **words}, event) == value


# ---- how resources are read


def entries(*resources, hook="order-sign", **more):
    sent = [{"resourceType": "AllergyIntolerance", "id": f"a-{number}", **one} for number, one in enumerate(resources)]
    return facts(hook=hook, allergies=bundle(*sent), **more)


@pytest.mark.parametrize("sent, recorded_as, reactions, criticality", [
    ({}, "", 0, ""), ({"type": "allergy", "criticality": "high"}, "allergy", 0, "high"), ({"type": "intolerance"}, "intolerance", 0, ""),
    ({"type": {"coding": [{"code": "allergy"}]}}, "allergy", 0, ""),
    ({"clinicalStatus": {"coding": [{"code": "resolved"}]}, "type": "allergy"}, "over", 0, ""),
    ({"clinicalStatus": {"coding": [{"code": "inactive"}]}}, "over", 0, ""),
    ({"reaction": [{"manifestation": [{"text": "Hives"}, {"text": "Nausea"}]}]}, "", 2, ""),
    ({"reaction": [{"manifestation": [{"concept": {"text": "Hives"}}]}]}, "", 1, ""),
    ({"reaction": [{"description": "collapsed in the car"}]}, "", 1, "")])
def test_kind_status_reactions_and_criticality_of_an_allergy_are_read(sent, recorded_as, reactions, criticality):
    one, = entries({"code": KETAMINE, **sent}).allergies["any-ketamine"]
    assert (one.recorded_as, len(one.reactions), one.criticality) == (recorded_as, reactions, criticality)


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_a_refuted_allergy_never_counts(status):
    assert not entries({"code": KETAMINE, "verificationStatus": {"coding": [{"code": status}]}}, {"code": NKA}).allergies


@pytest.mark.parametrize("code", [
    {"text": "Ketalar"}, {"text": "ketamine HCl"}, {"coding": [{"system": "http://snomed.info/sct", "code": "373464007"}]},
    {"coding": [{"system": "http://fdasis.nlm.nih.gov", "code": "690G0D6V8H"}]},
    {"coding": [{"system": "urn:oid:2.16.840.1.113883.4.9", "code": "690G0D6V8H"}]},
    {"coding": [{"system": RXNORM, "code": "238082"}]}, {"coding": [{"system": "urn:local", "code": "17", "display": "KETAMINE"}]}])
def test_a_substance_is_known_by_rxnorm_snomed_and_unii_codes_and_by_name(code):
    assert "ketamine" in entries({"code": code}).allergies and "esketamine" not in entries({"code": code}).allergies


@pytest.mark.parametrize("text, counts", [("No known allergy to ketamine", False), ("denies ketamine allergy", False),
    ("Ketamine (nausea, not severe)", True)])
def test_an_entry_that_denies_an_allergy_is_none(text, counts):
    assert bool(entries({"code": {"text": text}}).allergies) is counts


def test_a_substance_named_in_a_reaction_counts():
    assert entries({"code": {"text": "Drug reaction"}, "reaction": [{"substance": KETAMINE,
        "manifestation": [{"text": "Rash"}]}]}).allergies["ketamine"]


@pytest.mark.parametrize("code, hook, open_list", [
    ([NKA], "order-sign", False), ([{"text": "Penicillin"}], "order-sign", False), ([], "order-sign", True),
    ([{"text": "Not on File"}], "order-sign", True),
    ([], "order-select", False)])
def test_an_empty_allergy_list_proves_nothing_when_an_order_is_signed(code, hook, open_list):
    assert bool(entries(*({"code": one} for one in code), hook=hook).lists["allergies"].open) is open_list


@pytest.mark.parametrize("text, counts", [
    ("General anesthetics", True), ("Anaesthetic allergy", True), ("anesthesia", True), ("Local anesthetics", False), ("lidocaine", False),
    ("Ketamine", False)])
def test_an_anaesthetic_without_a_name_on_the_allergy_list_is_a_reaction_whose_agent_is_not_known(text, counts):
    assert ("anaesthetic-reaction" in entries({"code": {"text": text}}).conditions) is counts


@pytest.mark.parametrize("status, code, doubts", [
    ("completed", {"text": "EVAR"}, 0), ("in-progress", {"text": "EVAR"}, 0), ("", {"text": "EVAR"}, 1), ("unknown", {"text": "EVAR"}, 1),
    ("completed", {"coding": [{"system": "http://snomed.info/sct", "code": "444588006"}]}, 0), ("not-done", {"text": "EVAR"}, None),
    ("entered-in-error", {"text": "EVAR"}, None), ("preparation", {"text": "EVAR"}, None), ("completed", {"text": "Appendectomy"}, None)])
def test_procedures_are_read_by_code_or_name_unless_they_were_not_done(status, code, doubts):
    sent = {"resourceType": "Procedure", "id": "p-1", "status": status, "code": code, "performedPeriod": {"start": "2020-01-01", "end": "2020-01-02"}}
    found = facts(procedures=bundle(sent)).procedures.get("aneurysm-repair", ())
    assert [(len(one.doubts), one.done.text) for one in found] == ([] if doubts is None else [(doubts, "2020-01-02")])


def test_a_procedure_without_code_and_name_keeps_the_list_from_proving_absence():
    found = facts(procedures=bundle({"resourceType": "Procedure", "id": "p-1", "status": "completed"}))
    assert [(one.what, one.list) for one in found.unreadable if one.list == "procedures"] == [("1 procedure has no code and no name", "procedures")]


def suspected(**suspect):
    event = {"resourceType": "AdverseEvent", "id": "e-1", "actuality": "actual", "event": {"text": "Syncope"}, "date": "2025-01-28",
        "suspectEntity": [suspect]}
    medication = {"resourceType": "Medication", "id": "m-1", "code": KETAMINE}
    held = {"resourceType": "MedicationRequest", "id": "r-1", "status": "completed", "medicationCodeableConcept": KETAMINE}
    return facts(adverseevents=bundle(event), medicationrequests=bundle(held), any_key=bundle(medication)).adverse_events


@pytest.mark.parametrize("suspect", [
    {"instance": {"reference": "Medication/m-1"}}, {"instance": {"reference": "MedicationRequest/r-1"}},
    {"instance": {"display": "Ketamine 10 mg/mL"}},
    {"instanceCodeableConcept": KETAMINE}])
def test_the_drug_an_adverse_event_is_laid_to_is_found_by_reference_name_or_concept(suspect):
    one, = suspected(**suspect)["ketamine"]
    assert one.text == "adverse event: Syncope, 2025-01-28"


@pytest.mark.parametrize("sent, value", [(ERROR, 0), (None, 0), (bundle(), 0), (bundle(link=[{"relation": "next", "url": "x"}]), 1), (bundle(total=3), 1), ({}, 1)])
def test_adverse_events_that_are_not_offered_are_no_gap_and_those_that_did_not_come_whole_are(sent, value):
    assert had_adverse_event(clause({"had_adverse_event": "drug"}), facts(adverseevents=sent)).value == value
    assert not had_adverse_event(clause({"had_adverse_event": "drug"}), facts()).value


def test_an_adverse_event_of_another_drug_is_none_of_ours():
    assert not suspected(instance={"reference": "Medication/other"})


def test_substances_are_no_problems_and_problems_no_substances():
    snomed, unii = SNOMED, UNII
    assert not FIND.condition(((snomed, "373464007", ""),), "").terms
    assert not FIND.medication(((snomed, "128609009", ""),), "").terms
    assert FIND.medication(((unii, "50LFG02TXD", ""),), "").terms.keys() >= {"esketamine", "any-ketamine"}
