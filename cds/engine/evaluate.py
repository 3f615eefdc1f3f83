"""All rules for all orders of one request: clause answers, both evaluators, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds.engine import clauses, ordered
from cds.engine.answers import FLAT_NO, Answer, listed
from cds.engine.crosscheck import cross_check
from cds.engine.decide import Verdict, decide
from cds.engine.durable import Inference
from cds.engine.formula import NO, value
from cds.engine.plan import Plan
from cds.facts.model import Order, PatientFacts
from cds.rulefile.language import VERBS
from cds.terms.model import Term

_INDEXED = {"medications": "medications", "conditions": "conditions", "allergies": "allergies"}


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
    defaults = {name: listed(name, (), facts) for name in _INDEXED}
    for number in plan.of_patient:
        clause = plan.clauses[number]
        name = VERBS[clause.verb].reads
        if name in defaults and isinstance(clause.head, str) and clause.head not in getattr(facts, _INDEXED[name]):
            answers[number] = defaults[name]
        else:
            answers[number] = clauses.of_patient(clause, facts, terms)
    return answers


def _for_order(plan: Plan, facts: PatientFacts, order: Order, of_patient: list[Answer], inference: Inference | None,
               terms: dict[str, Term]) -> Evaluation:
    answers = list(of_patient)
    memo: ordered.Memo = {}
    for number in plan.of_order + (plan.measuring if order.ahead else ()):
        answers[number] = clauses.of_order(plan.clauses[number], order, facts, terms, memo)
    values = [answer.value for answer in answers]
    checked = cross_check(inference, reference(plan, values), values)
    verdicts = tuple(decide(ready, plan, answers, values, checked.values, checked.disagreeing, facts.hook) for ready in plan.rules)
    return Evaluation(order, verdicts, tuple(answers), checked.state, checked.event)


def reference(plan: Plan, values: Sequence[int]) -> list[int]:
    """The value of every conclusion by plain evaluation; those that cannot hold without a clause that is a no are skipped."""
    found = [NO] * len(plan.conclusions)
    for number in plan.candidates(values):
        found[number] = value(plan.conclusions[number][1], values)
    return found
