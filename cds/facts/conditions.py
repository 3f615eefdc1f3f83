"""Problems and diagnoses that count, with their dates told apart from the day they were entered.

FHIR R4 Condition: a missing clinicalStatus counts as present unless an end has passed, refuted and entered-in-error never count,
an unconfirmed diagnosis is doubtful, and so is a status that FHIR does not know or that contradicts itself.  The date of an event is its onset; an acute code on an encounter diagnosis has the day it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from cds.facts.medications import Asked
from cds.facts.model import Condition, Wanted
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.intervals import Moment, moment
from cds.terms.model import Recognised
from cds.terms.recognise import Recogniser

_GONE = frozenset({"inactive", "resolved", "remission"})
_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_UNSURE = frozenset({"provisional", "differential", "unconfirmed"})
_SURE = frozenset({"confirmed", "unknown"})
_OF_FAMILY = frozenset({"family", "family-history", "family history"})


def conditions(chart: Chart, recogniser: Recogniser, asked: Asked, wanted: Wanted) -> Iterator[Condition | Mapping[str, Any]]:
    """Every condition of a wanted term; a raw resource comes back where nothing about it can be read."""
    is_other = wanted.terms.isdisjoint
    for resource in chart.resources.get("Condition", ()):
        known = recogniser.condition(*read.concept(resource.get("code")))
        if (known.terms or known.named) and is_other(known.terms):
            continue
        if not read.codes(resource.get("category")).isdisjoint(_OF_FAMILY):
            continue
        if known.terms:
            found = _condition(resource, known, asked)
            if found is not None:
                yield found
        elif read.codes(resource.get("verificationStatus")).isdisjoint(_REFUTED):
            yield resource


def _condition(resource: Mapping[str, Any], known: Recognised, asked: Asked) -> Condition | None:
    zone, verification, clinical = asked.zone, read.codes(resource.get("verificationStatus")), read.codes(resource.get("clinicalStatus"))
    if verification & _REFUTED:
        return None
    if clinical:
        gone, doubts = _by_status(clinical)
    else:
        gone, doubts = _by_end(resource, asked)
    unsure = sorted(verification & _UNSURE)
    if unsure:
        doubts.append(f"{unsure[0]} diagnosis")
    elif verification and verification.isdisjoint(_SURE):
        doubts.append(f"verification status “{min(verification)[:20]}” is not a FHIR status")
    onset, recorded = _dates(resource, zone)
    acute = known.acute if known.acute and "encounter-diagnosis" in read.codes(resource.get("category")) else frozenset()
    return Condition(read.name(resource), known.name, _text(known, clinical, gone, unsure, onset, recorded), known.terms,
                     active=not gone and not known.history, in_remission="remission" in clinical,
                     onset=None if known.history else onset, recorded=None if known.history else recorded,
                     acute_terms=acute, history=known.history, doubts=tuple(doubts), true_until=true_until(known, onset, recorded, zone),
                     codes=_codes(resource, known), source=read.source(resource, ("recorder", "asserter")))


def _codes(resource: Mapping[str, Any], known: Recognised) -> frozenset[str]:
    """The codes of an entry whatever their version; its name where it has none."""
    return frozenset(code.upper() for _, code, _ in read.concept(resource.get("code"))[0] if code) or frozenset((known.name.casefold(),))


def _by_status(clinical: set[str]) -> tuple[bool, list[str]]:
    """Whether a problem is over, and what is doubtful about that: only a status that clearly says so ends one."""
    over, going_on = clinical & _GONE, clinical & _ACTIVE
    if over and going_on:
        return False, [f"recorded as {min(going_on)} and as {min(over)}"]
    odd = clinical - {"unknown"} if not over and not going_on else ()
    return bool(over), [f"clinical status “{min(odd)[:20]}” is not a FHIR status"] if odd else []


def _by_end(resource: Mapping[str, Any], asked: Asked) -> tuple[bool, list[str]]:
    """The same for a problem without a status: an end ends it once it has passed."""
    key, end = next(((key, value) for key, value in resource.items() if key.startswith("abatement") and value), ("", None))
    if key == "abatementPeriod":
        end = read.period_ends(end)[1]
        if end is None:
            return False, ["its end is not recorded"]
    elif key not in ("abatementDateTime", "abatementString"):
        return bool(key), []
    when = moment(end, asked.zone)
    if when is None:
        return False, [f"its end “{read.text(end)[:20]}” is not a date"]
    if when.earliest > asked.now:
        return False, []
    return (True, []) if when.latest <= asked.now or not when.text[10:] and when.day() == asked.now.astimezone(asked.zone).date().isoformat() else (
        False, [f"its end is only known as {when.text}"])


def true_until(known: Recognised, onset: Moment | None, recorded: Moment | None, zone: tzinfo) -> dict[str, datetime | None]:
    """The last instant at which each term that ends by itself is true; a code of its own length counts from the later of its dates."""
    found: dict[str, datetime | None] = {}
    for term, lasting in known.lasts.items():
        dates = [when for when in (onset, recorded) if when is not None]
        when = max(dates, key=lambda one: one.latest, default=None) if lasting.own else onset or recorded
        found[term] = when and datetime.combine(when.latest.astimezone(zone).date() + timedelta(days=lasting.days), time(23, 59, 59), zone)
    return found


def _dates(resource: Mapping[str, Any], zone: tzinfo) -> tuple[Moment | None, Moment | None]:
    start, _ = read.period_ends(resource.get("onsetPeriod"))
    onset = moment(resource.get("onsetDateTime") or start, zone)
    return onset, moment(resource.get("recordedDate") or resource.get("assertedDate") or resource.get("dateRecorded"), zone)


def _text(known: Recognised, clinical: set[str], gone: bool, unsure: list[str], onset: Moment | None, recorded: Moment | None) -> str:
    stands = "said to be in the past" if known.history else "active" if clinical else "clinical status not recorded"
    parts = [known.name, (sorted(clinical & _GONE) or ["ended"])[0] if gone else stands]
    parts += unsure
    if onset is not None:
        parts.append(f"onset {onset.day()}")
    elif recorded is not None:
        parts.append(f"entered {recorded.day()}")
    return ", ".join(parts)
