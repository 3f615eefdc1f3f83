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
_GOING_ON = frozenset({"active", "recorded"})
_NO_ORDER = frozenset({"proposal", "option"})
_PERIODS = ("effectivePeriod", "effectiveDosePeriod", "occurencePeriod", "occurrencePeriod")  # R5 has the second r missing
_DATES = ("effectiveDateTime", "occurenceDateTime", "occurrenceDateTime")
UNCONFIRMED = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Asked:
    """When and where the question is asked."""

    now: datetime
    zone: tzinfo


UNCLEAR: Any = object()
"""In the place of an end that is recorded and cannot be read."""
State = tuple[str, tuple[str, ...]]
"""Whether a drug is taken, and what makes that doubtful."""
Record = tuple[Mapping[str, Any], Recognised, "Medication | None"]
"""A drug entry, what drug it is, and the fact; None where it does not count."""


def identify(resource: Mapping[str, Any], chart: Chart, recogniser: Recogniser) -> Recognised:
    """What drug a resource is about: own codes, R5 shape, contained, Bundle or prefetched Medication, reference display."""
    concept = resource.get("medicationCodeableConcept")
    ref = resource.get("medicationReference")
    if concept is None and ref is None:
        concept, ref = read.medication(resource)
    if concept is not None:
        found = read.concept(concept)
        if found != read.NO_CONCEPT:
            return recogniser.medication(*found)
    target = medication_resource(resource, ref, chart)
    display = read.text(ref.get("display")) if type(ref) is dict else ""
    if target is None:
        return recogniser.medication((), display)
    codings, said = read.concept(target.get("code"))
    more, names = _of_ingredients(target, resource, chart)
    beside = (("", "", display),) if display and display != said else ()  # what a reference is called is often no name of the drug, so it comes last
    return recogniser.medication(codings + more + beside, " / ".join(filter(None, (said, names))))


def _of_ingredients(target: Mapping[str, Any], holder: Mapping[str, Any], chart: Chart) -> read.Concept:
    """What the ingredients of a Medication are; a mixture is each of its drugs.  `holder` may contain what they refer to."""
    parts = []
    for one in read.listed(target.get("ingredient")):
        item, ref = one.get("itemCodeableConcept"), one.get("itemReference")
        if item is None and type(one.get("item")) is dict:
            item, ref = one["item"].get("concept", one["item"]), one["item"].get("reference")
        inner = medication_resource(target, ref, chart) or medication_resource(holder, ref, chart)
        parts.append(read.concept(inner.get("code") if inner else item))
    return tuple(coding for codings, _ in parts for coding in codings), " / ".join(said for _, said in parts if said)


def medication_resource(resource: Mapping[str, Any], ref: object, chart: Chart) -> Mapping[str, Any] | None:
    """The Medication a reference points to: contained, in a Bundle by full URL, or by id."""
    target = read.reference(ref)
    if not target:
        return None
    if target.startswith("#"):
        return next((one for one in read.listed(resource.get("contained")) if read.text(one.get("id")).lstrip("#") == target[1:]), None)
    kind = target.split("/_history/", 1)[0].rpartition("/")[0].rpartition("/")[2]
    return chart.by_reference.get(target) or (chart.by_reference.get(f"Medication/{read.tail(target)}") if kind in ("", "Medication") else None)


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
    return not (read.status(resource) in _NEVER or read.text(resource.get("intent")).lower() in _NO_ORDER or resource.get("doNotPerform") is True
                or read.text(resource.get("taken")).lower() == "n" or resource.get("wasNotTaken") is True or _adherence(resource) == {"not-taking"})


def _medication(resource: Mapping[str, Any], kind: str, known: Recognised, asked: Asked, wanted: Wanted) -> Medication | None:
    if not counts_at_all(resource):
        return None
    status, entries = read.status(resource), dosage.instructions(resource)
    started, ended, known_on = _times(resource, entries, asked.zone)
    later = started is not None and started.earliest > asked.now and _day(started.earliest, asked) > _day(asked.now, asked)
    last = None if ended is UNCLEAR else max(filter(None, (started, *known_on)), key=lambda one: one.latest, default=None)
    ended = None if ended is UNCLEAR else ended
    if kind == "MedicationAdministration":
        state, doubts = _given(resource, status, ended)
        ended = ended or started if state == ENDED else ended
    else:
        state, doubts = _state(status, ended, last, asked)
        if state == CURRENT:
            state, doubts = _as_taken(resource)
            status = "stopped" if state == ENDED else status
        if later and state == CURRENT:
            state, doubts = POSSIBLE, (f"starts {started.day()}",)
        elif started is not None and ended is not None and ended.latest < started.earliest:
            state, doubts = POSSIBLE, ("recorded as ended before it began",)
    if known.conflict:
        doubts = (*doubts, known.conflict)
    return Medication(read.name(resource), known.name, _text(entries, known, status, state, started, ended), known.terms,
                      known.ingredients, known.exact, state, started, ended, last, doubts, _daily_mg(resource, known, wanted),
                      read.source(resource, ("informationSource", "requester", "recorder")))


