"""Allergies and intolerances that count: FHIR R4 AllergyIntolerance, refuted and entered-in-error left out.

Entries that say that there are none, or that nobody asked, name no substance; an empty list without the former proves nothing
(codes: FHIR R4 value set allergyintolerance-code, US Core).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds.facts.model import Allergy, Condition, Wanted
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.terms.recognise import Recogniser

_REFUTED = frozenset({"refuted", "entered-in-error"})
_OVER = frozenset({"inactive", "resolved"})
_NOT_ASKED = frozenset({"not on file", "patient not asked", "not asked", "unknown", "unable to assess"})
_DENIED = re.compile(r"\s*(no|not|nil|denies|negative)\b", re.I)
_NONE_KNOWN = frozenset({"716186003", "409137002"})
"""SNOMED CT: no known allergy, no known drug allergy (reference: rulebook corrections, hypersensitivity)."""
NOTHING_RECORDED = "empty, and no entry says that there are none"


def allergies(chart: Chart, recogniser: Recogniser) -> Iterator[Allergy | Mapping[str, Any]]:
    """Every allergy to a drug the rules know; a raw resource comes back where its substance cannot be read."""
    for resource in _counting(chart):
        concepts = [read.concept(resource.get("code")),
                    *(read.concept(one.get("substance")) for one in read.listed(resource.get("reaction")))]
        known = [recogniser.medication(codings, said) for codings, said in concepts if codings or said]
        terms = {name: how for one in known for name, how in one.terms.items()}
        if set(terms.values()) == {"text"} and _DENIED.match(_label(concepts[0])):
            continue
        if terms:
            yield _allergy(resource, next(one.name for one in known if one.terms), terms, recogniser)
        elif not (any(one.named for one in known) or _not_asked(resource)
                  or any(code.strip() in _NONE_KNOWN for codings, _ in concepts for _, code, _ in codings)):
            yield resource


def _allergy(resource: Mapping[str, Any], name: str, terms: dict[str, str], recogniser: Recogniser) -> Allergy:
    gone = _over(resource)
    stated = read.codes(resource.get("type"))
    kind = next((one for one in ("allergy", "intolerance") if one in stated), "")
    criticality = read.text(resource.get("criticality")).lower()
    shown = [found for one in read.listed(resource.get("reaction")) for found in _manifestations(one)]
    said = ", ".join(dict.fromkeys(label for label in (_label(one) for one in shown) if label))
    parts = [f"{name}, {kind or 'allergy'} {gone[0] if gone else 'recorded'}", said,
             "criticality high" if criticality == "high" else ""]
    return Allergy(read.name(resource), name, ", ".join(part for part in parts if part), terms,
                   recorded_as="over" if gone else kind,
                   reactions=tuple(recogniser.reaction(*one) for one in shown), criticality=criticality)


def _over(resource: Mapping[str, Any]) -> list[str]:
    """The status that says that an allergy is over; empty where another one says that it is not."""
    status = read.codes(resource.get("clinicalStatus"))
    return [] if "active" in status else sorted(status & _OVER)


def _manifestations(reaction: Mapping[str, Any]) -> list[read.Concept]:
    """The manifestations of one reaction; its description where it names none (R5: CodeableReference)."""
    raw = reaction.get("manifestation")
    found = [read.concept(one.get("concept", one)) for one in read.listed(raw)] if raw is not None else []
    found = [one for one in found if one != read.NO_CONCEPT]
    described = read.text(reaction.get("description"))
    return found or ([((), described)] if described else [])


def _label(concept: read.Concept) -> str:
    codings, said = concept
    return said or next((display or code for _, code, display in codings if display or code), "")


def reactions_without_agent(chart: Chart, recogniser: Recogniser, wanted: Wanted) -> Iterator[Condition]:
    """Entries of the allergy list that name no drug but a kind of reaction the rules know, for example an anaesthetic allergy."""
    for resource in _counting(chart):
        if _over(resource):
            continue
        codings, said = read.concept(resource.get("code"))
        if recogniser.medication(codings, said).terms:
            continue
        label = _label((codings, said))
        for known in (recogniser.condition(codings, said), recogniser.condition((), f"allergy to {label}")):
            if not wanted.terms.isdisjoint(known.terms):
                yield Condition(read.name(resource), label, f"{label}, on the allergy list", known.terms, active=True)
                break


def nothing_recorded(chart: Chart) -> bool:
    """Whether no entry names an allergy or says that there are none."""
    return all(_not_asked(resource) for resource in _counting(chart))


def _not_asked(resource: Mapping[str, Any]) -> bool:
    codings, said = read.concept(resource.get("code"))
    return any(label.casefold() in _NOT_ASKED for label in (said, *(display for _, _, display in codings)))


def _counting(chart: Chart) -> Iterable[Mapping[str, Any]]:
    return (one for one in chart.resources.get("AllergyIntolerance", ()) if read.codes(one.get("verificationStatus")).isdisjoint(_REFUTED))
