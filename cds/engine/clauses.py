"""One clause to its answer.  Clauses about the order are answered per order, all others once per patient."""

from __future__ import annotations

from collections.abc import Callable

from cds.engine import changes, contradictions, listed, measured, ordered, reactions, recorded, results
from cds.engine.answers import FLAT_NO, FLAT_YES, Answer, Missing
from cds.engine.formula import NO, UNKNOWN
from cds.facts.model import Order, PatientFacts
from cds.rulefile.language import VERBS
from cds.rulefile.rule import Clause, Comparison
from cds.terms.model import Term

Terms = dict[str, Term]

_PATIENT: dict[str, Callable[[Clause, PatientFacts, Terms], Answer]] = {
    "taking": lambda clause, facts, terms: listed.taking(clause, facts),
    "taking_classes": lambda clause, facts, terms: listed.taking_classes(clause, facts),
    "has": lambda clause, facts, terms: listed.has(clause, facts),
    "has_had": lambda clause, facts, terms: listed.has_had(clause, facts),
    "allergic_to": lambda clause, facts, terms: reactions.allergic_to(clause, facts),
    "had_procedure": lambda clause, facts, terms: reactions.had_procedure(clause, facts),
    "had_adverse_event": lambda clause, facts, terms: reactions.had_adverse_event(clause, facts),
    "nothing_recorded": lambda clause, facts, terms: recorded.nothing_recorded(clause, facts),
    "list_updated": lambda clause, facts, terms: recorded.list_updated(clause, facts),
    "records_contradict": lambda clause, facts, terms: contradictions.records_contradict(clause, facts),
    "changed": lambda clause, facts, terms: changes.changed(clause, facts),
    "two_values_of": lambda clause, facts, terms: changes.two_values_of(clause, facts),
    "measured": lambda clause, facts, terms: (results.result if isinstance(clause.word("is"), str) else measured.measured)(clause, facts, terms),
    "not_measured": measured.not_measured,
    "age": lambda clause, facts, terms: measured.age(clause, facts),
    "sex": lambda clause, facts, terms: measured.sex(clause, facts),
    "at": lambda clause, facts, terms: FLAT_YES if facts.hook == clause.head else FLAT_NO,
}
_ORDER: dict[str, Callable[[Clause, Order, PatientFacts, ordered.Memo], Answer]] = {
    "ordering": lambda clause, order, facts, memo: ordered.ordering(clause, order),
    "order_dose": ordered.order_dose,
    "order_rate": ordered.order_rate,
    "order_duration": lambda clause, order, facts, memo: ordered.order_duration(clause, order, memo),
    "order_strength": lambda clause, order, facts, memo: ordered.order_strength(clause, order),
}
_MEASURING = ("measured", "not_measured")
assert _PATIENT.keys() | _ORDER.keys() == VERBS.keys() - {"finding"}  # a finding is answered by the clauses of its rule


def is_about_order(clause: Clause) -> bool:
    """Whether a clause is answered for each order anew."""
    return VERBS[clause.verb].about_order


def is_measuring(clause: Clause) -> bool:
    """Whether a clause reads a measurement, which an order signed ahead leaves to the day itself; a result that was found stays found."""
    return clause.verb in _MEASURING and not (isinstance(clause.word("is"), str) and clause.word("if_absent") is not None)


def of_patient(clause: Clause, facts: PatientFacts, terms: Terms) -> Answer:
    """The answer of a clause that does not read the order."""
    return _PATIENT[clause.verb](clause, facts, terms)


def of_order(clause: Clause, order: Order, facts: PatientFacts, terms: Terms, memo: ordered.Memo) -> Answer:
    """The answer of a clause for one order; for an order signed ahead a passed check of mg/kg is left to the day.

    `memo` is shared by all clauses of that order.
    """
    if clause.verb in _MEASURING:
        assert isinstance(clause.head, str)
        return measured.on_the_day(clause.head, terms)
    if order.unclear and clause.verb != "ordering":
        return Answer(UNKNOWN, (), (Missing(order.what, order.unclear, unreadable=True),))
    answer = _ORDER[clause.verb](clause, order, facts, memo)
    head = clause.head
    if order.ahead and isinstance(head, Comparison) and head.amount.dimension in ("dose", "dose rate"):
        if answer.value == NO:
            return measured.on_the_day(ordered.WEIGHT, terms)
        return answer._replace(missing=tuple(Missing(one.thing, "to be checked on the day", on_the_day=True) if one.thing == "body weight" else one
                                             for one in answer.missing))
    return answer