def _day(when: datetime, asked: Asked) -> date:
    return when.astimezone(asked.zone).date()


def _daily_mg(resource: Mapping[str, Any], known: Recognised, wanted: Wanted) -> Fraction | None:
    return None if wanted.dosed.isdisjoint(known.terms) else dosage.daily_mg(resource, (known.strength, known.name))


def _adherence(resource: Mapping[str, Any]) -> set[str]:
    adherence = resource.get("adherence")
    return read.codes(adherence.get("code")) if type(adherence) is dict else set()


def _as_taken(resource: Mapping[str, Any]) -> State:
    """Whether a recorded drug is taken: `adherence` of R5 and `taken` of STU3; CURRENT where neither says otherwise."""
    taken = read.text(resource.get("taken")).lower()
    if taken not in ("", "y"):
        return POSSIBLE, ("not known whether it is taken",)
    said = {code.removesuffix("-as-directed").removesuffix("-not") for code in _adherence(resource)}
    found = said.pop() if len(said) == 1 else " and ".join(sorted(said))
    if found in ("on-hold", "stopped"):
        return (ON_HOLD, ("on hold",)) if found == "on-hold" else (ENDED, ())
    return (CURRENT, ()) if found in ("", "taking") else (POSSIBLE, (f"adherence “{found[:40]}”",))


def _given(resource: Mapping[str, Any], status: str, ended: Moment | None) -> State:
    """A drug that was given is over, unless it is running, or may be: an open period under a status that does not end it."""
    if status == "in-progress" and ended is None:
        return CURRENT, ()
    if status in _OVER or ended is not None or type(_period(resource)) is not dict:
        return ENDED, ()
    return (ON_HOLD, ("on hold",)) if status == "on-hold" else (POSSIBLE, (_strange(status),))


def _strange(status: str) -> str:
    if not status:
        return "no status recorded"
    return "status unknown" if status == "unknown" else f"status “{status[:20]}” is not a FHIR status"


def _state(status: str, ended: Moment | None, last: Moment | None, asked: Asked) -> State:
    if ended is not None and ended.latest < asked.now:
        return ENDED, ()
    if status in _OVER:
        return ENDED, ()
    if status == "on-hold":
        return ON_HOLD, ("on hold",)
    if status not in _GOING_ON:
        return POSSIBLE, (_strange(status),)
    if ended is None and last is not None and asked.now - last.latest > UNCONFIRMED:
        return POSSIBLE, (f"not confirmed since {last.day()}",)
    return CURRENT, ()


def _period(resource: Mapping[str, Any]) -> object:
    return next((resource[key] for key in _PERIODS if resource.get(key)), None)


def _times(resource: Mapping[str, Any], entries: list[dict[str, Any]], zone: tzinfo) -> tuple[Moment | None, Any, list[Moment | None]]:
    """When a drug began, when it ends (UNCLEAR where that cannot be read), and when else it was known."""
    start, end = read.period_ends(_period(resource))
    known = [moment(resource.get(key), zone) for key in ("dateAsserted", "authoredOn", "dateWritten")]
    began = moment(start or next((resource[key] for key in _DATES if resource.get(key)), None), zone)
    ended = moment(end, zone) or (UNCLEAR if end is not None else None)
    if entries and (began is None or ended is None):
        bounds = [_bounds(entry) for entry in entries]
        starts, ends = ([moment(one[which], zone) for one in bounds] for which in (0, 1))
        began = began or min(filter(None, starts), key=lambda one: one.earliest, default=None)
        if ended is None and None not in (one[1] for one in bounds):
            ended = UNCLEAR if None in ends else max(ends, key=lambda one: one.latest)
    return began or known[1], ended, known


def _bounds(entry: Mapping[str, Any]) -> tuple[object, object]:
    """The first start and the last end of one dosage, raw; without an end where any of its timings has none."""
    found = [read.period_ends(repeat.get("boundsPeriod")) for timing in read.listed(entry.get("timing"))
             for repeat in read.listed(timing.get("repeat"))]
    return next((start for start, _ in found if start is not None), None), found[-1][1] if found else None


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
