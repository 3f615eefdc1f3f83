"""Problems and diagnoses that count, with their dates told apart from the day they were entered.

FHIR R4 Condition: a missing clinicalStatus counts as present, refuted and entered-in-error never count, an unconfirmed
diagnosis is doubtful.  The date of an event is its onset; an acute code on an encounter diagnosis has the day it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

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
_OF_FAMILY = frozenset({"family", "family-history", "family history"})


def conditions(chart: Chart, recogniser: Recogniser, zone: tzinfo, wanted: Wanted) -> Iterator[Condition | Mapping[str, Any]]:
    """Every condition of a wanted term; a raw resource comes back where nothing about it can be read."""
    is_other = wanted.terms.isdisjoint
    for resource in chart.resources.get("Condition", ()):
        known = recogniser.condition(*read.concept(resource.get("code")))
        if (known.terms or known.named) and is_other(known.terms):
            continue
        if not read.codes(resource.get("category")).isdisjoint(_OF_FAMILY):
            continue
        if known.terms:
            found = _condition(resource, known, zone)
            if found is not None:
                yield found
        elif read.codes(resource.get("verificationStatus")).isdisjoint(_REFUTED):
            yield resource


def _condition(resource: Mapping[str, Any], known: Recognised, zone: tzinfo) -> Condition | None:
    verification = read.codes(resource.get("verificationStatus"))
    if verification & _REFUTED:
        return None
    clinical = read.codes(resource.get("clinicalStatus"))
    gone = bool(clinical & _GONE) or (not clinical and any(key.startswith("abatement") and value for key, value in resource.items()))
    unsure = sorted(verification & _UNSURE)
    odd = sorted(clinical - _GONE - _ACTIVE - {"unknown"})
    doubts = [f"{unsure[0]} diagnosis"] if unsure else []
    if odd:
        doubts.append(f"clinical status “{odd[0][:20]}” is not a FHIR status")
    onset, recorded = _dates(resource, zone)
    acute = known.acute if known.acute and "encounter-diagnosis" in read.codes(resource.get("category")) else frozenset()
    return Condition(read.name(resource), known.name, _text(known, clinical, gone, unsure, onset, recorded), known.terms,
                     active=not gone and not known.history, in_remission="remission" in clinical,
                     onset=None if known.history else onset, recorded=None if known.history else recorded,
                     acute_terms=acute, history=known.history, doubts=tuple(doubts), true_until=true_until(known, onset, recorded, zone))


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
