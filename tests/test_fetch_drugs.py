"""Drugs that are only named by reference: fetched with their list, or one by one, before anything is decided about them."""

from __future__ import annotations

import pytest
from charts import ago
from fetching import fetched
from misbehaving import searchset, serving
from service import asked, drug, medicine, order, pointing, theophylline
from test_fetch import CHART, SIGN, bare


@pytest.mark.parametrize("hook", ["order-sign", "patient-view"])
def test_drugs_named_by_reference_in_lists_that_came_whole_are_fetched_too(hook: str):
    given = drug("ketamine", "6130", "k-1", "MedicationRequest", authoredOn=ago(3))
    with serving([medicine("theophylline")]) as ehr:
        document = asked(hook, statements=(pointing("Medication/m-1", theophylline()),), medicationrequests=(given,), fhirServer=ehr.base)
        document["prefetch"] |= {key: searchset() for key in ("procedures", "adverseevents", "medicationadministrations")}
        found = fetched(document, [ehr.base])
        assert found.facts.medications["xanthines"] and ehr.paths() == ["Medication/m-1"]


def test_drugs_named_by_reference_come_with_the_list_or_are_fetched_one_by_one():
    chart = [pointing("Medication/m-1", theophylline()), medicine("theophylline")]
    for manner, asked_for in (("up", 0), ("plain", 1)):
        with serving(chart, every=manner) as ehr:
            assert fetched(bare(ehr.base), [ehr.base]).facts.medications["xanthines"]
            assert ehr.paths().count("Medication/m-1") == asked_for


@pytest.mark.parametrize("name, lists", [("ketamine", len(SIGN)), ("acetaminophen", 0)])
def test_a_draft_order_that_only_refers_to_its_drug_is_told_before_the_chart_is_fetched(name: str, lists: int):
    with serving([*CHART, medicine(name)]) as ehr:
        found = fetched(bare(ehr.base, orders=[pointing("Medication/m-1", order())]), [ehr.base])
        assert len(ehr.paths()) == 1 + lists and bool(found.cards) == bool(lists)


def test_a_drug_that_is_not_there_is_asked_for_once():
    given = drug("ketamine", "6130", "k-1", "MedicationRequest", authoredOn=ago(3))
    with serving([given, pointing("Medication/gone", theophylline())], every="plain") as ehr:
        for hook in ("patient-view", "order-sign"):
            ehr.asked.clear()
            found = fetched(bare(ehr.base, hook), [ehr.base])
            assert ehr.paths().count("Medication/gone") == 1 and "could not be classified" in str(found.cards)
