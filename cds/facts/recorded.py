"""Lists as a whole: whether anything is recorded, and when somebody last said so.

What tells when an entry was made is FHIR R4 dateAsserted, authoredOn, recordedDate and List.date; meta.lastUpdated is the time of a
server and tells nothing of the kind (reference: rulebook corrections, medication-list-unreconciled).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cds.facts.medications import Asked
from cds.facts.model import Recorded, Wanted
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.intervals import moment

_TYPES = {"medications": {"MedicationStatement": ("dateAsserted",), "MedicationRequest": ("authoredOn", "dateWritten")},
          "conditions": {"Condition": ("recordedDate", "assertedDate", "dateRecorded")},
          "allergies": {"AllergyIntolerance": ("recordedDate", "assertedDate")}}
"""The resources of each list, with the fields that say when one was made (FHIR R4, then STU3 and DSTU2)."""
_LISTS = {"medications": frozenset({"medications", "10160-0"}), "conditions": frozenset({"problems", "11450-4"}),
          "allergies": frozenset({"allergies", "48765-2"})}
"""What a List resource says it is: FHIR R4 example use codes for lists, and the LOINC codes of the same sections (from memory)."""
_NO_ENTRY = frozenset({"draft", "cancelled"})
_NO_ORDER = frozenset({"proposal", "option"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_NO_PROBLEM = frozenset({"health-concern", "family", "family-history"})


def recorded(found: Chart, wanted: Wanted, asked: Asked, beside: Collection[int] = ()) -> dict[str, Recorded]:
    """Each wanted list as a whole; `beside` holds the `id()` of entries that do not count, such as those of ketamine itself."""
    return {name: _recorded(found, name, name in wanted.dated, asked, beside) for name in wanted.lists}


def _recorded(found: Chart, name: str, dated: bool, asked: Asked, beside: Collection[int]) -> Recorded:
    resources = [one for kind in _TYPES[name] for one in found.resources.get(kind, ()) if id(one) not in beside]
    lists = list(_as_lists(found, name))
    entries = any(_counts(one) for one in resources)
    refuted = not entries and any(_is_entry(one) for one in resources)
    whole = Recorded(entries, refuted, any("nilknown" in read.codes(one.get("emptyReason")) for one in lists))
    if not dated:
        return whole
    when = [*_dates(resources, name), *((one["date"], one) for one in lists if type(one.get("date")) is str)]
    return _with_newest(whole, when, asked) or _undated(whole, resources)


def _counts(resource: Mapping[str, Any]) -> bool:
    return _is_entry(resource) and read.status(resource) != "entered-in-error" and (
        "verificationStatus" not in resource or read.codes(resource["verificationStatus"]).isdisjoint(_REFUTED))


def _is_entry(resource: Mapping[str, Any]) -> bool:
    """Not a draft, a cancelled or proposed order, nor a concern or a family history that stands among the problems."""
    if resource.get("resourceType") == "Condition":
        categories = read.codes(resource.get("category"))
        return not categories or not categories <= _NO_PROBLEM
    return not (read.status(resource) in _NO_ENTRY or read.text(resource.get("intent")).lower() in _NO_ORDER)


def _dates(resources: Iterable[Mapping[str, Any]], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    fields = {field: None for each in _TYPES[name].values() for field in each}
    for resource in resources:
        for field in fields:
            text = resource.get(field)
            if type(text) is str:
                yield text, resource


def _as_lists(found: Chart, name: str) -> Iterator[Mapping[str, Any]]:
    for resource in found.resources.get("List", ()):
        if read.status(resource) in ("current", "") and not _LISTS[name].isdisjoint(read.codes(resource.get("code"))):
            yield resource


def _with_newest(whole: Recorded, dated: list[tuple[str, Mapping[str, Any]]], asked: Asked) -> Recorded | None:
    """With the newest date that is not in the future, None where there is none; ISO dates sort as text to the day, which is all that is needed."""
    tomorrow = (asked.now + timedelta(days=1)).isoformat()[:10]
    for text in sorted({text for text, _ in dated if text[:10] <= tomorrow}, reverse=True):
        when = moment(text, asked.zone)
        if when is None or when.earliest > asked.now:
            continue
        holders = [one for said, one in dated if said == text and (one.get("resourceType") == "List" or _counts(one))]
        if holders:
            newest = min(holders, key=read.name)  # the same whatever their order
            return replace(whole, newest=when, ref=read.name(newest), text=f"{_name(newest)}, recorded {when.day()}")
    return None


def _undated(whole: Recorded, resources: Iterable[Mapping[str, Any]]) -> Recorded:
    """With one of the entries, the same whatever their order."""
    first = min((one for one in resources if _counts(one)), key=read.name, default=None)
    return whole if first is None else replace(whole, ref=read.name(first), text=f"{_name(first)}, does not say when it was recorded")


def _name(resource: Mapping[str, Any]) -> str:
    for field in ("code", "medicationCodeableConcept", "medication"):
        held = resource.get(field)
        codings, said = read.concept(held.get("concept", held) if type(held) is dict else held)
        label = said or next((display for _, _, display in codings if display), "")
        if label:
            return label
    reference = resource.get("medicationReference")
    return read.text(reference.get("display")) if type(reference) is dict and reference.get("display") else "newest entry"
