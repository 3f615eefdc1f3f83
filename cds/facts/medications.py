"""Drugs of a chart: which are taken now, perhaps, on hold or ended, and which cannot be told.

Status rules: FHIR R4 MedicationStatement and MedicationRequest value sets; what counts as current follows the rulebook's
conventions: statement or order active and not past its end is current, unknown is possible, without an end and not confirmed
for a year is possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any

from cds.facts import dosage
from cds.facts.model import CURRENT, ENDED, ON_HOLD, ORDERED, POSSIBLE, Medication, Wanted
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.intervals import Moment, moment
from cds.terms.model import Recognised
from cds.terms.recognise import Recogniser

TYPES = ("MedicationStatement", "MedicationRequest", "MedicationAdministration")
_NEVER = frozenset({"not-taken", "entered-in-error", "cancelled", "draft", "intended", "not-done"})
_OVER = frozenset({"completed", "stopped", "ended"})
_NO_ORDER = frozenset({"proposal", "option"})
UNCONFIRMED = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Asked:
    """When and where the question is asked."""

    now: datetime
    zone: tzinfo


Record = tuple[Mapping[str, Any], Recognised, "Medication | None"]
"""A drug entry, what drug it is, and the fact; None where it does not count."""


def identify(resource: Mapping[str, Any], chart: Chart, recogniser: Recogniser) -> Recognised:
    """What drug a resource is about: own codes, R5 shape, contained, Bundle or prefetched Medication, reference display."""
    concept, ref = resource.get("medicationCodeableConcept"), None
    if concept is None:
        concept, ref = _either(resource)
    if concept is not None:
        found = read.concept(concept)
        if found != read.NO_CONCEPT:
            return recogniser.medication(*found)
    ref = ref or resource.get("medicationReference")
    target = medication_resource(resource, ref, chart)
    display = read.text(ref.get("display")) if type(ref) is dict else ""
    if target is None:
        return recogniser.medication((), display)
    codings, said = read.concept(target.get("code"))
    more, names = _of_ingredients(target, chart)
    return recogniser.medication(codings + more, " / ".join(filter(None, (said or display, names))))


def _either(resource: Mapping[str, Any]) -> tuple[object, object]:
    """The concept and the reference of the R5 shape, where a resource has no R4 one."""
    either = resource.get("medication")
    if resource.get("medicationReference") is not None or type(either) is not dict:
        return None, None
    ref = either.get("reference")
    return either.get("concept"), either if type(ref) is str else ref


def _of_ingredients(target: Mapping[str, Any], chart: Chart) -> read.Concept:
    """What the ingredients of a Medication are; a mixture is each of its drugs."""
    parts = []
    for one in read.listed(target.get("ingredient")):
        item = one.get("itemCodeableConcept") or one.get("item")
        inner = medication_resource(target, one.get("itemReference"), chart)
        parts.append(read.concept(inner.get("code") if inner else item))
    return tuple(coding for codings, _ in parts for coding in codings), " / ".join(said for _, said in parts if said)


def medication_resource(resource: Mapping[str, Any], ref: object, chart: Chart) -> Mapping[str, Any] | None:
    """The Medication a reference points to: contained, in a Bundle by full URL, or by id."""
    target = read.reference(ref)
    if not target:
        return None
    if target.startswith("#"):
        return next((one for one in read.listed(resource.get("contained")) if one.get("id") == target[1:]), None)
    return chart.by_reference.get(target) or chart.by_reference.get(f"Medication/{read.tail(target)}")


def medications(chart: Chart, recogniser: Recogniser, asked: Asked, wanted: Wanted) -> Iterator[Record]:
    """Every drug entry of a wanted term, and every one that cannot be told."""
    is_other = wanted.terms.isdisjoint
    for kind in TYPES:
        for resource in chart.resources.get(kind, ()):
            known = identify(resource, chart, recogniser)
            if known.named and is_other(known.terms):
                continue
            yield resource, known, (_medication(resource, kind, known, asked, wanted) if known.terms else None)


def counts_at_all(resource: Mapping[str, Any]) -> bool:
    """Whether an entry may speak of a drug in use: not refuted, not a proposal, not forbidden."""
    return not (read.status(resource) in _NEVER or read.text(resource.get("intent")).lower() in _NO_ORDER
                or resource.get("doNotPerform") is True or read.text(resource.get("taken")).lower() == "n")


def _medication(resource: Mapping[str, Any], kind: str, known: Recognised, asked: Asked, wanted: Wanted) -> Medication | None:
    status = read.status(resource)
    if (status in _NEVER or read.text(resource.get("intent")).lower() in _NO_ORDER or resource.get("doNotPerform") is True
            or read.text(resource.get("taken")).lower() == "n" or "not-taking" in read.codes(_adherence(resource))):
        return None
    entries = dosage.instructions(resource)
    started, ended, known_on = _times(resource, entries, asked.zone)
    later = started is not None and started.earliest > asked.now and _day(started.earliest, asked) > _day(asked.now, asked)
    last = None if _end_unreadable(resource, ended) else max(filter(None, (started, *known_on)), key=lambda one: one.latest, default=None)
    if kind == "MedicationAdministration":
        running = status == "in-progress" and ended is None
        state, doubts, ended = (CURRENT if running else ENDED), (), None if running else ended or started
    else:
        state, doubts = _state(status, ended, last, asked)
        if later and state == CURRENT:
            state, doubts = POSSIBLE, (f"starts {started.day()}",)
        elif started is not None and ended is not None and ended.latest < started.earliest:
            state, doubts = POSSIBLE, ("recorded as ended before it began",)
    if known.conflict:
        doubts = (*doubts, known.conflict)
    return Medication(read.name(resource), known.name, _text(entries, known, status, state, started, ended), known.terms,
                      known.ingredients, known.exact, state, started, ended, last, doubts, _daily_mg(resource, known, wanted))


def _day(when: datetime, asked: Asked) -> date:
    return when.astimezone(asked.zone).date()


def _end_unreadable(resource: Mapping[str, Any], ended: Moment | None) -> bool:
    _, end = read.period_ends(resource.get("effectivePeriod") or resource.get("effectiveDosePeriod"))
    return ended is None and end is not None


def _daily_mg(resource: Mapping[str, Any], known: Recognised, wanted: Wanted) -> Fraction | None:
    return None if wanted.dosed.isdisjoint(known.terms) else dosage.daily_mg(resource, (known.strength, known.name))


def _adherence(resource: Mapping[str, Any]) -> object:
    adherence = resource.get("adherence")
    return adherence.get("code") if type(adherence) is dict else None


def _state(status: str, ended: Moment | None, last: Moment | None, asked: Asked) -> tuple[str, tuple[str, ...]]:
    if ended is not None and ended.latest < asked.now:
        return ENDED, ()
    if status in _OVER:
        return ENDED, ()
    if status == "on-hold":
        return ON_HOLD, ("on hold",)
    if status not in ("active", "recorded"):
        said = f"status {status}" if status in ("unknown", "") else f"status “{status[:20]}” is not a FHIR status"
        return POSSIBLE, (said if status else "no status recorded",)
    if ended is None and last is not None and asked.now - last.latest > UNCONFIRMED:
        return POSSIBLE, (f"not confirmed since {last.day()}",)
    return CURRENT, ()


def _times(resource: Mapping[str, Any], entries: list[dict[str, Any]], zone: tzinfo) -> tuple[Moment | None, Moment | None, list[Moment | None]]:
    start, end = read.period_ends(resource.get("effectivePeriod") or resource.get("effectiveDosePeriod"))
    if start is None:
        start = resource.get("effectiveDateTime")
    for entry in entries:
        for timing in read.listed(entry.get("timing")):
            for repeat in read.listed(timing.get("repeat")):
                bound_start, bound_end = read.period_ends(repeat.get("boundsPeriod"))
                start, end = start or bound_start, end or bound_end
    known = [moment(resource.get(key), zone) for key in ("dateAsserted", "authoredOn", "dateWritten")]
    return moment(start, zone) or known[1], moment(end, zone), known


def _text(entries: list[dict[str, Any]], known: Recognised, status: str, state: str, started: Moment | None, ended: Moment | None) -> str:
    said = next((said for entry in entries if (said := read.text(entry.get("text")))), "")
    parts = [known.name, said] if said.lower() not in known.name.lower() else [known.name]
    if state == ENDED and ended is not None:
        parts.append(f"ended {ended.day()}")
    elif state == ENDED:
        parts.append(f"{status or 'ended'}, end date not recorded")
    else:
        word = {CURRENT: "active", ON_HOLD: "on hold"}.get(state, f"status {status or 'not recorded'}")
        parts.append(f"{word} since {started.day()}" if started else word)
    return ", ".join(filter(None, parts))


def ordered_now(resource: Mapping[str, Any], known: Recognised, wanted: Wanted) -> Medication:
    """A draft order of another drug in the same request."""
    return Medication(read.name(resource), known.name, f"{known.name}, ordered now (draft)", known.terms, known.ingredients, known.exact,
                      ORDERED, doubts=(known.conflict,) if known.conflict else (),
                      daily_mg=_daily_mg(resource, known, wanted))
