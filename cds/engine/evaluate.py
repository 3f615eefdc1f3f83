"""All rules for all orders of one request: clause answers, both evaluators, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds.engine import clauses, ordered
from cds.engine.answers import FLAT_NO, Answer, listed
from cds.engine.crosscheck import cross_check
from cds.engine.decide import Reading, Verdict, decide
from cds.engine.durable import Inference
from cds.engine.formula import NO, value
from cds.engine.plan import Plan
from cds.facts.model import Order, PatientFacts
from cds.terms.model import Term

@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdicts for one order, the clause answers behind them, and how the two evaluators stood to each other."""

    order: Order
    verdicts: tuple[Verdict, ...]
    answers: tuple[Answer, ...]
    engine: str
    event: str | None


def evaluate(plan: Plan, facts: PatientFacts, inference: Inference | None, terms: dict[str, Term]) -> tuple[Evaluation, ...]:
    """One evaluation per order, in the order of the request; none when no order is in scope."""
    if not facts.orders:
        return ()
    of_patient = _patient_answers(plan, facts, terms)
    return tuple(_for_order(plan, facts, order, of_patient, inference, terms) for order in facts.orders)


def _patient_answers(plan: Plan, facts: PatientFacts, terms: dict[str, Term]) -> list[Answer]:
    """Clauses over a list whose term the chart does not hold share one answer; only the others are asked one by one."""
    answers = [FLAT_NO] * len(plan.clauses)
    for name, by_term in plan.of_list.items():
        absent, held = listed(name, (), facts), getattr(facts, name)
        if absent is not FLAT_NO:
            for members in by_term.values():
                for number in members:
                    answers[number] = absent
        for term in by_term.keys() & held.keys():
            for number in by_term[term]:
                answers[number] = clauses.of_patient(plan.clauses[number], facts, terms)
    for number in plan.of_patient:
        answers[number] = clauses.of_patient(plan.clauses[number], facts, terms)
    return answers


def _for_order(plan: Plan, facts: PatientFacts, order: Order, of_patient: list[Answer], inference: Inference | None,
               terms: dict[str, Term]) -> Evaluation:
    answers = list(of_patient)
    memo: ordered.Memo = {}
    for number in plan.of_order + (plan.measuring if order.ahead else ()):
        answers[number] = clauses.of_order(plan.clauses[number], order, facts, terms, memo)
    values = [answer.value for answer in answers]
    checked = cross_check(inference, reference(plan, values), values)
    read = Reading(plan, answers)
    verdicts = tuple(decide(ready, read, values, checked.values, checked.disagreeing, facts.hook) for ready in plan.rules)
    return Evaluation(order, verdicts, tuple(answers), checked.state, checked.event)


def reference(plan: Plan, values: Sequence[int]) -> list[int]:
    """The value of every conclusion by plain evaluation; those that cannot hold without a clause that is a no are skipped."""
    found = [NO] * len(plan.conclusions)
    for number in plan.candidates(values):
        found[number] = value(plan.conclusions[number][1], values)
    return found
