"""Measured amounts: single values, components of one Observation, and blood pressures sent as two Observations.

A blood pressure whose parts cannot both be true (systolic not above diastolic, below 50 or above 300, diastolic above 200) is not
used and is reported (reference: rulebook corrections, blood-pressure-severe).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta, tzinfo
from fractions import Fraction
from functools import lru_cache
from typing import Any

from cds.facts import results
from cds.facts.model import Measurement, Unreadable
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.intervals import Moment, moment
from cds.quantities import UNITS, amount, decimal, exact
from cds.terms.load import loinc_check_digit
from cds.terms.recognise import Recogniser
from cds.terms.systems import LOINC, system

_FINAL = frozenset({"final", "amended", "corrected", "preliminary", "unknown", ""})
_VOID = frozenset({"entered-in-error", "cancelled", "registered"})
_VALUES = frozenset({"valueQuantity", "valueInteger", "valueString", "dataAbsentReason", "valueDecimal"})
_DIMENSIONS = ("pressure", "weight", "share", "frequency", "length", "body mass index")
_DEFAULT_UNITS = {"systolic-blood-pressure": "mmHg", "diastolic-blood-pressure": "mmHg", "oxygen-saturation": "%",
                  "body-mass-index": "kg/m2"}
_SHOWN = {"pressure": "mmHg", "weight": "kg", "share": "%", "frequency": "/min", "length": "cm", "body mass index": "kg/m2"}
_PLAUSIBLE = (("body-weight", 25, 350), ("oxygen-saturation", 20, 100), ("body-height", 100, 250), ("body-mass-index", 8, 120))
_SAME_READING = timedelta(minutes=5)
SYSTOLIC, DIASTOLIC = "systolic-blood-pressure", "diastolic-blood-pressure"


def measurements(chart: Chart, recogniser: Recogniser, zone: tzinfo) -> tuple[list[Measurement], list[Measurement], list[Unreadable]]:
    """Usable measurements, implausible ones, and what of our observations could not be read."""
    found: list[Measurement] = []
    unread: list[str] = []
    odd: Counter[str] = Counter()
    for resource in chart.resources.get("Observation", ()):
        status, before = read.status(resource), len(found)
        final = status not in _VOID
        for holder in (resource, *read.listed(resource.get("component"))):
            concept = read.concept(holder.get("code"))
            if concept == read.NO_CONCEPT and final:
                unread.append("a measurement without a code or a name could not be read")
            else:
                unread += [f"{(concept[1] or display or 'a measurement')[:60]}, whose code {code.strip()[:20]} is none, could not be read"
                           for spelled, code, display in concept[0] if system(spelled) == LOINC and not loinc_check_digit(code.strip())][:1]
            terms = recogniser.measurement(*concept)
            if terms and terms[0] in recogniser.results:
                if final:
                    one = results.result(resource, holder, terms, recogniser.results[terms[0]], zone)
                    found.append(one) if isinstance(one, Measurement) else unread.append(one)
            elif terms and final and not _VALUES.isdisjoint(holder):
                one = _measurement(resource, holder, terms, zone)
                found.append(one) if isinstance(one, Measurement) else unread.append(one)
        if len(found) > before and status not in _FINAL:
            odd[status] += 1
    usable, unusable = _plausible(found)
    return usable, unusable, [Unreadable(said, "observations") for said in unread] + [_strange(status, count) for status, count in odd.items()]


def _strange(status: str, count: int) -> Unreadable:
    """A status that FHIR does not know is left out of account, and its measurements are used: they are rarely void."""
    measured, used = ("1 measurement", "it is") if count == 1 else (f"{count} measurements", "they are")
    return Unreadable(f"“{status[:20]}” is not a FHIR status; {used} used all the same", f"status of {measured}")


def _measurement(resource: Mapping[str, Any], holder: Mapping[str, Any], terms: tuple[str, ...], zone: tzinfo) -> Measurement | str:
    name = terms[0].replace("-", " ")
    start, end = read.period_ends(resource.get("effectivePeriod"))
    taken = moment(resource.get("effectiveDateTime") or resource.get("effectiveInstant") or end or start, zone)
    if taken is None:
        return f"{name} without a usable date could not be read"
    raw, unit = read.quantity(holder.get("valueQuantity"))
    if type(holder.get("valueQuantity")) is dict and holder["valueQuantity"].get("comparator"):
        return f"{name} of {taken.day()}, only known as a limit, could not be read"
    if raw is None:
        raw, unit = holder.get("valueInteger") if holder.get("valueInteger") is not None else holder.get("valueString"), ""
        if isinstance(raw, str) and " " in raw.strip():
            raw, _, unit = raw.strip().partition(" ")
    number = exact(raw)
    unit = unit or next((_DEFAULT_UNITS[term] for term in terms if term in _DEFAULT_UNITS), "")
    if number is not None:
        for dimension in _DIMENSIONS:
            value = amount(number, unit, dimension)
            if value is None and holder.get("valueQuantity"):
                value = amount(number, read.unit_text(holder["valueQuantity"]), dimension)
            if value is not None:
                return Measurement(read.name(resource), terms, value, dimension, taken,
                                   f"{name} {decimal(value, 1)} {_SHOWN[dimension]} on {_when(taken, zone)}")
    return f"{name} of {taken.day()} without a usable value could not be read"


@lru_cache(maxsize=4096)
def _when(taken: Moment, zone: tzinfo) -> str:
    return taken.day() if taken.whole_days else taken.earliest.astimezone(zone).isoformat(" ", "minutes")[:16]


def _plausible(found: list[Measurement]) -> tuple[list[Measurement], list[Measurement]]:
    """Pair systolic with diastolic values of one reading; a pair that cannot be true is set aside whole."""
    systolic = [one for one in found if SYSTOLIC in one.terms]
    diastolic = [one for one in found if DIASTOLIC in one.terms]
    bad: dict[int, Measurement] = {}
    for one in (*systolic, *diastolic):
        if not (50 <= one.value <= 300 if SYSTOLIC in one.terms else 10 <= one.value <= 200):
            bad[id(one)] = one
    for upper, lower in _pairs(systolic, diastolic):
        if upper.value <= lower.value or id(upper) in bad or id(lower) in bad:
            said = f"blood pressure {decimal(upper.value)}/{decimal(lower.value)} of {upper.taken.day()}"
            bad[id(upper)], bad[id(lower)] = replace(upper, text=said), replace(lower, text=said)
    for one in found:
        for term, least, most in _PLAUSIBLE:
            if term in one.terms and not least <= one.value <= most:
                bad[id(one)] = one
    return [one for one in found if id(one) not in bad], list(bad.values())


def _pairs(systolic: list[Measurement], diastolic: list[Measurement]) -> Iterator[tuple[Measurement, Measurement]]:
    by_ref = {(one.ref, one.taken.text): one for one in diastolic}
    for upper in systolic:
        lower = by_ref.get((upper.ref, upper.taken.text))
        if lower is None:
            near = [one for one in diastolic if abs(one.taken.earliest - upper.taken.earliest) <= _SAME_READING
                    and one.taken.whole_days == upper.taken.whole_days]
            lower = min(near, key=lambda one: abs(one.taken.earliest - upper.taken.earliest), default=None)
        if lower is not None:
            yield upper, lower


def internal_unit(dimension: str) -> str:
    """How the internal unit of a dimension is written."""
    return _SHOWN.get(dimension) or next(unit for unit, factor in UNITS[dimension].items() if factor == Fraction(1))
