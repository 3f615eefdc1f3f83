"""How much, how fast and for how long: one dosage as a prescriber or a device wrote it.

FHIR R4 Dosage, with the flat shapes some EHRs send (`doseQuantity` beside `timing`).  What cannot be read is said in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from cds.facts.model import Dose
from cds.fhir import read
from cds.quantities import amount, decimal, exact

_MASS_KG = re.compile(r"([\d.]+)\s*(mg|mcg|ug|µg)\s*/\s*kg(?!\s*/)", re.I)
_MASS = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)\s*(mg|mcg|g)\b(?!\s*/)", re.I)
_OVER = re.compile(r"\bover\s+(\d+(?:\.\d+)?)\s*(?:(?:-|–|to)\s*\d+(?:\.\d+)?\s*)?(min(?:ute)?s?|h(?:ou)?rs?|h)\b", re.I)
_PUSH = re.compile(r"\b(iv push|push|bolus|ivp)\b", re.I)
_STRENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*mg\s*/\s*(\d+(?:\.\d+)?)?\s*ml\b", re.I)
_STRENGTH_MASS = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*mg\b(?!\s*/)", re.I)

_PER_RATE = {("mg", "h"): "rate", ("mg", "min"): "rate", ("ml", "h"): "flow", ("ml", "min"): "flow"}


_KINDS = (("mass", "mass"), ("per_kg", "dose"), ("volume", "volume"), ("rate", "rate"), ("rate_per_kg", "dose rate"), ("flow", "flow"))


def instructions(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The dosage entries of a MedicationRequest or MedicationStatement, one or many."""
    return read.listed(resource.get("dosageInstruction")) or read.listed(resource.get("dosage"))


def doses(resource: Mapping[str, Any]) -> tuple[Dose, ...]:
    """Every dosage of an order, in the order written."""
    return tuple(dose(entry) for entry in instructions(resource))


def dose(entry: Mapping[str, Any]) -> Dose:
    """One Dosage element; text is read only where no structured amount stands."""
    found: dict[str, Fraction] = {}
    odd: list[str] = []
    for part in (*read.listed(entry.get("doseAndRate")), entry):
        for key in ("doseQuantity", "simpleQuantity", "doseRange", "rateRange", "rateQuantity"):
            stated = part.get(key)
            if stated is None or key.endswith("Range") and type(stated) is not dict:
                continue
            _take_amount(stated if key.endswith("Quantity") else stated.get("high") or stated.get("low"), found, odd)
        _take_ratio(part.get("rateRatio"), found, odd)
    _take_duration(entry, found)
    said = " ".join(filter(None, (read.text(entry.get("text")), read.text(entry.get("patientInstruction")))))
    if not found.keys() - {"duration"} and not odd:
        _take_text(said, found, odd)
    elif "duration" not in found:
        _take_text_duration(said, found)
    method = read.concept(entry.get("method"))
    words = " ".join((said, method[1], *(display for _, _, display in method[0])))
    return Dose(**found, bolus=_is_push(words), text=said[:120], unreadable="; ".join(dict.fromkeys(odd)))


@lru_cache(maxsize=4096)
def _is_push(words: str) -> bool:
    return _PUSH.search(words) is not None


def _keep(found: dict[str, Fraction], kind: str, number: Fraction) -> None:
    found[kind] = max(number, found.get(kind, number))


def _take_amount(value: object, found: dict[str, Fraction], odd: list[str]) -> None:
    if value is None:
        return
    raw, unit = read.quantity(value)
    number = exact(raw)
    if number is None or number < 0:
        odd.append(f"an amount without a usable number ({read.unit_text(value) or 'no unit'})")
        return
    spellings = [spelled for spelled in dict.fromkeys((unit, read.unit_text(value))) if spelled]
    for kind, dimension in _KINDS:
        for spelled in spellings:
            found_amount = amount(number, spelled, dimension)
            if found_amount is not None:
                _keep(found, kind, found_amount)
                return
    shown = read.unit_text(value) or "no unit"
    odd.append(f"{float(number):g} {shown}")


def _take_ratio(value: object, found: dict[str, Fraction], odd: list[str]) -> None:
    if type(value) is not dict:
        return
    top, top_unit = read.quantity(value.get("numerator"))
    bottom, bottom_unit = read.quantity(value.get("denominator"))
    upper, lower = exact(top), exact(bottom)
    hours = amount(lower, bottom_unit or "h", "time") if lower is not None else None
    if upper is None or not hours:
        odd.append("a rate that cannot be read")
        return
    for kind, dimension in (("rate", "mass"), ("rate_per_kg", "dose"), ("flow", "volume")):
        found_amount = amount(upper, top_unit, dimension)
        if found_amount is not None:
            _keep(found, kind, found_amount / hours)
            return
    odd.append(f"a rate in {top_unit or 'no unit'} per {bottom_unit or 'no unit'}")


