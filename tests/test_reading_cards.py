"""What a card says about a record that could not be read: it is named, and never dropped in silence."""

from __future__ import annotations

import pytest
from charts import BY_REF, CODED, CONDITION, NOW, READY, SYS, ZONE, bundle, drug, observation, order

from cds import pipeline
from cds.hooks.request import request

NDC = {"coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "00074-3368-13"}]}
ALLERGY = {"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": "Unknown to us", "coding": []}}
FOREIGN = {"reference": "Patient/p2"}
LISTS = ("conditions", "medicationstatements", "medicationrequests", "observations", "allergies", "procedures")


def said(*orders: dict, **prefetch) -> str:
    """Everything the cards say, all lists but those given being empty."""
    context = {"patientId": "p1", "draftOrders": bundle(*(orders or (order(),)))}
    sent = {**{key: bundle() for key in LISTS}, **prefetch}
    asked = request({"hook": "order-sign", "hookInstance": "x", "context": context, "prefetch": sent})
    cards = pipeline.decide(asked, READY, NOW, ZONE, lambda: "id").cards
    return "\n".join(text for card in cards for text in (card["summary"], card["detail"])).replace("\\", "").replace("**", "")


@pytest.mark.parametrize("key, resource, words", [
    ("medicationstatements", drug(**{CODED: NDC}), "1 medication could not be classified (MedicationStatement/m1)"),
    ("medicationstatements", drug(**{CODED: {"text": "See comment"}}), "1 medication could not be classified (MedicationStatement/m1)"),
    ("medicationrequests", drug("MedicationRequest", **{CODED: ..., BY_REF: {"reference": "Medication/gone"}}),
     "1 medication could not be classified (MedicationRequest/m1)"),
    ("medicationstatements", drug(status="stopped", **{CODED: {}}), "1 medication could not be classified (MedicationStatement/m1)"),
    ("medicationstatements", drug(subject=FOREIGN), "Records of another patient: 1 left out"),
    ("medicationstatements", drug(subject={"reference": "Group/p1"}), "Records of another patient: 1 left out"),
    ("medicationstatements", {"resourceType": "MedicationUsage"}, "1 entry could not be read"),
    ("medicationstatements", {"resourceType": "medicationstatement", CODED: {"text": "theophylline"}}, "1 entry could not be read"),
    ("conditions", {**CONDITION, "code": NDC}, "1 problem has no code and no name (Condition/c1)"),
    ("conditions", {**CONDITION, "code": {"text": "unknown"}}, "1 problem has no code and no name (Condition/c1)"),
    ("allergies", {**ALLERGY, "code": NDC}, "1 allergy has no code and no name (AllergyIntolerance/a1)"),
    ("allergies", {**ALLERGY, "code": None, "substance": {"text": "ketamine"}}, "1 allergy has no code and no name (AllergyIntolerance/a1)"),
    ("procedures", {"resourceType": "Procedure", "id": "x1", "status": "completed"}, "1 procedure has no code and no name (Procedure/x1)"),
    ("observations", {**observation(SYS, 190), "code": {}}, "a measurement without a code or a name could not be read"),
    ("observations", {**observation(SYS, 190), "effectiveDateTime": "1969-12-31T19:00:00-05:00"}, "systolic blood pressure without a usable date could not be read"),
    ("observations", {**observation(SYS, 190), "effectiveDateTime": "2062-06-30"}, "190 mmHg on 2062-06-30 lies in the future and could not be used"),
    ("observations", {**observation(SYS, 190), "valueQuantity": None, "dataAbsentReason": {"text": "refused"}}, "without a usable value could not be read"),
    ("observations", {**observation(SYS, 150), "status": "verified"}, "Status of 1 measurement: “verified” is not a FHIR status; it is used all the same")])
def test_a_record_that_cannot_be_read_is_named_on_a_card(key, resource, words):
    told = said(**{key: bundle(resource)})
    assert words.casefold() in told.casefold(), told
    assert words.casefold() not in said().casefold()


@pytest.mark.parametrize("sent, words", [
    (order(**{CODED: NDC}), "its drug has no code and no name we can read"), (order(**{CODED: {"text": "Unknown"}}), "its drug has no code and no name we can read"),
    (order(subject=FOREIGN), "a draft order belongs to another patient"), ({"resourceType": "MadeUp"}, "a MadeUp cannot be read as an order")])
def test_an_order_that_cannot_be_read_is_named_on_a_card(sent, words):
    assert words in said(sent)
