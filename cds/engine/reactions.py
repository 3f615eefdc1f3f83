"""Clauses over what a patient did not tolerate and what was done to them: allergies, adverse events, procedures.

The words of one clause speak of one record: an allergy of a kind, with a reaction of a kind, of a criticality.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds.engine.answers import FLAT_NO, Answer, Because, Hit, Missing, listed
from cds.engine.formula import NO, SOFT, UNKNOWN, YES
from cds.facts.model import AdverseEvent, Allergy, PatientFacts, Procedure
from cds.intervals import Within
from cds.quantities import Quantity
from cds.rulefile.language import NOT_STATED
from cds.rulefile.rule import Clause


def allergic_to(clause: Clause, facts: PatientFacts) -> Answer:
    """An allergy to a drug of a term, recorded as asked; names count in full.  One that is over counts only where that is asked for."""
    return listed("allergies", (Hit(SOFT if one.doubts else YES, Because(one.ref, one.text, one.terms[clause.head]), one.doubts)
                                for one in facts.allergies.get(clause.head, ()) if _is_meant(clause, one)), facts)


def _is_meant(clause: Clause, one: Allergy) -> bool:
    kind = clause.word("recorded_as")
    if (one.recorded_as == "over") != (kind == "over") or (kind is not None and kind != (one.recorded_as or NOT_STATED)):
        return False
    wanted, beyond, criticality = clause.word("reaction"), clause.word("reaction_other_than"), clause.word("criticality")
    if criticality is not None and one.criticality != criticality:
        return False
    if wanted is not None and not any(wanted in shown for shown in one.reactions):
        return False
    return beyond is None or not one.reactions or _is_beyond(str(beyond), one.reactions)


def _is_beyond(term: str, reactions: Iterable[frozenset[str]]) -> bool:
    return any(term not in shown for shown in reactions)


def had_adverse_event(clause: Clause, facts: PatientFacts) -> Answer:
    """An adverse event laid to a drug of a term.

    Few EHRs offer these reports: where none were sent, none are known of.  A list that is offered and did not come whole stays unknown.
    """
    found = [one for one in facts.adverse_events.get(clause.head, ()) if _is_reported(clause, one)]
    if found:
        return Answer(YES, tuple(Because(one.ref, one.text, one.terms[clause.head]) for one in found))
    state = facts.lists.get("adverse-events")
    return listed("adverse-events", (), facts) if state is not None and state.asked and not state.refused else FLAT_NO


def _is_reported(clause: Clause, one: AdverseEvent) -> bool:
    seriousness, beyond = clause.word("seriousness"), clause.word("reaction_other_than")
    return (seriousness is None or seriousness == (one.seriousness or NOT_STATED)) and (beyond is None or beyond not in one.reaction)


def had_procedure(clause: Clause, facts: PatientFacts) -> Answer:
    """A procedure of a term was done, perhaps within a window; names and statuses other than done are soft.

    With `if_absent: no` a list of procedures that was never sent counts as no; one that could not be read stays unknown.
    """
    state = facts.lists.get("procedures")
    answer = listed("procedures", _done(clause, facts), facts)
    never_sent = state is None or not state.asked
    return FLAT_NO if answer.value == UNKNOWN and never_sent and clause.word("if_absent") == "no" else answer


def _done(clause: Clause, facts: PatientFacts) -> Iterator[Hit]:
    for one in facts.procedures.get(clause.head, ()):
        how = one.terms[clause.head]
        value, doubts, missing = _dated(one, clause.word("within"), facts)
        if value == YES and how == "text" and not clause.keeps:
            value, doubts = SOFT, (*doubts, f"{one.name} matched by name")
        if value == YES and one.doubts:
            value, doubts = SOFT, (*doubts, *(f"{one.name}: {doubt}" for doubt in one.doubts))
        yield Hit(value, Because(one.ref, one.text, how), doubts, missing)


def _dated(one: Procedure, window: object, facts: PatientFacts) -> tuple[int, tuple[str, ...], tuple[Missing, ...]]:
    if not isinstance(window, Quantity):
        return YES, (), ()
    if one.done is None:
        return SOFT, (f"{one.name}: date not recorded",), ()
    where = facts.within(one.done, window)
    if where is Within.PARTLY:
        return SOFT, (f"{one.name}: only known as {one.done.text}",), ()
    return (YES if where is Within.INSIDE else NO), (), ()
