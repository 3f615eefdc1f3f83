"""Clauses over what a test came out as."""

from __future__ import annotations

from cds.engine.answers import FLAT_NO, Answer, Because, Hit, Missing
from cds.engine.formula import SOFT, UNKNOWN, YES
from cds.engine.later import settled
from cds.engine.measured import is_complete, is_cut_off, newest, none_in, none_newer, unreadable
from cds.facts.model import PatientFacts
from cds.intervals import Within
from cds.quantities import Quantity
from cds.rulefile.rule import Clause
from cds.terms.model import Term


def result(clause: Clause, facts: PatientFacts, terms: dict[str, Term]) -> Answer:
    """The newest result of a test within a window is the one asked for; one that is neither positive nor negative is unknown."""
    window, term = clause.word("within"), clause.head
    assert isinstance(window, Quantity) and isinstance(term, str)
    found = newest(term, window, facts, "result")
    name = terms[term].asked_for_as
    if not found:
        return _none(clause, name, window, facts)
    hits = [settled(Hit(YES if where is Within.INSIDE else SOFT, Because(one.ref, one.text), () if where is Within.INSIDE else (
        f"{one.text}: time of day not recorded",)), one.taken, clause, facts) for one, where in found if one.result == clause.word("is")]
    best = max((hit.value for hit in hits), default=0)
    if best >= SOFT:
        shown = [hit for hit in hits if hit.value >= SOFT]
        return Answer(best, tuple(record for hit in shown for record in (hit.because, *hit.against)), (),
                      tuple(doubt for hit in shown for doubt in hit.doubts) if best == SOFT else ())
    unclear = [one for one, _ in found if not one.result]
    if unclear:
        return Answer(UNKNOWN, (), (Missing(name, unclear[-1].text),))
    if not (is_complete(window, facts) or none_newer(found, facts)):
        return Answer(UNKNOWN, (), absent_list(facts))
    return FLAT_NO


def absent_list(facts: PatientFacts) -> tuple[Missing, ...]:
    """Why a newer result cannot be ruled out."""
    state = facts.lists.get("observations")
    return (Missing("measurements", state.reason if state else "not sent by the EHR", unreadable=True),)


def _none(clause: Clause, name: str, window: Quantity, facts: PatientFacts) -> Answer:
    term = str(clause.head)
    if clause.word("if_cut_off") == "no" and is_cut_off(facts) and not is_complete(window, facts):
        return FLAT_NO
    unread = unreadable(term, name, window, facts)
    if unread:
        return Answer(UNKNOWN, (), unread)
    if clause.word("if_absent") == "no":
        return FLAT_NO
    later = clause.word("left_to_the_day_within")
    if clause.word("left_to_the_day") or isinstance(later, Quantity) and any(one.result for one, _ in newest(term, later, facts, "result")):
        return Answer(UNKNOWN, (), (Missing(name, "to be checked on the day", on_the_day=True),))
    return Answer(UNKNOWN, (), none_in(term, name, window, facts))
