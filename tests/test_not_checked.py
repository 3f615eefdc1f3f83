"""The "not checked" card: one card, one line for each thing, and nothing that was not checked is left unsaid."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from charts import ERROR, NOW, READY, ZONE, bundle

from cds import pipeline
from cds.hooks.request import request

STORY = next((Path(__file__).parent.parent / "fhir_fixtures").glob("23-*")) / "request.json"
FINE = json.loads(STORY.read_text("utf-8"))
LISTS = {"conditions": "Problem list", "medicationrequests": "Medication list", "medicationstatements": "Medication list",
         "observations": "Measurements", "allergies": "Allergy list", "patient": "Patient record"}
CONCEPT = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm"}]}


def cards(hook: str = "order-sign", added: dict | None = None, **prefetch) -> list[dict]:
    """The cards of a chart in which all is well but for what is sent otherwise; `added` entries join a list."""
    document = copy.deepcopy(FINE) | {"hook": hook}
    sent = document["prefetch"] = {key: one for key, one in (document["prefetch"] | prefetch).items() if one is not ...}
    for key, entry in (added or {}).items():
        sent[key] = bundle(*(one["resource"] for one in sent.get(key, {}).get("entry", ())), entry)
    return pipeline.decide(request(document), READY, NOW, ZONE, lambda: "id").cards


def lines(found: list[dict]) -> list[str]:
    (card,) = [one for one in found if "**Why:**" not in one["detail"]]
    return [line for line in card["detail"].splitlines() if line.startswith("- ")]


def test_a_chart_in_which_all_is_well_has_no_card():
    assert cards() == [] and cards("order-select") == []


@pytest.mark.parametrize("key", LISTS)
@pytest.mark.parametrize("sent, why", [(ERROR, "the EHR answered with an error (forbidden)"), (None, "sent as null"), (..., "not sent by the EHR")])
def test_a_list_that_did_not_answer_is_one_line_of_one_card_that_says_which_list_and_why(key, sent, why):
    if sent is ... and key in ("medicationrequests", "medicationstatements"):
        return  # one of the two is enough
    (card,) = found = cards(**{key: sent})
    (line,) = lines(found)
    assert line.startswith(f"- **{LISTS[key]}**: ") and why in line and card["indicator"] == "warning"
    assert card["summary"] == f"Not fully checked, missing: {LISTS[key].lower()}"


@pytest.mark.parametrize("change, told", [
    ({"gender": ...}, ["Sex"]), ({"gender": "unknown"}, ["Sex"]), ({"birthDate": ...}, ["Birth date"]), ({"birthDate": "?"}, ["Birth date"]),
    ({"gender": ..., "birthDate": ...}, ["Birth date", "Sex"]), ({"gender": "other"}, []), ({"birthDate": "1989"}, [])])
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_an_age_or_a_sex_that_is_not_recorded_is_information_though_no_rule_was_kept(change, told, hook):
    patient = {key: one for key, one in (FINE["prefetch"]["patient"] | change).items() if one is not ...}
    found = cards(hook, patient=patient)
    assert (lines(found) if found else []) == [f"- **{one}**: not recorded." for one in told]
    assert [one["indicator"] for one in found] == ["info"] * bool(told)


def test_an_allergy_list_without_any_entry_is_information_at_signing():
    (line,) = lines(cards(allergies=bundle()))
    assert line.startswith("- **Allergy list**: empty, and no entry says that there are none.")
    none_known = {"resourceType": "AllergyIntolerance", "id": "a", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}]}}
    assert cards(allergies=bundle(none_known)) == []


CUT_OFF = bundle(link=[{"relation": "next", "url": "x"}])


@pytest.mark.parametrize("sent, told", [(CUT_OFF, "only the first 0 entries were sent."), (ERROR, "the EHR answered with an error"), (None, ""), (..., ""),
                                        (bundle(), "")])
def test_reports_of_adverse_events_are_told_where_they_failed_and_not_where_an_ehr_offers_none(sent, told):
    found = cards(adverseevents=sent)
    assert len(found) == bool(told)
    assert all(line.startswith(f"- **Adverse event reports**: {told}") for line in lines(found)) if told else not found


BLANK = {
    "medicationstatements": ({"resourceType": "MedicationStatement", "status": "active"}, "1 medication could not be classified (MedicationStatement/x)"),
    "medicationrequests": ({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "medicationCodeableConcept": CONCEPT},
                           "1 medication could not be classified (MedicationRequest/x)"),
    "medicationadministrations": ({"resourceType": "MedicationAdministration", "status": "completed"},
                                  "1 medication could not be classified (MedicationAdministration/x)"),
    "conditions": ({"resourceType": "Condition"}, "1 problem has no code and no name (Condition/x)"),
    "allergies": ({"resourceType": "AllergyIntolerance"}, "1 allergy has no code and no name (AllergyIntolerance/x)"),
    "procedures": ({"resourceType": "Procedure", "status": "completed"}, "1 procedure has no code and no name (Procedure/x)"),
    "observations": ({"resourceType": "Observation", "status": "final", "valueQuantity": {"value": 3}}, "a measurement without a code or a name"),
    "adverseevents": ({"resourceType": "AdverseEvent", "actuality": "actual", "suspectEntity": [{"instance": {}}]},
                      "1 adverse event report has a suspected drug without code and name (AdverseEvent/x)"),
}


@pytest.mark.parametrize("key", BLANK)
def test_an_entry_of_any_list_that_cannot_be_read_is_named_once(key):
    entry, said = BLANK[key]
    (card,) = found = cards(added={key: {**entry, "id": "x"}})
    (line,) = lines(found)
    assert line.count(said) == 1 and card["indicator"] == "warning"


def test_several_entries_that_cannot_be_read_are_counted_and_three_are_named():
    blank = [{"resourceType": "Condition", "id": f"c{number}"} for number in range(5)]
    (line,) = lines(cards(conditions=bundle(*blank)))
    assert "5 problems have no code and no name (Condition/c0, Condition/c1, Condition/c2, …)" in line


def test_everything_at_once_is_still_one_card_with_a_line_for_each_thing():
    patient = {"resourceType": "Patient", "id": "wanda", "birthDate": "1989-05-05"}
    found = cards(conditions=ERROR, medicationrequests=ERROR, allergies=bundle(), patient=patient)
    things = [line.split("**")[1] for line in lines(found)]
    assert len(found) == 1 and sorted(things) == ["Allergy list", "Medication list", "Problem list", "Sex"]
