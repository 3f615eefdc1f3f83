"""Weights: held against earlier ones and against the weight an earlier order was dosed for; body mass index."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction as F

import pytest
from charts import READY, RXNORM, WEIGHT, bundle, facts, observation, order
from hypothesis import given, settings
from hypothesis import strategies as st
from test_clauses import NOW, answer, chart, kg, read, spo2

from cds import pipeline
from cds.engine.changes import changed, two_values_of
from cds.facts.model import DOSED_FOR
from cds.hooks.request import request
from cds.web.discovery import prefetch

BY_TENTH = {"changed": "body-weight", "by": "above 10 %", "within": "12 months"}
MIXED_UP = {"two_values_of": "body-weight", "at_least": "2 times", "at_most": "2.4 times", "within": "180 days"}
LATE, EARLY, OLD = "2026-06-20", "2026-04-20", "2025-01-01"


def dosed_for(value, written=EARLY):
    return spo2(value, written, DOSED_FOR, "weight")


@pytest.mark.parametrize("found, met", [
    ((kg(80, LATE),), False), ((), False), ((kg(80, LATE), kg(90, EARLY)), True), ((kg(90, LATE), kg(100, EARLY)), False),
    ((kg(89, LATE), kg(100, EARLY)), True), ((kg(111, LATE), kg(100, EARLY)), True), ((kg(80, LATE), kg(95, OLD)), False),
    ((kg(80, LATE), kg(80, EARLY), kg(81, EARLY), kg(120, EARLY)), False), ((kg(80, LATE), dosed_for(90)), True),
    ((kg(80, LATE), kg(120, EARLY), dosed_for(80)), False), ((kg(80, LATE), dosed_for(120, "2026-04-01"), dosed_for(80, "2026-05-01")), False),
    ((kg(80, LATE), dosed_for(95, OLD)), False)])
def test_a_weight_is_held_against_the_last_order_that_states_one_else_against_the_median_of_the_year(found, met):
    assert answer(BY_TENTH, chart(*found)) == ("met" if met else "not met")


@pytest.mark.parametrize("found, met", [
    ((kg(80, LATE), kg(176, EARLY)), True), ((kg(176, LATE), kg(80, EARLY)), True), ((kg(80, LATE), kg(160, EARLY)), True),
    ((kg(80, LATE), kg(192, EARLY)), True), ((kg(80, LATE), kg(159, EARLY)), False), ((kg(80, LATE), kg(193, EARLY)), False),
    ((kg(80, LATE), kg(200, EARLY), kg(128, EARLY)), False), ((kg(80, LATE), kg(176, OLD)), False), ((kg(80, LATE),), False), ((), False),
    ((kg(80, "2025-12-22"), kg(176, "2025-06-25")), True), ((kg(80, "2025-12-22"), kg(176, "2025-06-24")), False)])
def test_two_weights_of_which_one_is_in_pounds_are_found_and_two_others_never_stand_in_for_them(found, met):
    assert answer(MIXED_UP, chart(*found)) == ("met" if met else "not met")


@given(st.lists(st.tuples(st.integers(25, 350), st.integers(0, 400)), max_size=8))
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
def test_the_order_of_the_measurements_changes_no_comparison(values):
    found = [kg(value, (NOW - timedelta(days=days)).date().isoformat()) for value, days in values]
    for asked, judge in ((BY_TENTH, changed), (MIXED_UP, two_values_of)):
        clause = read(asked).clause
        assert judge(clause, chart(*found)).value == judge(clause, chart(*reversed(found))).value


def test_what_changed_is_said_with_both_values():
    because, = changed(read(BY_TENTH).clause, chart(kg(80, LATE), kg(100, EARLY))).because
    assert "changed by 20 % against the median of 1 earlier, 100, last 100 %" in because.text


# ---- how resources are read


def earlier(text, code="6130", **more):
    sent = {"resourceType": "MedicationRequest", "id": "old-1", "status": "completed", "intent": "order", "authoredOn": "2026-04-20",
            "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code}]}, "dosageInstruction": [{"text": text}], **more}
    return [one.value for one in facts(medicationrequests=bundle(sent)).measurements.get(DOSED_FOR, ())]


@pytest.mark.parametrize("text, value", [
    ("40 mg IV over 40 min (0.5 mg/kg x 80 kg)", 80), ("0.5 mg/kg, weight 82.5kg", F("82.5")), ("0.5 mg/kg for 200 lb", F(200) * F("0.45359237")),
    ("0.5 mg/kg", None), ("40 mg", None), ("10 mg/kg/h", None), ("80 kg bag of sand 999 kg", 80), ("for 5 kg", None)])
def test_the_weight_in_the_dosage_of_an_earlier_order_is_read(text, value):
    assert earlier(text) == ([] if value is None else [value])


@pytest.mark.parametrize("more", [{"status": "entered-in-error"}, {"authoredOn": None}, {"code": "10438"}])
def test_orders_in_error_without_a_date_or_for_another_drug_say_no_weight(more):
    assert earlier("40 mg (80 kg)", **more) == []


def height(value, unit, when="2020-01-01"):
    return observation("8302-2", value, unit, when)


def index_of(*found):
    return [(round(float(one.value), 1), one.text) for one in facts(observations=bundle(*found)).measurements.get("body-mass-index", ())]


@pytest.mark.parametrize("value, unit", [(170, "cm"), (1.7, "m"), (66.92913, "[in_i]"), (66.92913, "in")])
def test_the_body_mass_index_follows_from_the_newest_weight_and_height(value, unit):
    (index, text), = index_of(observation(WEIGHT, 90, "kg", "2026-06-20"), observation(WEIGHT, 70, "kg", "2025-06-20"), height(value, unit))
    assert index == 31.1 and "from 90 kg and 170 cm" in text


@pytest.mark.parametrize("found, indices", [
    ((observation(WEIGHT, 90, "kg", "2026-06-20"),), []), ((height(170, "cm"),), []),
    ((observation(WEIGHT, 90, "kg", "2026-06-20"), height(17, "cm")), []),
    ((observation(WEIGHT, 90, "kg", "2026-06-20"), height(170, "cm"), observation("39156-5", 29, "kg/m2", "2026-06-20")), [29]),
    ((observation(WEIGHT, 90, "kg", "2026-06-20"), height(170, "cm"), observation("39156-5", 29, "kg/m2", "2026-05-20")), [29, 31.1])])
def test_a_recorded_index_goes_before_one_that_was_worked_out_and_impossible_heights_are_not_used(found, indices):
    assert sorted(index for index, _ in index_of(*found)) == indices


def test_the_height_is_asked_for_where_a_rule_asks_for_the_index():
    book = READY.rulebook
    asked = prefetch("order-select", [rule for rule in book.rules if rule.id == "weight"], book)["observations"]
    assert all(f"http://loinc.org|{code}" in asked for code in ("8302-2", "39156-5", "29463-7"))


def test_one_missing_weight_is_one_line_although_two_rules_wait_for_it():
    drafts = bundle(order(dosageInstruction=[{"text": "40 mg IV over 40 minutes"}]))
    asked = request({"hook": "order-sign", "hookInstance": "x", "context": {"patientId": "p1", "draftOrders": drafts},
        "prefetch": {"observations": bundle()}})
    cards = pipeline.decide(asked, READY, NOW, NOW.tzinfo, lambda: "id").cards
    lines = [line for line in cards[-1]["detail"].splitlines() if "ody weight" in line]
    assert lines == ["- **Body weight**: none in the last 90 days. Not checked: Weight for dosing, Dose, infusion time and concentration."]
