"""Lists as a whole: whether anything is recorded, and when somebody last said so.

What tells when an entry was made is FHIR R4 dateAsserted, authoredOn, recordedDate and List.date; meta.lastUpdated is the time of a
server and tells nothing of the kind (reference: rulebook corrections, medication-list-unreconciled).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cds.facts.medications import Asked
from cds.facts.model import Recorded
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.intervals import moment

_TYPES = {"medications": ("MedicationStatement", "MedicationRequest"), "conditions": ("Condition",), "allergies": ("AllergyIntolerance",)}
_DATES = ("dateAsserted", "authoredOn", "recordedDate", "dateWritten", "assertedDate", "dateRecorded")
_LISTS = {"medications": frozenset({"medications", "10160-0"}), "conditions": frozenset({"problems", "11450-4"}),
          "allergies": frozenset({"allergies", "48765-2"})}
"""What a List resource says it is: FHIR R4 example use codes for lists, and the LOINC codes of the same sections (from memory)."""
_NO_ENTRY = frozenset({"draft", "cancelled"})
_NO_ORDER = frozenset({"proposal", "option"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_NO_PROBLEM = frozenset({"health-concern", "family", "family-history"})


def recorded(found: Chart, lists: Collection[str], asked: Asked, beside: Collection[int] = ()) -> dict[str, Recorded]:
    """Each list as a whole; `beside` holds the `id()` of entries that do not count, such as those of ketamine itself."""
    return {name: _recorded(found, name, asked, beside) for name in lists}


def _recorded(found: Chart, name: str, asked: Asked, beside: Collection[int]) -> Recorded:
    refuted = 0
    dated: list[tuple[str, Mapping[str, Any]]] = []
    entries: list[Mapping[str, Any]] = []
    for kind in _TYPES[name]:
        for resource in found.resources.get(kind, ()):
            if id(resource) in beside or not _is_entry(resource, kind):
                continue
            if read.status(resource) == "entered-in-error" or not read.codes(resource.get("verificationStatus")).isdisjoint(_REFUTED):
                refuted += 1
                continue
            entries.append(resource)
            dated += _dates(resource)
    denied = False
    for resource in _as_lists(found, name):
        denied = denied or "nilknown" in read.codes(resource.get("emptyReason"))
        dated += [(text, resource) for text in (resource.get("date"),) if type(text) is str]
    whole = Recorded(len(entries), refuted, denied)
    return _with_newest(whole, dated, asked) or _undated(whole, entries)


def _is_entry(resource: Mapping[str, Any], kind: str) -> bool:
    """Not a draft, a cancelled or proposed order, nor a concern or a family history that stands among the problems."""
    if kind == "Condition":
        categories = read.codes(resource.get("category"))
        return not categories or not categories <= _NO_PROBLEM
    return not (read.status(resource) in _NO_ENTRY or read.text(resource.get("intent")).lower() in _NO_ORDER)


def _dates(resource: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for field in _DATES:
        text = resource.get(field)
        if type(text) is str:
            yield text, resource


def _as_lists(found: Chart, name: str) -> Iterator[Mapping[str, Any]]:
    for resource in found.resources.get("List", ()):
        if read.status(resource) in ("current", "") and not _LISTS[name].isdisjoint(read.codes(resource.get("code"))):
            yield resource


def _with_newest(one: Recorded, dated: list[tuple[str, Mapping[str, Any]]], asked: Asked) -> Recorded | None:
    """With the newest date that is not in the future, None where there is none; ISO dates sort as text up to the day, which is all that is needed."""
    tomorrow = (asked.now + timedelta(days=1)).isoformat()[:10]
    for text, resource in sorted(dated, key=lambda pair: (pair[0], read.name(pair[1])), reverse=True):
        when = moment(text, asked.zone) if text[:10] <= tomorrow else None
        if when is not None and when.earliest <= asked.now:
            return Recorded(one.entries, one.refuted, one.denied, when, read.name(resource), f"{_name(resource)}, recorded {when.day()}")
    return None


def _undated(one: Recorded, entries: list[Mapping[str, Any]]) -> Recorded:
    """With one of the entries, the same whatever their order."""
    first = min(entries, key=read.name, default=None)
    return one if first is None else replace(one, ref=read.name(first), text=f"{_name(first)}, does not say when it was recorded")


def _name(resource: Mapping[str, Any]) -> str:
    for field in ("code", "medicationCodeableConcept", "medication"):
        held = resource.get(field)
        codings, said = read.concept(held.get("concept", held) if type(held) is dict else held)
        label = said or next((display for _, _, display in codings if display), "")
        if label:
            return label
    reference = resource.get("medicationReference")
    return read.text(reference.get("display")) if type(reference) is dict and reference.get("display") else "newest entry"
