"""Which terms are easily mistaken for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cds.terms.model import MEDICATION, Term
from cds.terms.recognise import Recogniser

WIDER, NARROWER, BESIDE = "a wider term", "a narrower term", "the term beside it"


def neighbours(terms: Mapping[str, Term], recogniser: Recogniser) -> dict[str, dict[str, str]]:
    """For each term others of its kind by how they stand to it.

    A member of another term has the next member beside it, any other the next wider term; both also the next narrower one.
    A term without any of them has the one beside it in its file.
    """
    covers = {name: _covers(name, terms, recogniser) for name in terms}
    members = {name: term.terms for term in terms.values() for name in term.terms if len(term.terms) > 1}
    return {name: _of(name, members.get(name, ()), [other for other in terms if terms[other].kind == term.kind], covers)
            for name, term in terms.items()}


def _covers(name: str, terms: Mapping[str, Term], recogniser: Recogniser) -> frozenset[str]:
    """What a term takes in: ingredients of a medication term; of any other itself and the terms it includes."""
    if terms[name].kind == MEDICATION:
        return frozenset(recogniser.members(name))
    return frozenset((name,)).union(*(_covers(other, terms, recogniser) for other in terms[name].terms))


def _of(name: str, members: Sequence[str], same_kind: Sequence[str], covers: Mapping[str, frozenset[str]]) -> dict[str, str]:
    own, found = covers[name], {}
    if members:
        found[BESIDE] = _beside(name, members)
    wider = min((one for one in same_kind if covers[one] > own and not members), key=lambda one: (len(covers[one]), one), default=None)
    narrower = max((one for one in same_kind if covers[one] < own), key=lambda one: (len(covers[one]), one), default=None)
    if wider is not None:
        found[WIDER] = wider
    if narrower is not None:
        found[NARROWER] = narrower
    if not found and len(same_kind) > 1:
        found[BESIDE] = _beside(name, same_kind)
    return found


def _beside(name: str, row: Sequence[str]) -> str:
    place = row.index(name)
    return row[place + 1] if place + 1 < len(row) else row[place - 1]
