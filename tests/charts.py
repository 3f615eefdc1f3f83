"""Charts for tests: resources as EHRs send them, and the facts that are read from them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from fractions import Fraction as F
from zoneinfo import ZoneInfo

from cds import pipeline, rulebook
from cds.facts.model import PatientFacts
from cds.hooks.request import request

ZONE = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 6, 30, 10, tzinfo=timezone.utc)
READY = pipeline.prepare([rulebook.shipped()], date(2026, 6, 30), use_engine=False)
RXNORM, LOINC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://loinc.org"
THEOPHYLLINE = {"coding": [{"system": RXNORM, "code": "10438"}], "text": "theophylline"}
CODED, BY_REF = "medicationCodeableConcept", "medicationReference"
SYS, DIA, WEIGHT = "8480-6", "8462-4", "29463-7"
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}
ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
CONDITION = {"resourceType": "Condition", "id": "c1", "code": {"text": "COPD"}}


def bundle(*resources, **more) -> dict:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}


def order(**more) -> dict:
    return {"resourceType": "MedicationRequest", "id": "draft-1", "status": "draft", "intent": "order",
            "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "6130"}], "text": "ketamine"}, **more}


def facts(orders=None, hook="order-sign", **prefetch) -> PatientFacts:
    context = {"patientId": "p1", "draftOrders": bundle(*(orders or [order()]))}
    asked = request({"hook": hook, "hookInstance": "x", "context": context, "prefetch": prefetch})
    return pipeline.decide(asked, READY, NOW, ZONE, lambda: "id").facts


def drug(kind="MedicationStatement", **more) -> dict:
    found = {"resourceType": kind, "id": "m1", "status": "active", "medicationCodeableConcept": THEOPHYLLINE, **more}
    return {key: value for key, value in found.items() if value is not ...}


def state(resource: dict, *others: dict) -> str | None:
    """How a drug is taken; None where it does not count, `unclassified` where it cannot be told."""
    found = facts(any_key=bundle(resource, *others))
    taken = found.medications.get("xanthines", ())
    return taken[0].state if taken else "unclassified" if found.unclassified else None


def amount(value, unit) -> dict:
    return {"value": value, "unit": unit}


def observation(code, value, unit="mmHg", when="2026-06-30T09:00:00Z", **more) -> dict:
    return {"resourceType": "Observation", "id": f"{code}-{value}-{when}", "status": "final", "effectiveDateTime": when,
            "code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": amount(value, unit), **more}


def measured(term: str, *observations: dict) -> list[F]:
    return [one.value for one in facts(observations=bundle(*observations)).measurements.get(term, ())]


def ago(days: int) -> str:
    return (date(2026, 6, 30) - timedelta(days=days)).isoformat()


def period(start, end=None) -> dict:
    return {"effectivePeriod": {"start": start, "end": end}}
