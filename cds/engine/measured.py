"""Clauses over amounts: measurements, age, sex."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from cds.engine.answers import FLAT_NO, FLAT_YES, Answer, Because, Missing
from cds.engine.formula import SOFT, UNKNOWN, YES
from cds.facts.model import LISTS, Measurement, PatientFacts
from cds.intervals import Within, age_in_years, within
from cds.quantities import Quantity, holds
from cds.rulefile.rule import Clause, Comparison
from cds.terms.model import Term


def latest(term: str, window: Quantity, facts: PatientFacts) -> tuple[Measurement, Within] | None:
    """The newest usable measurement of a term that is, or may be, inside a window."""
    placed = [(one, within(one.taken, window, facts.asked_at, facts.zone)) for one in facts.measurements.get(term, ())]
    found = [(one, where) for one, where in placed if where in (Within.INSIDE, Within.PARTLY)]
    return max(found, key=lambda pair: pair[0].taken.latest, default=None)


def is_complete(window: Quantity, facts: PatientFacts) -> bool:
    """Whether the measurements sent are all there are inside a window."""
    state = facts.lists.get("observations")
    if state is None or state.read:
        return state is not None
    return state.complete_since is not None and state.complete_since < facts.asked_at - timedelta(hours=float(window.value))


def absent(term: str, window: Quantity, facts: PatientFacts, terms: dict[str, Term]) -> tuple[Missing, ...]:
    """Why there is no measurement to judge: list unread, values unusable, or none in the window."""
    name = terms[term].asked_for_as
    if not is_complete(window, facts):
        state = facts.lists.get("observations")
        return (Missing(LISTS["observations"], state.reason if state else "not sent by the EHR", unreadable=True),)
    bad = [one for one in facts.unusable.get(term, ()) if within(one.taken, window, facts.asked_at, facts.zone) in (Within.INSIDE, Within.PARTLY)]
    if bad:
        return (Missing(name, f"{bad[-1].text} could not be used", unreadable=True),)
    unread = [one.what for one in facts.unreadable if one.list == "observations" and one.what.startswith(term.replace("-", " "))]
    if unread:
        return (Missing(name, unread[0], unreadable=True),)
    older = max(facts.measurements.get(term, ()), key=lambda one: one.taken.latest, default=None)
    last = f" (last {older.taken.day()})" if older is not None and older.taken.earliest <= facts.asked_at else ""
    return (Missing(name, f"none in the last {window}{last}"),)


def on_the_day(term: str, terms: dict[str, Term]) -> Answer:
    """The answer of a measurement clause for an order signed ahead: to be checked on the day."""
    return Answer(UNKNOWN, (), (Missing(terms[term].asked_for_as, "to be checked on the day", on_the_day=True),))


def measured(clause: Clause, facts: PatientFacts, terms: dict[str, Term]) -> Answer:
    """The newest value of a measurement within a window compares as asked."""
    window, wanted = clause.word("within"), clause.word("is")
    assert isinstance(window, Quantity) and isinstance(wanted, Comparison)
    found = latest(clause.head, window, facts)
    if found is None or found[0].dimension != wanted.amount.dimension:
        missing = absent(clause.head, window, facts, terms)
        settled = clause.word("if_absent") == "no" and not any(one.unreadable for one in missing)
        return FLAT_NO if settled else Answer(UNKNOWN, (), missing)
    one, where = found
    if holds(one.value, wanted.how, wanted.amount.value):
        because = (Because(one.ref, one.text + (f" ({one.note})" if one.note else "")),)
        return Answer(YES if where is Within.INSIDE else SOFT, because, (), () if where is Within.INSIDE else (f"{one.text}: time not recorded",))
    if where is Within.PARTLY or not is_complete(window, facts):
        reason = "time of day not recorded" if where is Within.PARTLY else facts.lists["observations"].reason
        return Answer(UNKNOWN, (), (Missing(terms[clause.head].asked_for_as, reason, unreadable=where is Within.INSIDE),))
    return FLAT_NO


def not_measured(clause: Clause, facts: PatientFacts, terms: dict[str, Term]) -> Answer:
    """No usable value of a measurement within a window."""
    window = clause.word("within")
    assert isinstance(window, Quantity)
    if latest(clause.head, window, facts) is not None:
        return FLAT_NO
    missing = absent(clause.head, window, facts, terms)
    return Answer(UNKNOWN, (), missing) if any(one.unreadable for one in missing) else FLAT_YES


def age(clause: Clause, facts: PatientFacts) -> Answer:
    """The age in completed years compares as asked, for every birth date the record allows."""
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    if facts.birth is None:
        return FLAT_NO if clause.word("if_absent") == "no" else Answer(UNKNOWN, (), (Missing("birth date", "not recorded"),))
    limit = wanted.amount.value / 8766
    said = {holds(Fraction(years), wanted.how, limit) for years in age_in_years(facts.birth, facts.asked_at, facts.zone)}
    if len(said) == 2:
        return FLAT_NO if clause.word("if_absent") == "no" else Answer(UNKNOWN, (), (Missing("birth date", f"only known as {facts.birth.text}"),))
    return FLAT_YES if said.pop() else FLAT_NO


def sex(clause: Clause, facts: PatientFacts) -> Answer:
    """The recorded sex is the one asked for."""
    if facts.sex is None:
        return Answer(UNKNOWN, (), (Missing("sex", "not recorded"),))
    return FLAT_YES if facts.sex == clause.head else FLAT_NO
