"""FHIR R4 resources as a hospital system sends them: with metadata, identifiers, references, narrative and notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson

from benchmarks.catalogue import DIAGNOSES, EVERYDAY, SEDATING, Diagnosis, Drug

SERIAL = "00serial"
"""Stands in every id; a request stream replaces it by the number of the request, which has as many characters."""
PATIENT = f"pat-{SERIAL}"

_RXNORM, _SNOMED = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://snomed.info/sct"
_ICD10CM, _LOINC, _UCUM = "http://hl7.org/fhir/sid/icd-10-cm", "http://loinc.org", "http://unitsofmeasure.org"
_CODES = "http://terminology.hl7.org/CodeSystem"
_REMARKS = (
    "Reviewed with the patient at the visit; no adverse effects reported.", "Continued unchanged after reconciliation on admission.",
    "Patient reports taking it most days.", "Discussed risks and benefits, patient agrees with the plan.", "Copied forward from the previous encounter.",
    "Renewal requested through the portal.", "To be reassessed at the next follow-up visit.", "Stable since the last visit, no change in management.",
    "Outside record received and scanned.", "Family present during the discussion.",
)


@dataclass(slots=True)
class Draw:
    """What the resources of one chart share: the generator, the clock, the bytes each entry may fill, and a running number."""

    chance: Random
    now: datetime
    room: int
    _made: dict[str, int] = field(default_factory=dict)

    def identity(self, short: str) -> str:
        """The next id with a prefix, for example `ms-…-12`."""
        self._made[short] = self._made.get(short, 0) + 1
        return f"{short}-{SERIAL}-{self._made[short]}"

    def day(self, least: int, most: int) -> str:
        """A date so many days ago."""
        return (self.now - timedelta(days=self.chance.randint(least, most))).date().isoformat()

    def instant(self, ago: timedelta) -> str:
        """A dateTime so long ago, with offset."""
        return (self.now - ago).isoformat(timespec="seconds")


def patient(draw: Draw) -> dict[str, Any]:
    """The patient, in the middle of life."""
    return {
        "resourceType": "Patient", "id": PATIENT, **_meta(draw),
        "identifier": [{"use": "usual", "system": "urn:oid:2.16.840.1.113883.19.5", "value": f"MRN-{SERIAL}"}],
        "active": True, "name": [{"use": "official", "family": "Example", "given": ["Pat", "Q."]}],
        "telecom": [{"system": "phone", "value": "+1-555-0100", "use": "home"}], "gender": draw.chance.choice(("female", "male")),
        "birthDate": draw.day(365 * 35, 365 * 64), "address": [{"line": ["12 Example Street"], "city": "Springfield", "postalCode": "00000"}],
    }


def conditions(draw: Draw, count: int) -> list[dict[str, Any]]:
    """Problems, first every diagnosis once, then repetitions as long charts have them; older ones mostly resolved."""
    return [_filled(draw, _condition(draw, diagnosis)) for diagnosis in _some(draw, DIAGNOSES, count)]


def statements(draw: Draw, count: int, sedating: int) -> list[dict[str, Any]]:
    """Drugs the patient is recorded to take or to have taken."""
    return [_filled(draw, _statement(draw, drug)) for drug in _drugs(draw, count, sedating)]


def requests(draw: Draw, count: int, sedating: int) -> list[dict[str, Any]]:
    """Prescriptions of the last years."""
    return [_filled(draw, _request(draw, drug)) for drug in _drugs(draw, count, sedating)]


def blood_pressure(draw: Draw) -> dict[str, Any]:
    """A reading of the last hour, above the guide value."""
    parts = (("8480-6", "Systolic blood pressure", draw.chance.randint(142, 158)), ("8462-4", "Diastolic blood pressure", draw.chance.randint(76, 88)))
    component = [{"code": _coded((_LOINC, code, display)), "valueQuantity": _quantity(value, "mm[Hg]")} for code, display, value in parts]
    coded = _coded((_LOINC, "85354-9", "Blood pressure panel with all children optional"))
    return {**_observation(draw, coded, timedelta(minutes=50)), "component": component}


def weight(draw: Draw) -> dict[str, Any]:
    """A body weight of today."""
    coded = _coded((_LOINC, "29463-7", "Body weight"))
    return {**_observation(draw, coded, timedelta(minutes=55)), "valueQuantity": _quantity(draw.chance.randint(78, 95) + 0.5, "kg")}


def draft(draw: Draw, drug: Drug) -> dict[str, Any]:
    """The order being signed: ketamine 40 mg over 40 minutes into a vein, any other drug once a day by mouth."""
    infusion = "ketamine" in drug.display
    order = {
        "resourceType": "MedicationRequest", "id": draw.identity("draft"), "status": "draft", "intent": "order",
        "medicationCodeableConcept": _coded((_RXNORM, drug.rxcui, drug.display)), **_about(draw), "authoredOn": draw.instant(timedelta(minutes=2)),
    }
    if not infusion:
        return {**order, "dosageInstruction": [_dosage(drug)]}
    entry = {
        "text": "40 mg IV over 40 minutes", "route": _coded((_SNOMED, "47625008", "Intravenous route")),
        "timing": {"repeat": {"count": 1, "duration": 40, "durationUnit": "min"}}, "doseAndRate": [{"doseQuantity": _quantity(40, "mg")}],
    }
    return {**order, "dosageInstruction": [entry]}


def _drugs(draw: Draw, count: int, sedating: int) -> list[Drug]:
    found = [*_some(draw, SEDATING, sedating), *_some(draw, EVERYDAY, count - sedating)]
    draw.chance.shuffle(found)
    return found


def _some(draw: Draw, among: tuple, count: int) -> list:
    rounds = [draw.chance.sample(among, len(among)) for _ in range(count // len(among) + 1)]
    return [one for each in rounds for one in each][:count]


def _condition(draw: Draw, diagnosis: Diagnosis) -> dict[str, Any]:
    active = draw.chance.random() < 0.6
    onset = draw.day(400, 4000)
    return {
        "resourceType": "Condition", "id": draw.identity("cond"), **_meta(draw),
        "clinicalStatus": _coded((f"{_CODES}/condition-clinical", "active" if active else "resolved", "")),
        "verificationStatus": _coded((f"{_CODES}/condition-ver-status", "confirmed", "")),
        "category": [_coded((f"{_CODES}/condition-category", "problem-list-item", "Problem List Item"))],
        "code": _coded((_ICD10CM, diagnosis.icd10cm, diagnosis.display), (_SNOMED, diagnosis.snomed, diagnosis.snomed_display)), **_about(draw),
        "onsetDateTime": onset, **({} if active else {"abatementDateTime": draw.day(10, 390)}), "recordedDate": onset,
    }


def _statement(draw: Draw, drug: Drug) -> dict[str, Any]:
    active = draw.chance.random() < 0.65
    return {
        "resourceType": "MedicationStatement", "id": draw.identity("ms"), **_meta(draw), "status": "active" if active else "completed",
        "medicationCodeableConcept": _coded((_RXNORM, drug.rxcui, drug.display)), **_about(draw, "context"),
        "effectivePeriod": {"start": draw.day(200, 1500), **({} if active else {"end": draw.day(20, 190)})},
        "dateAsserted": draw.day(1, 15), "dosage": [_dosage(drug)],
    }


def _request(draw: Draw, drug: Drug) -> dict[str, Any]:
    active = draw.chance.random() < 0.5
    return {
        "resourceType": "MedicationRequest", "id": draw.identity("mr"), **_meta(draw), "status": "active" if active else draw.chance.choice(
            ("completed", "stopped")), "intent": "order",
        "medicationCodeableConcept": _coded((_RXNORM, drug.rxcui, drug.display)), **_about(draw),
        "authoredOn": draw.instant(timedelta(days=draw.chance.randint(5, 300) if active else draw.chance.randint(100, 1500))),
        "requester": {"reference": "Practitioner/pr-104", "display": "Robin Example, MD"}, "dosageInstruction": [_dosage(drug)],
    }


def _dosage(drug: Drug) -> dict[str, Any]:
    often = "once daily" if drug.times_a_day == 1 else f"{drug.times_a_day} times daily"
    return {
        "text": f"Take {drug.dose} {drug.unit} {often}", "timing": {"repeat": {"frequency": drug.times_a_day, "period": 1, "periodUnit": "d"}},
        "route": _coded((_SNOMED, "26643006", "Oral route")), "doseAndRate": [{"doseQuantity": _quantity(float(drug.dose), drug.unit)}],
    }


def _observation(draw: Draw, coded: dict[str, Any], ago: timedelta) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": draw.identity("obs"), **_meta(draw), "status": "final",
        "category": [_coded((f"{_CODES}/observation-category", "vital-signs", "Vital Signs"))], "code": coded, **_about(draw),
        "effectiveDateTime": draw.instant(ago),
    }


def _meta(draw: Draw) -> dict[str, Any]:
    return {"meta": {"versionId": str(draw.chance.randint(1, 9)), "lastUpdated": f"{draw.day(1, 60)}T08:15:00Z"}}


def _about(draw: Draw, visit: str = "encounter") -> dict[str, Any]:
    return {"subject": {"reference": f"Patient/{PATIENT}"}, visit: {"reference": f"Encounter/enc-{draw.chance.randint(1000, 9999)}"}}


def _coded(*codings: tuple[str, str, str]) -> dict[str, Any]:
    found = [{"system": system, "code": code, **({"display": display} if display else {})} for system, code, display in codings]
    return {"coding": found, **({"text": codings[0][2]} if codings[0][2] else {})}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def _filled(draw: Draw, resource: dict[str, Any]) -> dict[str, Any]:
    """Add an identifier, a narrative and remarks, in an order of chance, as far as the entry has room."""
    said = resource.get("code", resource.get("medicationCodeableConcept"))["text"]
    adorned = {
        "identifier": [{"system": "urn:oid:2.16.840.1.113883.19.5.99", "value": resource["id"]}],
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{said}</p></div>'},
        "note": [{"text": draw.chance.choice(_REMARKS)}],
    }
    for name in draw.chance.sample(tuple(adorned), len(adorned)):
        if len(orjson.dumps({**resource, name: adorned[name]})) <= draw.room:
            resource[name] = adorned[name]
    missing = draw.room - len(orjson.dumps(resource)) - len(',"note":[{"text":""}]')
    while "note" in resource and missing > len(_REMARKS[0]):
        resource["note"][0]["text"] += " " + draw.chance.choice(_REMARKS)
        missing = draw.room - len(orjson.dumps(resource))
    return resource
