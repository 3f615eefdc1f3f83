"""Clauses over amounts: measurements, age, sex."""

from __future__ import annotations

from datetime import timedelta

from cds.engine.answers import FLAT_NO, FLAT_YES, Answer, Because, Missing
from cds.engine.formula import SOFT, UNKNOWN, YES
from cds.facts.model import LISTS, Measurement, PatientFacts
from cds.intervals import Moment, Within, age_in_years
from cds.quantities import Quantity
from cds.rulefile.rule import Clause, Comparison
from cds.terms.model import Term

_YEAR = 8766  # hours


def newest(term: str, window: Quantity, facts: PatientFacts, dimension: str | None = None) -> list[tuple[Measurement, Within]]:
    """Every usable measurement inside a window (or perhaps inside) that may be the newest: several where times are equal or vague."""
    key = (term, id(window), dimension)  # windows live as long as their clauses
    found = facts.memo.get(key)
    if found is None:
        found = facts.memo[key] = _newest(term, window, facts, dimension)
    return found


def _newest(term: str, window: Quantity, facts: PatientFacts, dimension: str | None) -> list[tuple[Measurement, Within]]:
    if term not in facts.measurements:
        return []
    found = []
    for one in facts.measurements[term]:
        if dimension is None or dimension == one.dimension:
            where = facts.within(one.taken, window)
            if where is Within.INSIDE or where is Within.PARTLY:
                found.append((one, where))
    if len(found) < 2:
        return found
    latest = max(one.taken.earliest for one, _ in found)
    return sorted(((one, where) for one, where in found if one.taken.latest >= latest),
                  key=lambda pair: (pair[0].text, pair[0].ref))


def is_complete(window: Quantity, facts: PatientFacts) -> bool:
    """Whether the measurements sent are all there are inside a window."""
    state = facts.lists.get("observations")
    if state is None or state.read:
        return state is not None
    return state.complete_since is not None and state.complete_since < facts.asked_at - timedelta(hours=float(window.value))


def none_newer(found: list[tuple[Measurement, Within]], facts: PatientFacts) -> bool:
    """Whether no newer value than these can have been left out: a page that was cut off holds the newest entries."""
    state = facts.lists.get("observations")
    since = state.complete_since if state is not None else None
    return since is not None and all(one.taken.earliest > since for one, _ in found)


def is_cut_off(facts: PatientFacts) -> bool:
    """Whether the newest measurements were sent and older ones left out."""
    state = facts.lists.get("observations")
    return state is not None and state.complete_since is not None


def absent(term: str, name: str, window: Quantity, facts: PatientFacts) -> tuple[Missing, ...]:
    """Why there is no measurement to judge: list unread, values unusable, or none in the window."""
    return unreadable(term, name, window, facts) or none_in(term, name, window, facts)


def unreadable(term: str, name: str, window: Quantity, facts: PatientFacts) -> tuple[Missing, ...]:
    """What leaves open whether there is a measurement in a window: the list was not read, or a value cannot be used."""
    if not is_complete(window, facts):
        state = facts.lists.get("observations")
        return (Missing(LISTS["observations"], state.reason if state else "not sent by the EHR", unreadable=True),)
    bad = [one for one in facts.unusable.get(term, ()) if facts.within(one.taken, window) in (Within.INSIDE, Within.PARTLY)]
    if bad:
        return (Missing(name, f"{bad[-1].text} could not be used", unreadable=True),)
    if not facts.unreadable:
        return ()
    unread = [one.what for one in facts.unreadable if one.list == "observations" and one.what.startswith(term.replace("-", " "))]
    return (Missing(name, unread[0], unreadable=True),) if unread else ()


def none_in(term: str, name: str, window: Quantity, facts: PatientFacts) -> tuple[Missing, ...]:
    """That there is no measurement in a window, with the day of the last one before it."""
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
    found = newest(clause.head, window, facts, wanted.amount.dimension)
    if not found:
        name = terms[clause.head].asked_for_as
        unread = unreadable(clause.head, name, window, facts)
        if clause.word("if_absent") == "no" and not unread or (
                clause.word("if_cut_off") == "no" and is_cut_off(facts) and not facts.unusable.get(clause.head)):
            return FLAT_NO
        return Answer(UNKNOWN, (), unread or none_in(clause.head, name, window, facts))
    hits = [pair for pair in found if wanted.holds(pair[0].value)]
    if hits:
        firm = any([where is Within.INSIDE for _, where in hits])
        return Answer(YES if firm else SOFT, tuple([Because(one.ref, one.text) for one, _ in hits]), (),
                      () if firm else tuple(f"{one.text}: time of day not recorded" for one, _ in hits))
    vague = any([where is Within.PARTLY for _, where in found])
    if vague or not (is_complete(window, facts) or none_newer(found, facts)):
        reason = "time of day not recorded" if vague else facts.lists["observations"].reason
        return Answer(UNKNOWN, (), (Missing(terms[clause.head].asked_for_as, reason, unreadable=not vague),))
    return FLAT_NO


def not_measured(clause: Clause, facts: PatientFacts, terms: dict[str, Term]) -> Answer:
    """No usable value of a measurement within a window."""
    window = clause.word("within")
    assert isinstance(window, Quantity)
    if newest(clause.head, window, facts):
        return FLAT_NO
    unread = unreadable(clause.head, terms[clause.head].asked_for_as, window, facts)
    return Answer(UNKNOWN, (), unread) if unread else FLAT_YES


def _unrecorded(what: str, facts: PatientFacts) -> Missing:
    """What is missing of the patient: a detail that was not recorded, or the whole record."""
    state = facts.lists.get("patient")
    return Missing(what, "not recorded") if state is None or state.read else Missing(LISTS["patient"], state.reason, unreadable=True)


def _ages(birth: Moment, facts: PatientFacts) -> tuple[int, int]:
    found = facts.memo.get("age")
    if found is None:
        found = facts.memo["age"] = age_in_years(birth, facts.asked_at, facts.zone)
    return found


def age(clause: Clause, facts: PatientFacts) -> Answer:
    """The age in completed years compares as asked, for every birth date the record allows."""
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    if facts.birth is None:
        return FLAT_NO if clause.word("if_absent") == "no" else Answer(UNKNOWN, (), (_unrecorded("birth date", facts),))
    least, most = _ages(facts.birth, facts)
    said = wanted.holds(least * _YEAR)
    if least != most and wanted.holds(most * _YEAR) != said:
        return FLAT_NO if clause.word("if_absent") == "no" else Answer(UNKNOWN, (), (Missing("birth date", f"only known as {facts.birth.text}"),))
    return FLAT_YES if said else FLAT_NO


def sex(clause: Clause, facts: PatientFacts) -> Answer:
    """The recorded sex is the one asked for."""
    if facts.sex is None:
        return Answer(UNKNOWN, (), (_unrecorded("sex", facts),))
    return FLAT_YES if facts.sex == clause.head else FLAT_NO
