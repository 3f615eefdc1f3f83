"""What can be worked out from weights: the body mass index, and the weight an earlier order was dosed for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from fractions import Fraction
from typing import Any

from cds.facts import dosage
from cds.facts.medications import Record
from cds.facts.model import DOSED_FOR, Measurement
from cds.fhir import read
from cds.intervals import moment
from cds.quantities import amount, decimal

WEIGHT, HEIGHT, INDEX = "body-weight", "body-height", "body-mass-index"
_WEIGHT = re.compile(r"(?<![\d.,/])(\d{2,3}(?:\.\d{1,3})?)\s*(kg|lbs?)\b", re.I)
_KILOGRAMS = (25, 350)
_ORDERS = ("MedicationRequest", "MedicationOrder")


def body_mass_index(found: Iterable[Measurement], terms: tuple[str, ...]) -> Measurement | None:
    """The index of the newest weight and the newest height, where no index is recorded for that day or later."""
    by_term: dict[str, list[Measurement]] = {}
    for one in found:
        for term in one.terms:
            by_term.setdefault(term, []).append(one)
    if WEIGHT not in by_term or HEIGHT not in by_term:
        return None
    weight, height = (max(by_term[term], key=lambda one: (one.taken.latest, one.text)) for term in (WEIGHT, HEIGHT))
    if any(one.taken.latest.date() >= weight.taken.earliest.date() for one in by_term.get(INDEX, ())):
        return None
    value = weight.value / (height.value / 100) ** 2
    return Measurement(weight.ref, terms, value, "body mass index", weight.taken,
                       f"body mass index {decimal(value, 1)} from {decimal(weight.value, 1)} kg and {decimal(height.value, 1)} cm")


def of_earlier_orders(records: Iterable[Record], zone: tzinfo, scope: str) -> Iterator[Measurement]:
    """The body weight written into the dosage of each earlier order of the drugs the rulebook is about."""
    for resource, known, _ in records:
        if scope not in known.terms or resource.get("resourceType") not in _ORDERS:
            continue
        written = moment(resource.get("authoredOn"), zone)
        if written is None or read.status(resource) in ("entered-in-error", "cancelled", "draft"):
            continue
        value = _weight(resource)
        if value is not None:
            yield Measurement(read.name(resource), (DOSED_FOR,), value, "weight", written,
                              f"order of {written.day()} dosed for {decimal(value, 1)} kg")


def _weight(resource: Mapping[str, Any]) -> Fraction | None:
    for entry in dosage.instructions(resource):
        for match in _WEIGHT.finditer(read.text(entry.get("text"))):
            value = amount(Fraction(match[1]), match[2], "weight")
            if value is not None and _KILOGRAMS[0] <= value <= _KILOGRAMS[1]:
                return value
    return None
