"""Clauses over lists: drugs taken, problems had, allergies."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from cds.engine.answers import FLAT_NO, Answer, Because, Hit, Missing, listed, without_a_hit
from cds.engine.later import settled
from cds.engine.formula import NO, SOFT, UNKNOWN, YES
from cds.facts.model import CURRENT, ENDED, LISTS, ON_HOLD, ORDERED, Condition, Medication, PatientFacts
from cds.intervals import Moment, Within
from cds.quantities import Quantity
from cds.rulefile.rule import Clause, Comparison


def taking(clause: Clause, facts: PatientFacts) -> Answer:
    """A drug of a term is taken, ordered now, or was stopped within a window."""
    return listed("medications", (_taken(clause, clause.head, one, facts) for one in facts.medications.get(clause.head, ())), facts)


def _taken(clause: Clause, term: str, drug: Medication, facts: PatientFacts) -> Hit:
    value, doubts, missing = _state(drug, clause.word("or_stopped_within"), clause.keeps, facts)
    how = drug.terms[term]
    if value == YES and how == "text" and not (clause.keeps and drug.exact):
        value, doubts = SOFT, (*doubts, f"{drug.name} matched by name")
    if value == YES and drug.doubts and drug.state not in (ON_HOLD, ENDED):
        value, doubts = SOFT, (*doubts, *drug.doubts)
    wanted = clause.word("daily_dose")
    if isinstance(wanted, Comparison) and value >= SOFT:
        if drug.daily_mg is None:
            return Hit(UNKNOWN, Because(drug.ref, drug.text, how), missing=(Missing(f"daily dose of {drug.name}", "not recorded"),))
        if not wanted.holds(drug.daily_mg):
            value = NO
    return _unexplained(clause, Hit(value, Because(drug.ref, drug.text, how), doubts, missing), facts)


def _unexplained(clause: Clause, hit: Hit, facts: PatientFacts) -> Hit:
    """A hit counts only where none of some problems is on the problem list in any state, also an uncertain one."""
    diagnoses = clause.word("without_diagnosis")
    if diagnoses is None or hit.value == NO:
        return hit
    if any(term in facts.conditions for term in diagnoses):
        return hit._replace(value=NO)
    unread = without_a_hit("conditions", facts)
    return hit if unread.value == NO else Hit(UNKNOWN, hit.because, missing=(*hit.missing, *unread.missing))


def _state(drug: Medication, window: object, keeps: bool, facts: PatientFacts) -> tuple[int, tuple[str, ...], tuple[Missing, ...]]:
    if drug.state in (CURRENT, ORDERED):
        return YES, (), ()
    if drug.state == ON_HOLD:
        return (YES if keeps else SOFT), (f"{drug.name} is on hold",), ()
    if drug.state == ENDED:
        return _stopped(drug, window, facts) if isinstance(window, Quantity) else (NO, (), ())
    return SOFT, tuple(f"{drug.name}: {doubt}" for doubt in drug.doubts), ()


def _stopped(drug: Medication, window: Quantity, facts: PatientFacts) -> tuple[int, tuple[str, ...], tuple[Missing, ...]]:
    """A stop known to the day takes the later reading; without a stop date the last date known stands in for it."""
    end = drug.ended or drug.last_known
    if end is None:
        return UNKNOWN, (), (Missing(f"end date of {drug.name}", "not recorded"),)
    where = facts.within(end, window)
    if where is Within.OUTSIDE:
        return NO, (), ()
    if where is Within.PARTLY and len(end.text) < len("2025-01-01"):
        return UNKNOWN, (), (Missing(f"end date of {drug.name}", f"only known as {end.text}"),)
    return YES, (), ()


def taking_classes(clause: Clause, facts: PatientFacts) -> Answer:
    """At least so many classes (or different drugs) of some terms are taken."""
    hits: dict[object, int] = {}
    because: dict[Because, int] = {}
    doubts: list[str] = []
    wanted = clause.word("at_least").amount
    least = ceil(wanted.value)
    by_drug = wanted.unit == "drugs"
    for term in clause.head:
        for drug in facts.medications.get(term, ()):
            hit = _taken(clause, term, drug, facts)
            key = frozenset(drug.ingredients) if by_drug else term
            hits[key] = max(hit.value, hits.get(key, NO))
            if hit.value >= SOFT:
                because[hit.because] = hit.value
                doubts += hit.doubts
    value = YES if least < 1 else sorted(hits.values())[-least] if least <= len(hits) else NO
    if value >= SOFT:
        shown = sorted(because, key=lambda one: (-because[one], one.text, one.resource))
        return Answer(value, tuple(shown), (), tuple(sorted(set(doubts))) if value == SOFT else ())
    open_list = without_a_hit("medications", facts)
    if value == UNKNOWN or open_list.value == UNKNOWN:
        return Answer(UNKNOWN, (), open_list.missing or (Missing(LISTS["medications"], "dates or doses not recorded"),))
    return FLAT_NO


def has(clause: Clause, facts: PatientFacts) -> Answer:
    """An active problem of a term, perhaps one that began within a window."""
    return listed("conditions", (_problem(clause, one, clause.word("began_within"), facts, active=True)
                                 for one in facts.conditions.get(clause.head, ()) if one.active
                                 and not (clause.word("not_in_remission") and one.in_remission) and not _over(clause.head, one, facts)), facts)


def _over(term: str, one: Condition, facts: PatientFacts) -> bool:
    until = one.true_until.get(term)
    return until is not None and until < facts.asked_at


def has_had(clause: Clause, facts: PatientFacts) -> Answer:
    """A problem of a term at any time, or within or before a window."""
    return listed("conditions", _ever(clause, facts), facts)


def _ever(clause: Clause, facts: PatientFacts) -> Iterator[Hit]:
    older = clause.word("longer_ago_than")
    for one in facts.conditions.get(clause.head, ()):
        if isinstance(older, Quantity):
            when = one.onset or one.recorded
            where = facts.within(when, older) if when else None
            value = {Within.OUTSIDE: YES, Within.PARTLY: SOFT}.get(where, SOFT if when is None else NO)
            yield Hit(value, Because(one.ref, one.text, one.terms[clause.head]), (f"{one.name}: date not recorded",) if when is None else ())
        else:
            yield _problem(clause, one, clause.word("within"), facts, active=False)


def _problem(clause: Clause, one: Condition, window: object, facts: PatientFacts, active: bool) -> Hit:
    how = one.terms[clause.head]
    value, doubts = YES, ()
    text = one.text
    if isinstance(window, Quantity):
        value, doubts, text = _dated(clause.head, one, window, facts)
    if value == YES and how == "text" and not clause.keeps:
        value, doubts = SOFT, (*doubts, f"{one.name} matched by name")
    if value == YES and one.doubts:
        value, doubts = SOFT, (*doubts, *(f"{one.name}: {doubt}" for doubt in one.doubts))
    if value == YES and active and clause.head in one.true_until and one.true_until[clause.head] is None:
        value, doubts = SOFT, (*doubts, f"{one.name}: date not recorded")
    hit = Hit(value, Because(one.ref, text, how), doubts)
    dates = [when for when in (one.onset, one.recorded) if when is not None]
    return settled(hit, max(dates, key=lambda when: when.latest, default=None), clause, facts)


def _dated(term: str, one: Condition, window: Quantity, facts: PatientFacts) -> tuple[int, tuple[str, ...], str]:
    """Whether an event lies in a window: by its onset, else at most softly by the day it was entered."""
    if one.history:
        return NO, (), one.text
    acute = one.onset is None and term in one.acute_terms
    when: Moment | None = one.onset or one.recorded
    if when is None:
        return SOFT, (f"{one.name}: date not recorded",), f"{one.text}, date not recorded"
    where = facts.within(when, window)
    if where is Within.OUTSIDE:
        return NO, (), one.text
    if where is Within.FUTURE:
        return SOFT, (f"{one.name}: dated in the future, {when.day()}",), one.text
    if one.onset is None and not acute:
        return SOFT, (f"{one.name}: event date not recorded, entered {when.day()}",), f"{one.text}, event date not recorded"
    if where is Within.PARTLY:
        return SOFT, (f"{one.name}: only known as {when.text}",), one.text
    return YES, (), one.text
