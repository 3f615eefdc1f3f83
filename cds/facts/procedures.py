"""Procedures that were done: FHIR R4 Procedure (with the R5 names of its dates, and what earlier releases say of one not done), by code or by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Any

from cds.facts.model import Procedure, Wanted
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.intervals import Moment, moment
from cds.terms.recognise import Recogniser

_NEVER = frozenset({"not-done", "entered-in-error", "preparation", "cancelled"})
_DONE = frozenset({"completed", "in-progress", "stopped", "on-hold"})


def procedures(chart: Chart, recogniser: Recogniser, zone: tzinfo, wanted: Wanted) -> Iterator[Procedure | Mapping[str, Any]]:
    """Every procedure of a wanted term that was at least begun; a raw resource comes back where nothing about it can be read."""
    for resource in chart.resources.get("Procedure", ()):
        status = read.status(resource)
        if status in _NEVER or resource.get("notDone") is True or resource.get("notPerformed") is True:
            continue
        known = recogniser.procedure(*read.concept(resource.get("code")))
        if not known.named:
            yield resource
        elif not wanted.terms.isdisjoint(known.terms):
            done = _done(resource, zone)
            doubts = () if status in _DONE else (f"status {status[:20] or 'not recorded'}",)
            if resource.get("modifierExtension"):
                doubts = (*doubts, "carries a modifier extension this service does not know")
            said = [known.name, f"done {done.day()}" if done else "date not recorded", *doubts]
            yield Procedure(read.name(resource), known.name, ", ".join(said), known.terms, done, doubts)


def _done(resource: Mapping[str, Any], zone: tzinfo) -> Moment | None:
    for name in ("performed", "occurrence"):
        start, end = read.period_ends(resource.get(f"{name}Period"))
        found = moment(resource.get(f"{name}DateTime") or end or start or resource.get(f"{name}String"), zone)
        if found is not None:
            return found
    return None
