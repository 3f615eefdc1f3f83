"""The answer tree of one rule for one order: every clause, its answer, and the records or gaps behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cds.engine.considered import considered
from cds.engine.decide import MET, NOT_APPLICABLE, UNDECIDED
from cds.engine.evaluate import Evaluation
from cds.engine.formula import NEGATED, NO, SOFT, UNKNOWN, YES
from cds.engine.plan import Plan
from cds.facts.model import PatientFacts
from cds.rulefile.english import asked, line
from cds.rulefile.rule import Ask, Question, Rule
from cds.terms.model import Term

WORDS = {YES: "yes", SOFT: "soft yes", UNKNOWN: "unknown", NO: "no"}


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the tree: how deep it stands, what was asked, the answer, and why, one line per record or gap."""

    depth: int
    asked: str
    value: int
    why: tuple[str, ...] = ()


def steps(rule: Rule, plan: Plan, found: Evaluation, facts: PatientFacts, terms: Mapping[str, Term]) -> Iterator[Step]:
    """The tree of a rule as far as it was asked: when it applies, then when it is met, then its levels."""
    verdict = next(one for one in found.verdicts if one.rule.id == rule.id)
    if facts.hook not in rule.hooks:
        return
    tree = _Tree(plan, found, facts, terms)
    yield from tree.part("It speaks about a request when", rule.applies_when)
    if verdict.answer == NOT_APPLICABLE:
        return
    yield from tree.part("It is met when", rule.met_when)
    if verdict.answer in (MET, UNDECIDED):
        for number, level in enumerate(rule.levels, 1):
            if level.when is not None:
                yield from tree.part(f"Level {number} ({level.message.show}) shows when it is met and", level.when)


class _Tree:
    def __init__(self, plan: Plan, found: Evaluation, facts: PatientFacts, terms: Mapping[str, Term]) -> None:
        self._plan, self._found, self._facts, self._terms = plan, found, facts, terms
        self._says = {term.name: term.says for term in terms.values()}

    def part(self, name: str, question: Question) -> Iterator[Step]:
        yield Step(0, name, self._value(question))
        yield from self._steps(question, 1)

    def _steps(self, question: Question, depth: int) -> Iterator[Step]:
        yield Step(depth, asked(question, self._says), self._value(question), self._why(question))
        if not isinstance(question, Ask):
            for part in question.parts:
                yield from self._steps(part, depth + 1)
        for exempt in question.unless:
            what = "this" if isinstance(question, Ask) else "the whole list"
            reason = line(exempt.because).rstrip(".")
            yield Step(depth + 1, f"{what} counts as no where the following holds (reason: {reason}):", self._value(exempt.question))
            yield from self._steps(exempt.question, depth + 2)

    def _value(self, question: Question) -> int:
        if isinstance(question, Ask):
            found = self._found.answers[self._plan.number[question.clause]].value
        else:
            parts = [self._value(part) for part in question.parts]
            found = min(parts) if question.kind == "all" else max(parts) if question.kind == "any" else NEGATED[max(parts)]
        return min([found, *(NEGATED[self._value(exempt.question)] for exempt in question.unless)])

    def _why(self, question: Question) -> tuple[str, ...]:
        """Records that count, what makes them soft, what is missing; for a no, what was looked at and does not count."""
        if not isinstance(question, Ask):
            return ()
        answer = self._found.answers[self._plan.number[question.clause]]
        said = [_record(one.text, one.resource) for one in answer.because]
        said += [f"uncertain: {doubt}" for doubt in answer.doubts] + [f"missing: {one}" for one in answer.missing]
        if answer.value == NO:
            seen = considered(question.clause, self._facts, self._found.order, self._terms)
            said += [_record(one.text, one.resource) for one in seen]
        return tuple(said)


def _record(text: str, resource: str) -> str:
    return f"{text} [{resource}]" if resource else text
