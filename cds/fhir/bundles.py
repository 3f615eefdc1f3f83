"""What the EHR sent beside the orders: every resource by type, and for every list whether it was read completely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds.fhir import read

TYPES = {
    "conditions": "Condition", "medicationstatements": "MedicationStatement", "medicationrequests": "MedicationRequest",
    "observations": "Observation", "allergies": "AllergyIntolerance", "procedures": "Procedure",
    "medicationadministrations": "MedicationAdministration", "patient": "Patient",
}
"""Prefetch key -> the resource type it stands for (interface: only these keys can prove a list empty)."""


@dataclass(slots=True)
class Received:
    """How one prefetch key was answered: complete, or why not; `truncated` pages may still be used for recent entries."""

    complete: bool
    reason: str = ""
    truncated: bool = False
    asked: bool = True


@dataclass(slots=True)
class Chart:
    """All resources of the patient by type, how each key was answered, and what was left out."""

    resources: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    received: dict[str, Received] = field(default_factory=dict)
    by_reference: dict[str, dict[str, Any]] = field(default_factory=dict)
    other_patients: int = 0
    seen: dict[str, set[str]] = field(default_factory=dict)


NOT_SENT = Received(False, "not sent by the EHR", asked=False)


def chart(prefetch: Mapping[str, Any], patient_id: str) -> Chart:
    """Sort prefetched resources by type; resources of another patient are left out and counted."""
    found = Chart()
    for key, value in prefetch.items():
        if isinstance(value, dict) and "resourceType" not in value and isinstance(value.get("resource"), dict):
            value = value["resource"]
        wanted = TYPES.get(key)
        if wanted is None:
            _take_any(found, value, patient_id)
        else:
            found.received[key] = _take(found, value, wanted, patient_id)
    return found


def _take_any(found: Chart, value: object, patient_id: str) -> None:
    if isinstance(value, dict):
        _take(found, value, "", patient_id)


def _take(found: Chart, value: object, wanted: str, patient_id: str) -> Received:
    if value is None:
        return Received(False, "sent as null")
    if not isinstance(value, dict):
        return Received(False, "sent in a form that is not FHIR")
    kind = value.get("resourceType")
    if kind == "OperationOutcome":
        return Received(False, f"the EHR answered with an error{_diagnosis(value)}")
    if kind == "Bundle":
        return _take_bundle(found, value, wanted, patient_id)
    if not isinstance(kind, str):
        return Received(False, "sent in a form that is not FHIR")
    strangers = found.other_patients
    add(found, value, None, patient_id)
    if kind == wanted == "Patient":
        return Received(found.other_patients == strangers, "sent for another patient")
    return Received(False, f"a single {kind[:40]} was sent instead of a list" if kind == wanted else f"a {kind[:40]} was sent instead")


def _take_bundle(found: Chart, bundle: Mapping[str, Any], wanted: str, patient_id: str) -> Received:
    entries = bundle.get("entry")
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        return Received(False, "sent in a form that is not FHIR")
    matches = others = odd = 0
    failed, strangers = "", found.other_patients
    for entry in entries:
        resource = entry.get("resource") if type(entry) is dict else None
        if type(resource) is not dict:
            odd += 1
            continue
        kind = resource.get("resourceType")
        if kind == "OperationOutcome":
            failed = failed or _failure(resource)
            continue
        matches += kind == wanted
        others += kind != wanted
        add(found, resource, entry.get("fullUrl"), patient_id)
    if failed:
        return Received(False, f"the EHR answered with an error{failed}".rstrip())
    if found.other_patients > strangers:
        return Received(False, "held records of another patient")
    if odd:
        return Received(False, f"{odd} {'entry' if odd == 1 else 'entries'} held no resource")
    if others and not matches:
        return Received(False, f"the list held no {wanted or 'resource that was asked for'}")
    return _completeness(bundle, matches)


def _completeness(bundle: Mapping[str, Any], matches: int) -> Received:
    if any(one.get("relation") == "next" for one in read.listed(bundle.get("link"))):
        return Received(False, f"only the first {matches} entries were sent", truncated=True)
    total = bundle.get("total")
    if type(total) is int and total > matches:
        return Received(False, f"only {matches} of {total} entries were sent", truncated=True)
    return Received(True)


def add(found: Chart, resource: dict[str, Any], full_url: object, patient_id: str) -> None:
    """Put one resource in its place, once, unless it is about another patient."""
    kind = resource.get("resourceType")
    if type(kind) is not str:
        return
    identity = resource.get("id")
    if type(identity) is str:
        seen = found.seen.setdefault(kind, set())
        if identity in seen:
            return
        seen.add(identity)
    if kind in ("Medication", "Condition"):
        found.by_reference[f"{kind}/{identity}"] = resource
        if type(full_url) is str:
            found.by_reference[full_url] = resource
    subject = resource.get("subject")
    if (type(subject) is not dict or subject.get("reference") != f"Patient/{patient_id}") and is_of_another(resource, kind, patient_id):
        found.other_patients += 1
        return
    listed = found.resources.get(kind)
    if listed is None:
        found.resources[kind] = [resource]
    else:
        listed.append(resource)


def is_of_another(resource: Mapping[str, Any], kind: str, patient_id: str) -> bool:
    """Whether a resource names a patient, and not this one."""
    if kind == "Patient":
        return resource.get("id") not in (None, patient_id)
    subject = resource.get("subject") or resource.get("patient")
    ref = subject.get("reference") if type(subject) is dict else None
    if type(ref) is not str or ref.endswith(patient_id) and ref[-len(patient_id) - 1:-len(patient_id)] in ("/", ""):
        return False
    return "Patient/" in ref and read.tail(ref) != patient_id


def _failure(outcome: Mapping[str, Any]) -> str:
    for issue in read.listed(outcome.get("issue")):
        if read.text(issue.get("severity")).lower() in ("error", "fatal"):
            return _diagnosis(outcome) or " "
    return ""


def _diagnosis(outcome: Mapping[str, Any]) -> str:
    for issue in read.listed(outcome.get("issue")):
        code = read.text(issue.get("code"))
        if code:
            return f" ({code[:40]})"
    return ""
