"""Rules that differ little, tried on many charts: what they share is asked once per chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cds.engine.evaluate import evaluate
from cds.engine.formula import Formula, value
from cds.engine.outline import NOT_APPLICABLE, Standing, standing
from cds.engine.plan import asking, formula, keeping
from cds.facts.model import PatientFacts
from cds.rulefile.rule import Clause, Level, Question, Rule
from cds.terms.model import Term

Pairs = tuple[tuple[Formula, Formula], ...]


@dataclass(slots=True)
class Answers:
    """The answer to every clause of a bench on one chart; the value of each formula is worked out once."""

    hook: str
    of_clauses: tuple[int, ...]
    known: dict[int, int] = field(default_factory=dict)

    def value(self, found: Formula) -> int:
        """The value (0 to 3) of a formula of the same bench."""
        key = id(found)
        if key not in self.known:
            self.known[key] = value(found, self.of_clauses)
        return self.known[key]


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule as formulas over the clauses of its bench: when it applies, when it is met, and what must hold for each level."""

    rule: Rule
    applies: Formula
    met: Formula
    levels: tuple[tuple[Formula, ...], ...]

    def standing(self, answers: Answers | None) -> Standing:
        """What the rule answers; without an order in scope it does not apply."""
        if answers is None or answers.hook not in self.rule.hooks:
            return Standing(NOT_APPLICABLE)
        return standing(self.rule, answers.value(self.applies), answers.value(self.met), [min(map(answers.value, each)) for each in self.levels])

    def level(self, found: Standing) -> Level | None:
        """The level that shows."""
        return None if found.place is None else self.rule.levels[found.place]

    def changes(self, other: Asked) -> Pairs | None:
        """The formulas in which another rule differs, each beside its own; None where it differs in more than formulas."""
        if len(self.levels) != len(other.levels):
            return None
        pairs = [(self.applies, other.applies), (self.met, other.met),
                 *(pair for mine, its in zip(self.levels, other.levels) for pair in zip(mine, its))]
        return tuple({(id(mine), id(its)): (mine, its) for mine, its in pairs if mine is not its}.values())


class Bench:
    """Rules made ready to be tried; formulas are known by the question object they come from, so the rules must be kept as long."""

    def __init__(self, rules: Sequence[Rule], terms: dict[str, Term]) -> None:
        self._number: dict[Clause, int] = {}
        self._formulas: dict[int, Formula] = {}
        self._kept: dict[int, Question] = {}
        self._terms = terms
        self.asked = tuple(self._asked(rule) for rule in rules)
        self._plan = asking(self._number)

    def answers(self, facts: PatientFacts) -> Answers | None:
        """The clause answers for the first order of a chart; None where no order is in scope."""
        found = evaluate(self._plan, replace(facts, memo={}), None, self._terms)
        return Answers(facts.hook, tuple(one.value for one in found[0].answers)) if found else None

    def _asked(self, rule: Rule) -> Asked:
        return Asked(rule, self._formula(rule.applies_when), self._formula(rule.met_when), tuple(self._level(rule, one) for one in rule.levels))

    def _level(self, rule: Rule, level: Level) -> tuple[Formula, ...]:
        base = rule.met_when
        if level.keeps and not rule.keeps:
            base = self._kept.setdefault(id(base), keeping(base))
        return (self._formula(base),) if level.when is None else (self._formula(level.when), self._formula(base))

    def _formula(self, question: Question) -> Formula:
        if id(question) not in self._formulas:
            self._formulas[id(question)] = formula(question, self._number)
        return self._formulas[id(question)]


def same(changes: Pairs | None, answers: Answers) -> bool:
    """Whether a chart cannot tell two rules apart that differ in these formulas only."""
    return changes is not None and all(answers.value(mine) == answers.value(its) for mine, its in changes)
