"""Clauses that hold two values of one measurement against each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from statistics import median

from cds.engine.answers import FLAT_NO, Answer, Because
from cds.engine.formula import YES
from cds.engine.ordered import WEIGHT
from cds.facts.model import DOSED_FOR, Measurement, PatientFacts
from cds.intervals import Within
from cds.quantities import Quantity, decimal
from cds.rulefile.rule import Clause, Comparison

_INSIDE = (Within.INSIDE, Within.PARTLY)


def changed(clause: Clause, facts: PatientFacts) -> Answer:
    """The newest value inside a window differs by a share from the one before; with one value there is no change.

    A body weight is held against the weight of the newest earlier order that states one, else, like every other measurement,
    against the median of the other values of the window (rulebook corrections, weight-change).
    """
    wanted, window = clause.word("by"), clause.word("within")
    assert isinstance(wanted, Comparison) and isinstance(window, Quantity)
    inside = _inside(str(clause.head), window, facts)
    ordered = _inside(DOSED_FOR, window, facts) if clause.head == WEIGHT else []
    if not inside or (len(inside) < 2 and not ordered):
        return FLAT_NO
    newest, earlier = inside[-1], inside[:-1]
    if ordered:
        before, said = ordered[-1].value, ordered[-1]
    else:
        before, said = median(one.value for one in earlier), min(earlier, key=lambda one: (-one.taken.latest.timestamp(), one.text))
    share = abs(newest.value - before) / before * 100
    if not wanted.holds(share):
        return FLAT_NO
    text = f"changed by {decimal(share, 1)} % against " + ("" if ordered else f"the median of {len(earlier)} earlier, {decimal(before, 1)}, last ")
    return Answer(YES, (Because(newest.ref, f"{newest.text}, {text}{said.text}"),))


def two_values_of(clause: Clause, facts: PatientFacts) -> Answer:
    """The newest value and another of the time before it are so many times each other, as kilograms and pounds are."""
    least, most, window = clause.word("at_least"), clause.word("at_most"), clause.word("within")
    assert isinstance(least, Comparison) and isinstance(most, Comparison) and isinstance(window, Quantity)
    found = [pair for pair in _pairs(str(clause.head), window, facts)
             if least.holds(_factor(*pair)) and most.holds(_factor(*pair))]
    because = (Because(one.ref, one.text) for pair in found for one in pair)
    return Answer(YES, tuple(dict.fromkeys(because))) if found else FLAT_NO


def _pairs(term: str, window: Quantity, facts: PatientFacts) -> Iterator[tuple[Measurement, Measurement]]:
    """The newest value with every other that is no further from it than the window is long."""
    known = _sorted([one for one in facts.measurements.get(term, ()) if one.taken.first <= facts.now])
    for other in known[:-1]:
        if known[-1].taken.earliest - other.taken.latest <= timedelta(hours=float(window.value)):
            yield known[-1], other


def _factor(one: Measurement, other: Measurement) -> Fraction:
    return max(one.value, other.value) / min(one.value, other.value)


def _inside(term: str, window: Quantity, facts: PatientFacts) -> list[Measurement]:
    """Every value inside a window, oldest first."""
    return _sorted([one for one in facts.measurements.get(term, ()) if facts.within(one.taken, window) in _INSIDE])


def _sorted(found: list[Measurement]) -> list[Measurement]:
    return sorted(found, key=lambda one: (one.taken.last, one.text, one.ref)) if len(found) > 1 else found
