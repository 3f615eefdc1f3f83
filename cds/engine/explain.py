"""The answer tree of one rule for one order: every clause, its answer, and the records or gaps behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cds.engine.answers import Answer
from cds.engine.formula import NEGATED, NO, SOFT, UNKNOWN, YES
from cds.engine.plan import Plan
from cds.rulefile.english import asked
from cds.rulefile.rule import Ask, Question, Rule

WORDS = {YES: "yes", SOFT: "soft yes", UNKNOWN: "unknown", NO: "no"}


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the tree: how deep it stands, what was asked, the answer, and why."""

    depth: int
    asked: str
    value: int
    why: str


def steps(rule: Rule, plan: Plan, answers: Sequence[Answer], says: Mapping[str, str]) -> Iterator[Step]:
    """The whole tree of a rule: when it applies, when it is met, and every level."""
    tree = _Tree(plan, answers, says)
    yield from tree.part("applies when", rule.applies_when)
    yield from tree.part("met when", rule.met_when)
    for number, level in enumerate(rule.levels, 1):
        if level.when is not None:
            yield from tree.part(f"level {number} ({level.message.show}) when", level.when)


class _Tree:
    def __init__(self, plan: Plan, answers: Sequence[Answer], says: Mapping[str, str]) -> None:
        self._plan, self._answers, self._says = plan, answers, says

    def part(self, name: str, question: Question) -> Iterator[Step]:
        yield Step(0, name, self._value(question), "")
        yield from self._steps(question, 1)

    def _steps(self, question: Question, depth: int) -> Iterator[Step]:
        yield Step(depth, asked(question, self._says), self._value(question), self._why(question))
        if not isinstance(question, Ask):
            for part in question.parts:
                yield from self._steps(part, depth + 1)
        for exempt in question.unless:
            yield Step(depth + 1, f"unless ({exempt.because})", self._value(exempt.question), "")
            yield from self._steps(exempt.question, depth + 2)

    def _value(self, question: Question) -> int:
        if isinstance(question, Ask):
            found = self._answers[self._plan.number[question.clause]].value
        else:
            parts = [self._value(part) for part in question.parts]
            found = min(parts) if question.kind == "all" else max(parts) if question.kind == "any" else NEGATED[max(parts)]
        return min([found, *(NEGATED[self._value(exempt.question)] for exempt in question.unless)])

    def _why(self, question: Question) -> str:
        if not isinstance(question, Ask):
            return ""
        answer = self._answers[self._plan.number[question.clause]]
        said = [f"{one.text} [{one.resource}]" for one in answer.because]
        return "; ".join([*said, *answer.doubts, *(str(one) for one in answer.missing)])
