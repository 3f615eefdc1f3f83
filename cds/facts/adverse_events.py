"""Adverse events laid to a drug the rules know: FHIR R4 AdverseEvent that happened (`actuality` actual).

Few EHRs offer these reports; one that is not sent says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cds.facts.medications import identify
from cds.facts.model import AdverseEvent
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.terms.model import Recognised
from cds.terms.recognise import Recogniser


def adverse_events(chart: Chart, recogniser: Recogniser) -> Iterator[AdverseEvent | Mapping[str, Any]]:
    """Every adverse event laid to a drug of a term; a raw resource comes back where a suspected drug cannot be told."""
    for resource in chart.resources.get("AdverseEvent", ()):
        if read.text(resource.get("actuality")).lower() == "potential" or read.status(resource) == "entered-in-error":
            continue
        suspected = [_suspected(suspect, chart, recogniser) for suspect in read.listed(resource.get("suspectEntity"))]
        terms = {name: how for known in suspected for name, how in known.terms.items()}
        if not terms:
            if not all(known.named for known in suspected):
                yield resource
            continue
        concept = _event(resource)
        label = concept[1] or next((display or code for _, code, display in concept[0] if display or code), "event not named")
        serious = next((code for code in read.codes(resource.get("seriousness")) if code in ("serious", "non-serious")), "")
        date = read.text(resource.get("date")) or read.text(resource.get("detected")) or read.text(resource.get("recordedDate"))
        said = [f"adverse event: {label}", date[:10], serious]
        yield AdverseEvent(read.name(resource), label, ", ".join(part for part in said if part), terms, serious,
                           recogniser.reaction(*concept))


def _event(resource: Mapping[str, Any]) -> read.Concept:
    for key in ("event", "code"):
        found = read.concept(resource.get(key))
        if found != read.NO_CONCEPT:
            return found
    return read.NO_CONCEPT


def _suspected(suspect: Mapping[str, Any], chart: Chart, recogniser: Recogniser) -> Recognised:
    """What one suspected drug is: a concept, or a reference to a Medication, an order, a statement or an administration."""
    instance = suspect.get("instance") or suspect.get("instanceReference") or {}
    ref = read.reference(instance)
    held = next((one for kind in ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
                 for one in chart.resources.get(kind, ()) if ref and read.tail(ref) == one.get("id") and f"{kind}/" in ref), None)
    if held is not None:
        return identify(held, chart, recogniser)
    return identify({"medicationCodeableConcept": suspect.get("instanceCodeableConcept"), "medicationReference": instance}, chart, recogniser)
