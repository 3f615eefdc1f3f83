"""What a rule asks, as a tree over numbered clauses.

A clause answer is 3 (yes), 2 (soft yes), 1 (unknown) or 0 (no).  A negated
literal holds firmly only where its clause is a firm no, and is ruled out only
by a firm yes: a soft exception never excuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NO, UNKNOWN, SOFT, YES = 0, 1, 2, 3
NEGATED = (YES, UNKNOWN, UNKNOWN, NO)


@dataclass(frozen=True, slots=True)
class Literal:
    """One clause by its number, or the absence of what it asks."""

    clause: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Every part; the empty one is always met."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part; the empty one is never met."""

    parts: tuple[Formula, ...]


Formula = Literal | All | Any


def negate(formula: Formula) -> Formula:
    """The opposite of a formula, with every negation pushed down to the literals."""
    if isinstance(formula, Literal):
        return Literal(formula.clause, not formula.negated)
    parts = tuple(negate(part) for part in formula.parts)
    return Any(parts) if isinstance(formula, All) else All(parts)


def value(formula: Formula, answers: Sequence[int]) -> int:
    """The answer (0 to 3) of a formula, given one answer per clause number."""
    if type(formula) is Literal:
        answer = answers[formula.clause]
        return NEGATED[answer] if formula.negated else answer
    if type(formula) is All:
        found = YES
        for part in formula.parts:
            found = min(found, value(part, answers))
            if found == NO:
                break
        return found
    found = NO
    for part in formula.parts:
        found = max(found, value(part, answers))
        if found == YES:
            break
    return found


def clauses(formula: Formula) -> Iterator[int]:
    """Every clause number a formula reads, in order, with repetitions."""
    if isinstance(formula, Literal):
        yield formula.clause
        return
    for part in formula.parts:
        yield from clauses(part)
