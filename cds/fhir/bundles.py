"""What the EHR sent beside the orders: every resource by type, and for every list whether it was read completely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds.fhir import read
from cds.quantities import decimal, exact

TYPES = {
    "conditions": "Condition", "medicationstatements": "MedicationStatement", "medicationrequests": "MedicationRequest",
    "observations": "Observation", "allergies": "AllergyIntolerance", "procedures": "Procedure",
    "medicationadministrations": "MedicationAdministration", "patient": "Patient", "adverseevents": "AdverseEvent",
}
"""Prefetch key -> the resource type it stands for (interface: only these keys can prove a list empty)."""


_KNOWN = frozenset((*TYPES.values(), "MedicationOrder", "Medication", "Practitioner", "PractitionerRole", "Organization", "Encounter",
                    "Provenance", "Location", "RelatedPerson", "Device", "Specimen", "Group", "CarePlan", "ServiceRequest", "Procedure"))


_ABOUT_PATIENTS = frozenset((*TYPES.values(), "MedicationOrder"))


@dataclass(slots=True)
class Received:
    """How one prefetch key was answered: complete, or why not; `truncated` pages may still be used for recent entries.

    `refused` means that the EHR offers no such list, or not to us, and that nothing went wrong.
    """

    complete: bool
    reason: str = ""
    truncated: bool = False
    asked: bool = True
    refused: bool = False


@dataclass(slots=True)
class Chart:
    """All resources of the patient by type, how each key was answered, and what was left out."""

    resources: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    received: dict[str, Received] = field(default_factory=dict)
    by_reference: dict[str, dict[str, Any]] = field(default_factory=dict)
    other_patients: int = 0
    seen: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)


SENT_AS_NULL = "sent as null"
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
            found.received[key] = take(found, value, wanted, patient_id)
    return found


def _take_any(found: Chart, value: object, patient_id: str) -> None:
    if isinstance(value, dict):
        take(found, value, "", patient_id)


def take(found: Chart, value: object, wanted: str, patient_id: str) -> Received:
    """Put an answer, a Bundle or a lone resource, into a chart; says whether it is the whole list of the wanted type."""
    if value is None:
        return Received(False, SENT_AS_NULL, refused=True)
    if not isinstance(value, dict):
        return Received(False, "sent in a form that is not FHIR")
    kind = value.get("resourceType")
    if kind == "OperationOutcome":
        return Received(False, f"the EHR answered with an error{_diagnosis(value)}", refused=True)
    if kind == "Bundle":
        received = _take_bundle(found, value, wanted, patient_id)
        if found.strangers:
            _leave_out_strangers(found)
        if wanted == "Patient" and received.complete and not found.resources.get("Patient"):
            return Received(False, "the answer held no Patient")
        return received
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
    failed, strangers, own = "", found.other_patients, f"Patient/{patient_id}"
    for entry in entries:
        resource = entry.get("resource") if type(entry) is dict else None
        kind = resource.get("resourceType") if type(resource) is dict else None
        if type(kind) is not str:
            odd += 1
            continue
        if kind == "Bundle":
            inner = _take_bundle(found, resource, wanted, patient_id)
            matches += inner.complete
            failed = failed or ("" if inner.complete else f": {inner.reason}")
            continue
        if kind == "OperationOutcome":
            failed = failed or _failure(resource)
            continue
        if kind == wanted:
            matches += 1
        else:
            matches += kind == "MedicationOrder" and wanted == "MedicationRequest"
            odd += bool(wanted) and kind not in _KNOWN
            others += 1
        _put(found, resource, kind, entry.get("fullUrl"), patient_id, own)
    if failed:
        return Received(False, f"the EHR answered with an error{failed}".rstrip(), refused=True)
    if found.other_patients > strangers:
        return Received(False, "held records of another patient")
    if odd:
        return Received(False, f"{odd} {'entry' if odd == 1 else 'entries'} could not be read")
    if others and not matches:
        return Received(False, f"the list held no {wanted or 'resource that was asked for'}")
    return _completeness(bundle, matches)


def _completeness(bundle: Mapping[str, Any], matches: int) -> Received:
    links, total = bundle.get("link"), bundle.get("total")
    if any(one.get("relation") == "next" for one in read.listed(links)):
        return Received(False, f"only the first {matches} entries were sent", truncated=True)
    if links is not None and (type(links) is not list or len(read.listed(links)) != len(links)):
        return Received(False, "its links cannot be read, so it may go on")
    if total is None or total == matches:
        return Received(True)
    number = exact(total)
    if number is None:
        return Received(False, "its total cannot be read")
    if number > matches:
        return Received(False, f"only {matches} of {decimal(number)} entries were sent", truncated=True)
    return Received(True)


def add(found: Chart, resource: dict[str, Any], full_url: object, patient_id: str) -> None:
    """Put one resource in its place, once, unless it is about another patient."""
    kind = resource.get("resourceType")
    if type(kind) is str:
        _put(found, resource, kind, full_url, patient_id, f"Patient/{patient_id}")


def _put(found: Chart, resource: dict[str, Any], kind: str, full_url: object, patient_id: str, own: str) -> None:
    if kind == "MedicationOrder":
        kind = "MedicationRequest"
    identity = resource.get("id")
    if type(identity) is str and identity:
        seen = found.seen.get(kind)
        if seen is None:
            seen = found.seen[kind] = {}
        earlier = seen.get(identity)
        if earlier is not None and earlier == resource:
            return
        seen[identity] = resource
    subject = resource.get("subject")
    if (type(subject) is not dict or subject.get("reference") != own) and is_of_another(resource, kind, patient_id):
        found.other_patients += 1
        if kind == "Patient" and type(full_url) is str:
            found.strangers.add(full_url)
        return
    if kind == "Condition" or kind == "Medication":
        found.by_reference[f"{kind}/{identity}"] = resource
        if type(full_url) is str:
            found.by_reference[full_url] = resource
    try:
        found.resources[kind].append(resource)
    except KeyError:
        found.resources[kind] = [resource]


def is_of_another(resource: Mapping[str, Any], kind: str, patient_id: str) -> bool:
    """Whether a resource names a patient, and not this one; an entry of a chart also where it is about no patient at all."""
    if kind == "Patient":
        return resource.get("id") not in (None, patient_id)
    ref = subject(resource)
    if not ref or ref[0] == "#" or "?" in ref or ref[:4].lower() == "urn:":
        return False
    path, _, identity = ref.partition("/_history/")[0].rstrip("/").rpartition("/")
    if path and path.rpartition("/")[2].lower() != "patient":
        return kind in _ABOUT_PATIENTS
    return identity != patient_id


def subject(resource: Mapping[str, Any]) -> str:
    """The reference to whom a resource is about; empty where it names nobody."""
    named = resource.get("subject") or resource.get("patient")
    return read.text(named) if type(named) is str else read.reference(named)


def _leave_out_strangers(found: Chart) -> None:
    """Entries whose subject is another patient of the same Bundle, named by the address it has there."""
    for kind, listed in found.resources.items():
        kept = [one for one in listed if subject(one) not in found.strangers]
        found.other_patients += len(listed) - len(kept)
        found.resources[kind] = kept
    found.by_reference = {ref: one for ref, one in found.by_reference.items() if subject(one) not in found.strangers}


def _failure(outcome: Mapping[str, Any]) -> str:
    issues = read.listed(outcome.get("issue"))
    if issues and all(read.text(issue.get("severity")).lower() in ("warning", "information", "success") for issue in issues):
        return ""
    return _diagnosis(outcome) or " "


def _diagnosis(outcome: Mapping[str, Any]) -> str:
    for issue in read.listed(outcome.get("issue")):
        code = read.text(issue.get("code"))
        if code:
            return f" ({code[:40]})"
    return ""
