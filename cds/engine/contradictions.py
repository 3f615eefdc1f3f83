"""Entries of one list that contradict each other: the same problem active and over, the same drug taken and stopped.

Two entries of the same source do not contradict each other: there the newer one stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from cds.engine.answers import Answer, Because, Hit, listed
from cds.engine.formula import NO, SOFT, YES
from cds.facts.model import CURRENT, ENDED, Condition, Medication, PatientFacts
from cds.intervals import Moment, Within
from cds.quantities import Quantity
from cds.rulefile.rule import Clause


def records_contradict(clause: Clause, facts: PatientFacts) -> Answer:
    """Two entries about one of the terms, from different sources and both in the window, say the opposite."""
    name = str(clause.head)
    hits = _problems if name == "conditions" else _drugs
    return listed(name, (hit for term in clause.word("about") or () for hit in hits(str(term), clause.word("within"), facts)), facts)


def _problems(term: str, window: object, facts: PatientFacts) -> Iterator[Hit]:
    found = [one for one in facts.conditions.get(term, ()) if not one.history]
    for active, over in product([one for one in found if one.active], [one for one in found if not one.active]):
        if not active.codes.isdisjoint(over.codes) and _apart(active, over):
            yield _hit(term, active, over, _in(window, facts, active.recorded or active.onset, over.recorded or over.onset))


def _drugs(term: str, window: object, facts: PatientFacts) -> Iterator[Hit]:
    """A drug that began again after it was stopped contradicts nothing."""
    found = facts.medications.get(term, ())
    for taken, stopped in product([one for one in found if one.state == CURRENT], [one for one in found if one.state == ENDED]):
        end = stopped.ended or stopped.last_known
        again = taken.started is not None and end is not None and taken.started.latest >= end.earliest
        if frozenset(taken.ingredients) == frozenset(stopped.ingredients) and _apart(taken, stopped) and not again:
            yield _hit(term, taken, stopped, _in(window, facts, end))


def _apart(one: Condition | Medication, other: Condition | Medication) -> bool:
    return not one.source or one.source != other.source


def _in(window: object, facts: PatientFacts, *dates: Moment | None) -> int:
    """Whether all dates lie in the window; perhaps, where one is not recorded or vague."""
    if not isinstance(window, Quantity):
        return YES
    places = [facts.within(when, window) if when is not None else None for when in dates]
    if Within.OUTSIDE in places:
        return NO
    return YES if all(where is Within.INSIDE for where in places) else SOFT


def _hit(term: str, one: Condition | Medication, other: Condition | Medication, value: int) -> Hit:
    doubts = (f"{one.name}: dates not recorded exactly",) if value == SOFT else ()
    return Hit(value, Because(one.ref, one.text, one.terms[term]), doubts, against=(Because(other.ref, other.text, other.terms[term]),))
