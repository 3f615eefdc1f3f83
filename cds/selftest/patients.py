"""Synthetic patients made for the check, and the requests about them: what any hook is asked with, filled in from discovery."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

PATIENT, USER, ENCOUNTER = "selftest-patient", "Practitioner/selftest-user", "selftest-encounter"
HAZARDS, EMPTY, NONE = "patient with hazards", "patient with nothing recorded", "no prefetch"
ORDER_HOOKS = ("order-select", "order-sign")
_TESTING = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST", "display": "test health data"}]}
_LOINC, _RXNORM = "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
Document = dict[str, Any]


def request(service: Mapping[str, Any], patient: str, instance: str, now: datetime) -> Document:
    """A request for one service of a discovery document, about one of the patients."""
    hook = str(service.get("hook"))
    asked: Document = {"hook": hook, "hookInstance": instance, "context": _context(hook, now)}
    templates = service.get("prefetch")
    if patient != NONE and isinstance(templates, dict):
        chart = _chart(now) if patient == HAZARDS else {"Patient": _chart(now)["Patient"]}
        asked["prefetch"] = {key: value for key, template in templates.items() if (value := _fetched(str(template), chart)) is not None}
    return asked


def _context(hook: str, now: datetime) -> Document:
    context: Document = {"userId": USER, "patientId": PATIENT, "encounterId": ENCOUNTER}
    order = _order(now)
    if hook in ORDER_HOOKS:
        context["draftOrders"] = _bundle([order], "collection")
    if hook == "order-select":
        context["selections"] = [f"MedicationRequest/{order['id']}"]
    if hook == "order-dispatch":
        context = {"patientId": PATIENT, "dispatchedOrders": [f"MedicationRequest/{order['id']}"], "performer": "Organization/selftest-performer"}
    if hook == "appointment-book":
        taking_part = [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "needs-action"}]
        context["appointments"] = _bundle([_resource("Appointment", "appointment", status="proposed", participant=taking_part)], "collection")
    return context


def _fetched(template: str, chart: Mapping[str, list[Document]]) -> Document | None:
    """What a client sends for a template: a Bundle for a search, the resource for a read, nothing where it has none."""
    kind = template.partition("?")[0].partition("/")[0]
    if "?" in template:
        return _bundle(chart.get(kind, []), "searchset")
    return next(iter(chart.get(kind, [])), None)


def _chart(now: datetime) -> dict[str, list[Document]]:
    hour, month = _instant(now - timedelta(hours=1)), _instant(now - timedelta(days=30))
    crisis = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I16.1"}], "text": "Hypertensive emergency"}
    person = _resource("Patient", "patient", subject=False, name=[{"family": "Selftest", "given": ["Synthetic"]}], gender="female",
                       birthDate="1980-01-01")
    return {
        "Patient": [person],
        "Condition": [_resource("Condition", "condition", code=crisis, clinicalStatus=_code("condition-clinical", "active"),
                                verificationStatus=_code("condition-ver-status", "confirmed"), onsetDateTime=hour)],
        "MedicationStatement": [_drug("MedicationStatement", "theophylline", "10438", effectivePeriod={"start": month})],
        "MedicationRequest": [_drug("MedicationRequest", "ketamine", "6130", intent="order", authoredOn=month)],
        "Observation": [_measured("8480-6", 190, "mm[Hg]", hour), _measured("8462-4", 110, "mm[Hg]", hour), _measured("29463-7", 80, "kg", month)],
    }


def _order(now: datetime) -> Document:
    """A draft order of far too much ketamine by vein."""
    dosage = {"text": "250 mg intravenously over 40 minutes", "timing": {"repeat": {"duration": 40, "durationUnit": "min"}},
              "route": {"coding": [{"system": "http://snomed.info/sct", "code": "47625008"}]},
              "doseAndRate": [{"doseQuantity": {"value": 250, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}]}
    made = _drug("MedicationRequest", "ketamine", "6130", intent="order", authoredOn=_instant(now), dosageInstruction=[dosage])
    return made | {"id": "selftest-draft", "status": "draft"}


def _resource(kind: str, identity: str, subject: bool = True, **more: Any) -> Document:
    of = {"subject": {"reference": f"Patient/{PATIENT}"}} if subject and kind != "Appointment" else {}
    return {"resourceType": kind, "id": f"selftest-{identity}", "meta": _TESTING, **of, **more}


def _drug(kind: str, name: str, code: str, **more: Any) -> Document:
    concept = {"coding": [{"system": _RXNORM, "code": code, "display": name}], "text": name}
    return _resource(kind, name, status="active", medicationCodeableConcept=concept, **more)


def _measured(code: str, value: float, unit: str, at: str) -> Document:
    amount = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return _resource("Observation", f"observation-{code}", status="final", effectiveDateTime=at, valueQuantity=amount,
                     code={"coding": [{"system": _LOINC, "code": code}]})


def _code(system: str, code: str) -> Document:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def _bundle(resources: list[Document], kind: str) -> Document:
    total = {"total": len(resources)} if kind == "searchset" else {}
    entries = {"entry": [{"resource": one} for one in resources]} if resources else {}
    return {"resourceType": "Bundle", "type": kind, **total, **entries}


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
