"""Records that take an earlier one back: the problem that ended it, or a later negative result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from cds.engine.answers import Because, Hit
from cds.engine.formula import NO, SOFT, YES
from cds.facts.model import PatientFacts
from cds.intervals import Moment
from cds.quantities import Quantity
from cds.rulefile.rule import Clause


def settled(hit: Hit, when: Moment | None, clause: Clause, facts: PatientFacts) -> Hit:
    """What a hit of some date is still worth: nothing where a record ended or refuted it, less where one perhaps did.

    A record that cannot be read takes nothing back.
    """
    if hit.value < SOFT or not (clause.word("not_ended_by") or clause.word("not_refuted_by")):
        return hit
    against: list[Because] = []
    doubts: list[str] = []
    for firm, record, doubt in (*_ends(when, clause, facts), *_refutes(when, clause, facts)):
        if firm:
            return hit._replace(value=NO)
        against.append(record)
        doubts += [doubt] if doubt else []
    soft = hit.value == YES and bool(doubts)
    return hit._replace(value=SOFT if soft else hit.value, doubts=(*hit.doubts, *doubts), against=tuple(against))


def _ends(when: Moment | None, clause: Clause, facts: PatientFacts) -> Iterator[tuple[bool, Because, str]]:
    """Problems dated on the same day or later: firm ends, and perhaps ends (by name, unconfirmed, or without a usable date)."""
    for term in clause.word("not_ended_by") or ():
        for one in facts.conditions.get(term, ()):
            date_of = one.onset or one.recorded
            if one.history or (date_of is not None and date_of.earliest > facts.asked_at):
                continue
            record = Because(one.ref, one.text, one.terms[term])
            if when is None or date_of is None:
                yield False, record, f"perhaps ended by {one.name}: dates not recorded"
                continue
            (first, last), (from_day, to_day) = _days(date_of, facts), _days(when, facts)
            if last < from_day:
                continue
            firm = first >= to_day and one.terms[term] == "code" and not one.doubts
            yield firm, record, f"perhaps ended by {one.name}"


def _refutes(when: Moment | None, clause: Clause, facts: PatientFacts) -> Iterator[tuple[bool, Because, str]]:
    """Later negative results: firm from `refuted_after` on, before that they only stand beside the record."""
    gap = clause.word("refuted_after")
    wait = timedelta(hours=float(gap.value)) if isinstance(gap, Quantity) else timedelta()
    for term in clause.word("not_refuted_by") or ():
        for one in facts.measurements.get(term, ()):
            if one.result != "negative" or one.taken.earliest > facts.asked_at:
                continue
            record = Because(one.ref, one.text)
            if when is None:
                yield False, record, f"{one.text}; the date of the record is not known"
            elif one.taken.earliest > when.latest:
                yield not wait or _days(one.taken, facts)[0] >= _days(when, facts)[1] + wait, record, ""


def _days(when: Moment, facts: PatientFacts) -> tuple[date, date]:
    return when.earliest.astimezone(facts.zone).date(), when.latest.astimezone(facts.zone).date()
