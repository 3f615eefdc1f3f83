"""All rules for all orders of one request: clause answers, both evaluators, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds.engine.answers import Answer
from cds.engine.asking import Answers, OfPatient
from cds.engine.crosscheck import Checked, cross_check
from cds.engine.decide import NOT_APPLICABLE, NOT_MET, Verdict, verdict
from cds.engine.durable import Inference
from cds.engine.formula import NO, value
from cds.engine.outline import Judged, judge, outline
from cds.engine.plan import Plan, RulePlan
from cds.facts.model import Order, PatientFacts
from cds.terms.model import Term

_MOST_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdicts for one order (or one dosage of it), the clause answers behind them, and how the two evaluators stood to each other.

    `telling` leaves out verdicts of which nothing is told; None where all have to be looked at.
    """

    order: Order
    verdicts: tuple[Verdict, ...]
    answers: Sequence[Answer]
    engine: str
    event: str | None
    telling: tuple[Verdict, ...] | None = None

    @property
    def can_tell(self) -> tuple[Verdict, ...]:
        """The verdicts that can be a finding."""
        return self.verdicts if self.telling is None else self.telling


def evaluate(plan: Plan, facts: PatientFacts, inference: Inference | None, terms: dict[str, Term]) -> tuple[Evaluation, ...]:
    """One evaluation per order and dosage, in the order of the request; none when no order is in scope."""
    if not facts.orders:
        return ()
    shared = OfPatient(plan, facts, terms)
    return tuple(_for_order(shared, one, inference) for order in facts.orders for one in order.dosages())


def _for_order(shared: OfPatient, order: Order, inference: Inference | None) -> Evaluation:
    plan, hook, answers = shared.plan, shared.facts.hook, Answers(shared, order)
    values = answers.that_matter()
    expected, judged = reference(plan, values)
    checked = cross_check(inference, expected, values)
    quiet = _quiet(plan, hook, values)
    verdicts = list(quiet.verdicts)
    for index in judged.keys() | (_disputed(plan, checked, answers, values) if checked.disagreeing else ()):
        verdicts[index] = _verdict(plan, index, judged.get(index), values, answers, checked, hook)
    telling = tuple([verdicts[index] for index in sorted(quiet.telling.union(judged))]) if not checked.disagreeing else None
    return Evaluation(order, tuple(verdicts), answers, checked.state, checked.event, telling)


def _disputed(plan: Plan, checked: Checked, answers: Answers, values: list[int]) -> set[int]:
    """The rules on which the evaluators disagree; each of their clauses has been asked then, so that all records can be named."""
    found = {index for index, ready in enumerate(plan.rules) if not checked.disagreeing.isdisjoint(ready.span)}
    for index in found:
        answers.ask(plan.rules[index].clauses, values)
    return found


def reference(plan: Plan, values: Sequence[int]) -> tuple[list[int], dict[int, Judged]]:
    """The value of every conclusion by plain evaluation, and the rules that are not asleep, by their place in the plan."""
    found = [NO] * len(plan.conclusions)
    judged = {}
    for index in plan.awake(values):
        ready = plan.rules[index]
        judged[index] = one = judge(ready, plan, values)
        found[ready.span.start:ready.span.stop] = one.conclusions
    return found, judged


def _verdict(plan: Plan, index: int, judged: Judged | None, values: Sequence[int], answers: Sequence[Answer], checked: Checked,
             hook: str) -> Verdict:
    ready = plan.rules[index]
    if hook not in ready.rule.hooks:
        return _nothing(ready, NOT_APPLICABLE)
    if not checked.disagreeing.isdisjoint(ready.span):
        disputed = outline(ready, plan.number, values, dict(enumerate(checked.values)), disputed=True)
        return verdict(ready.rule, disputed, plan.clauses, answers)
    if judged.outline.answer in (NOT_APPLICABLE, NOT_MET):
        return _nothing(ready, judged.outline.answer)
    return verdict(ready.rule, judged.outline, plan.clauses, answers)


@dataclass(frozen=True, slots=True)
class _Quiet:
    """The verdict of each rule where none can be met, and which of them are told all the same."""

    verdicts: tuple[Verdict, ...]
    telling: frozenset[int]


def _quiet(plan: Plan, hook: str, values: Sequence[int]) -> _Quiet:
    """What there is to say where no rule can be met: it only depends on which rules apply, and few different ones come up."""
    key = hook, *[values[clause] for clause in plan.applying]
    found = plan.quiet.get(key)
    if found is None:
        answers = [NOT_APPLICABLE if hook not in ready.rule.hooks or value(ready.applies, values) == NO else NOT_MET for ready in plan.rules]
        found = _Quiet(tuple(map(_nothing, plan.rules, answers)), frozenset(
            index for index, answer in enumerate(answers) if answer == NOT_MET and plan.rules[index].rule.if_not_met is not None))
        if len(plan.quiet) >= _MOST_REMEMBERED:
            plan.quiet.clear()
        plan.quiet[key] = found
    return found


def _nothing(ready: RulePlan, answer: str) -> Verdict:
    """The verdict of a rule that has nothing to tell, which is always the same."""
    found = ready.memo.get(answer)
    if found is None:
        found = ready.memo[answer] = Verdict(ready.rule, answer)
    return found
