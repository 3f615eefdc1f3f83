"""What a test came out as: positive, negative, or neither, from the coded, written, measured or interpreted answer.

FHIR R4 Observation.value[x] and Observation.interpretation (HL7 v3 ObservationInterpretation: POS, NEG, DET, ND).  An answer that is
neither is kept and unclear; one that is missing is reported in words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo
from fractions import Fraction
from typing import Any

from cds.facts.model import Measurement
from cds.fhir import read
from cds.intervals import moment
from cds.quantities import amount, exact, holds
from cds.terms.model import Outcome

_INTERPRETED = {"pos": "positive", "det": "positive", "neg": "negative", "nd": "negative"}
_AMOUNT = re.compile(r"([<>]=?)?\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(\S.*)?")
Results = Mapping[str, Outcome]


def result(resource: Mapping[str, Any], holder: Mapping[str, Any], terms: tuple[str, ...], results: Results, zone: tzinfo) -> Measurement | str:
    """One result with its date, or in words why there is none."""
    name = terms[0].replace("-", " ")
    start, end = read.period_ends(resource.get("effectivePeriod"))
    taken = moment(resource.get("effectiveDateTime") or resource.get("effectiveInstant") or end or start, zone)
    if taken is None:
        return f"{name} without a usable date could not be read"
    said, found = _value(holder, results)
    if not said:
        found = _interpreted(holder)
        said = f"interpreted as {found}" if found else ""
    if not said:
        return f"{name} of {taken.day()} without a usable value could not be read"
    shown = said if found in said.casefold() and found else f"{said} ({found or 'unclear'})"
    return Measurement(read.name(resource), terms, Fraction(0), "result", taken, f"{name} {shown} on {taken.day()}", found)


def told(said: str, results: Results) -> str:
    """The result a text stands for, by its words or its amount; empty where it is none."""
    plain = " ".join(said.casefold().strip(" .;:!()").split())
    named = {result for result, outcome in results.items() if plain in outcome.words}
    match = _AMOUNT.fullmatch(said.strip())
    if not named and match:
        return _measured(Fraction(match[2]), match[3] or "", match[1] or "", results)
    return named.pop() if len(named) == 1 else ""


def _value(holder: Mapping[str, Any], results: Results) -> tuple[str, str]:
    """The answer as sent, and what it means; both empty where nothing was sent."""
    if "valueCodeableConcept" in holder:
        codings, text = read.concept(holder["valueCodeableConcept"])
        coded = {result for result, outcome in results.items() for _, code, _ in codings if code.strip() in outcome.codes}
        label = text or next((display for _, _, display in codings if display), "")
        worded = {found for said in (text, *(display for _, _, display in codings)) if (found := told(said, results))}
        meant = coded or worded
        return label or next((code for _, code, _ in codings if code), ""), meant.pop() if len(meant) == 1 else ""
    if type(holder.get("valueQuantity")) is dict:
        number, unit = read.quantity(holder["valueQuantity"])
        value = exact(number)
        if value is None:
            return "", ""
        how = read.text(holder["valueQuantity"].get("comparator"))
        found = _measured(value, unit, how, results) or _measured(value, read.unit_text(holder["valueQuantity"]), how, results)
        return f"{how}{number} {read.unit_text(holder['valueQuantity'])}".strip(), found or _interpreted(holder)
    if type(holder.get("valueBoolean")) is bool:
        said = "positive" if holder["valueBoolean"] else "negative"
        return said, said
    said = read.text(holder.get("valueString"))
    return said, told(said, results) or (_interpreted(holder) if said else "")


def _measured(value: Fraction, unit: str, how: str, results: Results) -> str:
    """The result an amount stands for; `<` and `>` count where every amount they allow stands for the same."""
    for name, outcome in results.items():
        limit = outcome.amount
        if limit is None or (found := amount(value, unit, limit.amount.dimension)) is None:
            continue
        upwards = limit.how in ("above", "at least")
        if how.startswith("<" if upwards else ">"):
            continue
        if holds(found, limit.how, limit.amount.value) or (how == "<" and not upwards and found <= limit.amount.value):
            return name
    return ""


def _interpreted(holder: Mapping[str, Any]) -> str:
    found = {_INTERPRETED[code] for code in read.codes(holder.get("interpretation")) if code in _INTERPRETED}
    return found.pop() if len(found) == 1 else ""
