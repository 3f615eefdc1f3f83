"""Several draft orders: each is judged and named by itself, also where they share an id or have none."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from service import Document, asked, order

from cds import pipeline, rulebook
from cds.clock import new_identifier
from cds.hooks.request import request
from cds.selftest.promises import problems

NOW = datetime(2026, 6, 30, 10, tzinfo=timezone.utc)
READY = pipeline.prepare([rulebook.shipped()], NOW.date(), use_engine=False)


def card(*orders: Document, **more: Any) -> Document:
    """The one card on an overdose."""
    document = asked(orders=list(orders), **more)
    if "selections" in document:
        document["context"]["selections"] = document.pop("selections")
    cards = pipeline.decide(request(document), READY, NOW, None, new_identifier).cards
    assert problems({"cards": cards}) == []
    (found,) = [one for one in cards if one["source"]["topic"]["code"] == "doseandrate"]
    return found


def test_two_overdoses_are_told_apart_by_their_amounts_in_text_and_suggestions():
    found = card(order("a", mg=400), order("b", mg=300))
    assert "**Order:** ketamine, 400 mg over 40 minutes" in found["detail"] and "**Order:** ketamine, 300 mg over 40 minutes" in found["detail"]
    assert [one["label"] for one in found["suggestions"]] == ["Remove the draft order: ketamine, 400 mg over 40 minutes",
                                                              "Remove the draft order: ketamine, 300 mg over 40 minutes"]


@pytest.mark.parametrize("orders", [(order("a"), order("a", mg=400)), (order("a", mg=400), order("a")), (order("a"), order("b"), order("a", mg=400))])
@pytest.mark.parametrize("more", [{}, {"hook": "order-select", "selections": ["MedicationRequest/a"]}])
def test_of_two_orders_with_one_id_the_dangerous_one_is_named_and_none_is_offered_to_be_deleted(orders, more):
    found = card(*orders, **more)
    place = 1 + [one["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] for one in orders].index(400)
    (told,) = found["extension"]["org.ketamine-cds.findings"]
    assert told["order"] == f"MedicationRequest/a (order {place})" and "**Order:** ketamine, 400 mg" in found["detail"] and "suggestions" not in found


def test_an_order_without_an_id_is_named_by_its_place_and_not_offered_to_be_deleted():
    found = card(order(None), order(None, mg=400))
    (told,) = found["extension"]["org.ketamine-cds.findings"]
    assert told["order"] == "MedicationRequest/(draft 2)" and "suggestions" not in found