def _take_duration(entry: Mapping[str, Any], found: dict[str, Fraction]) -> None:
    for timing in read.listed(entry.get("timing")):
        for repeat in read.listed(timing.get("repeat")):
            number = exact(repeat.get("duration"))
            hours = amount(number, read.text(repeat.get("durationUnit")) or "min", "time") if number is not None else None
            if hours is not None and hours > 0:
                found["duration"] = min(hours, found.get("duration", hours))


def _take_text(said: str, found: dict[str, Fraction], odd: list[str]) -> None:
    per_kg = {amount(Fraction(number), f"{unit.lower()}/kg", "dose") for number, unit in _MASS_KG.findall(said) if number.count(".") < 2
              and number.strip(".")}
    masses = {amount(Fraction(number.replace(",", "")), unit.lower(), "mass") for number, unit in _MASS.findall(said)}
    if len(per_kg) > 1 or len(masses) > 1:
        odd.append(f"several doses in the text “{said[:60]}”")
        return
    if per_kg:
        found["per_kg"] = per_kg.pop()
    if masses:
        found["mass"] = masses.pop()
    _take_text_duration(said, found)


def _take_text_duration(said: str, found: dict[str, Fraction]) -> None:
    span = _span(said)
    if span is not None and "duration" not in found:
        found["duration"] = span


@lru_cache(maxsize=4096)
def _span(said: str) -> Fraction | None:
    """The one infusion time a text names; the texts of orders repeat."""
    spans = {amount(Fraction(number), "h" if unit.lower().startswith("h") else "min", "time") for number, unit in _OVER.findall(said)}
    return spans.pop() if len(spans) == 1 else None


def text_dose(said: str) -> Dose | None:
    """The dose in a free text such as the name of an infusion order; None when it holds none."""
    found: dict[str, Fraction] = {}
    odd: list[str] = []
    _take_text(said, found, odd)
    return Dose(**found, bolus=_PUSH.search(said) is not None, text=said[:120], unreadable="; ".join(odd)) if found or odd else None


_MOST_SAID = 1_000_000
"""Larger amounts are slips and never written out."""


def said(dose: Dose) -> str:
    """How much and how long a dose states, in words; empty where it states nothing readable."""
    stated = ((dose.mass, "mg"), (dose.per_kg, "mg/kg"), (dose.volume, "mL"), (dose.rate, "mg/h"), (dose.rate_per_kg, "mg/kg/h"), (dose.flow, "mL/h"))
    amounts = ", ".join(f"{decimal(value)} {unit}" for value, unit in stated if value is not None and 0 < value < _MOST_SAID)
    return amounts + (f" over {decimal(dose.duration * 60)} minutes" if amounts and dose.duration and 0 < dose.duration < _MOST_SAID else "")


def strengths(texts: Iterable[str]) -> Fraction | None:
    """The greatest concentration (mg/mL) that product names or table entries state; None when none does."""
    return max((strength for said in texts for strength in _strengths(said)), default=None)


@lru_cache(maxsize=1024)
def _strengths(said: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(mass) / (Fraction(volume) if volume and Fraction(volume) else 1) for mass, volume in _STRENGTH.findall(said))


def daily_mg(resource: Mapping[str, Any], texts: Iterable[str]) -> Fraction | None:
    """The mass per day (mg) a drug is taken in, where dose and frequency are stated; tablets count by their strength."""
    total = Fraction(0)
    for entry in instructions(resource):
        found = dose(entry)
        mass = found.mass
        if mass is None:
            mass = _tablets(entry, texts)
        per_day = _times_a_day(entry)
        if mass is None or per_day is None:
            return None
        total += mass * per_day
    return total or None


def _tablets(entry: Mapping[str, Any], texts: Iterable[str]) -> Fraction | None:
    strength = {Fraction(number) for said in texts for number in _STRENGTH_MASS.findall(said)}
    for part in read.listed(entry.get("doseAndRate")) + [dict(entry)]:
        number = exact(read.quantity(part.get("doseQuantity"))[0])
        unit = read.unit_text(part.get("doseQuantity")).lower().strip("{}()")
        if number is not None and len(strength) == 1 and any(word in unit for word in ("tab", "cap", "pill")):
            return number * strength.pop()
    return None


def _times_a_day(entry: Mapping[str, Any]) -> Fraction | None:
    for timing in read.listed(entry.get("timing")):
        for repeat in read.listed(timing.get("repeat")):
            period = exact(repeat.get("period"))
            hours = amount(period, read.text(repeat.get("periodUnit")) or "d", "time") if period is not None else None
            if hours:
                return (exact(repeat.get("frequency")) or Fraction(1)) * 24 / hours
        shorthand = read.codes(timing.get("code"))
        for code, times in (("qd", 1), ("daily", 1), ("qhs", 1), ("bid", 2), ("tid", 3), ("qid", 4)):
            if code in shorthand:
                return Fraction(times)
    return None
