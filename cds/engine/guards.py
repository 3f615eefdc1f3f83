"""Which clauses of a rule need no answer, given the answers to those that cost next to nothing.

Clauses over a list that is indexed by term, and a few about the order, are answered for every request.  Of the others only
those are asked that can still change what the rule says or which records it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds.rulefile.language import VERBS
from cds.rulefile.rule import Ask, Clause, Question

INDEXED = ("medications", "conditions", "allergies")
"""Lists of the facts that are indexed by term."""
_AT_HAND = frozenset({"ordering", "at", "sex"})

Guards = tuple[tuple[int, ...], ...]
"""Of each of these groups at least one clause must be more than a no; otherwise what is guarded does not matter."""


@dataclass(frozen=True, slots=True)
class Block:
    """Clauses of one rule that are asked together, and when."""

    guards: Guards
    clauses: tuple[int, ...]


def is_indexed(clause: Clause) -> bool:
    """Whether a clause is a no, or unknown, wherever a list does not hold its one term."""
    return VERBS[clause.verb].reads in INDEXED and isinstance(clause.head, str)


def is_cheap(clause: Clause) -> bool:
    """Whether a clause is answered for every request, because its answer costs next to nothing."""
    return is_indexed(clause) or clause.verb in _AT_HAND


def guards(question: Question, number: Mapping[Clause, int]) -> Guards:
    """Cheap clauses without one of which a question is a no; the empty tuple where there are none such."""
    if isinstance(question, Ask):
        return ((number[question.clause],),) if is_cheap(question.clause) else ()
    parts = [guards(part, number) for part in question.parts]
    if question.kind == "all":
        return tuple(dict.fromkeys(one for part in parts for one in part))
    if question.kind == "any" and parts and all(parts):
        return (tuple(dict.fromkeys(clause for part in parts for clause in min(part, key=len))),)
    return ()


def blocks(asked: Iterable[tuple[Question, Guards]], number: Mapping[Clause, int]) -> tuple[Block, ...]:
    """The clauses of some questions that are not cheap, each question guarded, by when they matter."""
    found: dict[Guards, dict[int, None]] = {}
    for question, outer in asked:
        _place(question, outer, number, found)
    return tuple(Block(key, tuple(clauses)) for key, clauses in found.items())


def _place(question: Question, outer: Guards, number: Mapping[Clause, int], found: dict[Guards, dict[int, None]]) -> None:
    """A no in one part of `all` leaves the other parts, and a no anywhere its own exceptions, without any meaning."""
    inner = tuple(dict.fromkeys((*outer, *guards(question, number))))
    if isinstance(question, Ask):
        if not is_cheap(question.clause):
            found.setdefault(outer, {})[number[question.clause]] = None
    else:
        for part in question.parts:
            _place(part, inner, number, found)
    for exempt in question.unless:
        _place(exempt.question, inner, number, found)
