"""Which lists count as read completely, and what is said about the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from charts import CONDITION, ERROR, NOW, SYS, WARNING, bundle, drug, facts, observation, order

from cds.facts.model import ListState


@pytest.mark.parametrize("sent, reason", [
    *((one, "") for one in (bundle(), {"resourceType": "Bundle"}, bundle(WARNING), bundle(CONDITION, WARNING),
                            bundle(CONDITION, total=1), {"response": {"status": "200"}, "resource": bundle()})),
    *((one, "sent in a form that is not FHIR") for one in ([], "x", {"response": {"status": "404"}, "resource": None})),
    *((one, "the EHR answered with an error (forbidden)") for one in (ERROR, bundle(ERROR), bundle(CONDITION, ERROR))),
    (..., "not sent by the EHR"), (None, "sent as null"), (bundle(CONDITION, total=7), "only 1 of 7 entries were sent"),
    (bundle(CONDITION, link=[{"relation": "next", "url": "x"}]), "only the first 1 entries were sent"),
    (bundle({"resourceType": "Goal", "id": "g"}), "1 entry could not be read"),
    (CONDITION, "a single Condition was sent instead of a list"), ({"resourceType": "Goal"}, "a Goal was sent instead"),
    ({"resourceType": "Bundle", "entry": [{}]}, "1 entry could not be read")])
def test_a_list_is_read_only_where_all_of_it_arrived_and_else_says_why(sent, reason):
    found = facts(**({} if sent is ... else {"conditions": sent}))
    assert found.lists["conditions"] == ListState(not reason, reason, asked=sent is not ...)


@pytest.mark.parametrize("statements, requests, read", [
    (bundle(), bundle(), True), (bundle(), ..., True), (..., bundle(), True), (..., ..., False),
    (bundle(), None, False), (ERROR, bundle(), False), (None, None, False)])
def test_the_medication_list_is_read_when_one_answered_and_the_other_was_not_asked_for(statements, requests, read):
    sent = {"medicationstatements": statements, "medicationrequests": requests}
    assert facts(**{key: value for key, value in sent.items() if value is not ...}).lists["medications"].read is read


@pytest.mark.parametrize("hours, since", [((1, 20, 50), 50), ((50, 20, 1), None), ((50,), None), ((9, 9), None)])
def test_a_page_that_was_cut_off_is_complete_back_to_its_oldest_entry_where_it_runs_newest_first(hours, since):
    times = [(NOW - timedelta(hours=one)).isoformat() for one in hours]
    page = bundle(*(observation(SYS, 120 + one, when=when) for one, when in zip(hours, times)), link=[{"relation": "next"}])
    state = facts(observations=page).lists["observations"]
    assert (state.read, state.complete_since) == (False, NOW - timedelta(hours=since) if since else None)


def test_a_resource_under_any_key_counts_but_proves_no_list_empty():
    found = facts(whatever=bundle(drug(), CONDITION))
    assert found.medications["xanthines"] and found.conditions["copd"]
    assert not found.lists["medications"].read and not found.lists["conditions"].read


def test_records_of_another_patient_are_left_out_and_counted():
    refs = ("Patient/p1", "http://x/Patient/p1", "Patient/p1/_history/2", "urn:x", "Patient/p2", "http://x/Patient/xp1")
    sent = [drug(subject={"reference": ref}, id=f"m{number}") for number, ref in enumerate(refs)]
    foreign = order(id="draft-2", subject={"reference": "Patient/p2"})
    found = facts([order(), foreign], medicationstatements=bundle(*sent))
    assert len(found.medications["xanthines"]) == 4 and len(found.orders) == 1
    told = {f"{one.list}: {one.what}" for one in found.unreadable}
    assert told == {"records of another patient: 2 left out", "draft orders of another patient: 1 left out"}
