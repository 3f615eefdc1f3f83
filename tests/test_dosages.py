"""An order with several dosages is judged by each of them, and never by the dose of one with the time of another."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import pytest
from charts import NOW, READY, WEIGHT, ZONE, bundle, observation, order

from cds import pipeline
from cds.facts.model import MOST_DOSAGES, Dose, Order
from cds.hooks.request import request


def dosage(milligrams: float | None, minutes: int | None, **more) -> dict:
    found = {"route": {"text": "intravenous"}, **more}
    if milligrams is not None:
        found["doseAndRate"] = [{"doseQuantity": {"value": milligrams, "unit": "mg"}}]
    if minutes is not None:
        found["timing"] = {"repeat": {"duration": minutes, "durationUnit": "min"}}
    return found


def decided(*dosages: dict) -> pipeline.Decision:
    """What a patient of 80 kg is told about one ketamine order."""
    asked = request({"hook": "order-sign", "hookInstance": "x",
                     "context": {"patientId": "p1", "draftOrders": bundle(order(dosageInstruction=list(dosages)))},
                     "prefetch": {"observations": bundle(observation(WEIGHT, 80, "kg"))}})
    return pipeline.decide(asked, READY, NOW, ZONE, lambda: "id")


def dose_findings(decision: pipeline.Decision) -> list[dict]:
    return [one for card in decision.cards for one in card["extension"]["org.ketamine-cds.findings"]
            if one["rule"] == "dose-and-rate" and one["answer"] == "met"]


def test_the_dose_of_one_dosage_never_meets_the_infusion_time_of_another():
    (together,) = dose_findings(decided(dosage(80, 20)))
    assert together["indicator"] == "critical"
    (apart,) = dose_findings(decided(dosage(80, 40), dosage(20, 20)))
    assert apart["indicator"] == "warning"


@pytest.mark.parametrize("dosages", [(dosage(80, 20), dosage(20, 40)), (dosage(20, 40), dosage(80, 20))])
def test_the_gravest_dosage_speaks_for_the_order_whatever_their_order(dosages):
    found = decided(*dosages)
    assert [one["indicator"] for one in dose_findings(found)] == ["critical"]
    assert found.answers["dose-and-rate"]["answer"] == "met" and "orders" not in found.answers["dose-and-rate"]


def test_a_dosage_that_says_only_how_long_belongs_to_the_dose_beside_it():
    (found,) = dose_findings(decided(dosage(80, None), dosage(None, 20)))
    assert found["indicator"] == "critical"


def test_more_dosages_than_can_be_judged_are_told_and_not_guessed():
    many = Order("MedicationRequest/1", "ketamine", "ketamine", {}, doses=tuple(Dose(mass=F(one)) for one in range(1, MOST_DOSAGES + 2)))
    (left,) = many.dosages()
    assert left.unclear == f"it states {MOST_DOSAGES + 1} different doses; at most {MOST_DOSAGES} are judged"
    assert len(replace(many, doses=many.doses[1:]).dosages()) == MOST_DOSAGES
