"""Clauses over lists as a whole: nothing is recorded, or when somebody last wrote into them.

Entries that cannot be told are entries all the same; a list that was not read completely leaves open what it does not hold.
"""

from __future__ import annotations

from cds.engine.answers import FLAT_NO, FLAT_YES, Answer, Because, Missing, not_read
from cds.engine.formula import SOFT, UNKNOWN, YES
from cds.facts.model import LISTS, PatientFacts, Recorded
from cds.intervals import Within
from cds.quantities import Quantity
from cds.rulefile.rule import Clause


def nothing_recorded(clause: Clause, facts: PatientFacts) -> Answer:
    """A list that was read holds no entry that counts, and nothing says that there are none."""
    name, found = _whole(clause, facts)
    if found.entries or found.denied or (clause.word("not_even") and found.refuted):
        return FLAT_NO
    return _unread(name, facts) or FLAT_YES


def list_updated(clause: Clause, facts: PatientFacts) -> Answer:
    """The newest dated entry lies in a window, or before it; an empty list is neither."""
    name, found = _whole(clause, facts)
    window, older = clause.word("within"), clause.word("longer_ago_than")
    limit = window or older
    record = (Because(found.ref, found.text),) if found.ref else ()
    where = facts.within(found.newest, limit) if found.newest is not None and isinstance(limit, Quantity) else None
    if found.newest is not None and (limit is None or where is Within.INSIDE):
        return FLAT_NO if older is not None else Answer(YES, record)
    unread = _unread(name, facts)
    if unread is not None:
        return unread
    if where is Within.PARTLY:
        vague = f"its newest entry is only known as of {found.newest.text}"
        return Answer(UNKNOWN, (), (Missing(LISTS[name], vague),)) if older is None else Answer(SOFT, record, (), (f"{LISTS[name]}: {vague}",))
    if older is None or not (found.entries or found.denied):
        return FLAT_NO
    return Answer(YES, record)


def _whole(clause: Clause, facts: PatientFacts) -> tuple[str, Recorded]:
    name = str(clause.head)
    return name, facts.recorded.get(name) or Recorded()


def _unread(name: str, facts: PatientFacts) -> Answer | None:
    missing = not_read(name, facts)
    return Answer(UNKNOWN, (), (missing,)) if missing is not None else None
