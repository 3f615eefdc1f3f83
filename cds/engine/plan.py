"""A rulebook made ready: distinct clauses numbered once, every rule and level a formula over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cds.engine.clauses import is_about_order, is_measuring
from cds.engine.formula import All, Any, Formula, Literal, negate
from cds.facts.model import Wanted
from cds.rulefile.language import VERBS
from cds.rulefile.rule import Ask, Clause, Exempt, Question, Rule


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """One level: the conclusions that must all hold for it, and the questions behind them."""

    conclusions: tuple[int, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class RulePlan:
    """One rule: when it applies, and each level from the first down; the last is the rule itself."""

    rule: Rule
    applies: Formula
    met_conclusion: int
    levels: tuple[LevelPlan, ...]

    @property
    def conclusions(self) -> frozenset[int]:
        """Every conclusion the rule rests on."""
        return frozenset((self.met_conclusion, *(one for level in self.levels for one in level.conclusions)))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an evaluation needs; `conclusions` is what both evaluators must agree on, `wanted` the terms read from charts."""

    clauses: tuple[Clause, ...]
    of_patient: tuple[int, ...]
    of_order: tuple[int, ...]
    measuring: tuple[int, ...]
    rules: tuple[RulePlan, ...]
    conclusions: tuple[tuple[str, Formula], ...]
    number: dict[Clause, int]
    always: frozenset[int]
    wanted: Wanted
    woken_by: tuple[tuple[int, ...], ...]

    def candidates(self, values: Sequence[int]) -> set[int]:
        """The conclusions that can be more than a no, given which clauses are."""
        found = set(self.always)
        for clause, answer in enumerate(values):
            if answer:
                found.update(self.woken_by[clause])
        return found


def plan(rules: Iterable[Rule]) -> Plan:
    """Number the clauses of all rules and turn their questions into formulas."""
    number: dict[Clause, int] = {}
    conclusions: list[tuple[str, Formula]] = []
    planned = [_rule(rule, number, conclusions) for rule in rules]
    support = [_support(found) for _, found in conclusions]
    return replace(asking(number), rules=tuple(planned), conclusions=tuple(conclusions),
                   always=frozenset(i for i, found in enumerate(support) if found is None),
                   woken_by=tuple(tuple(i for i, found in enumerate(support) if found and clause in found) for clause in range(len(number))))


def asking(number: dict[Clause, int]) -> Plan:
    """A plan without rules, which only answers these clauses."""
    clauses = tuple(number)
    return Plan(clauses, tuple(i for i, one in enumerate(clauses) if not is_about_order(one)),
                tuple(i for i, one in enumerate(clauses) if is_about_order(one)),
                tuple(i for i, one in enumerate(clauses) if is_measuring(one)), (), (), number, frozenset(), _wanted(clauses),
                ((),) * len(clauses))


def _wanted(clauses: Sequence[Clause]) -> Wanted:
    heads = [clause.head for clause in clauses if VERBS[clause.verb].reads]
    dosed = frozenset(clause.head for clause in clauses if clause.word("daily_dose") is not None and isinstance(clause.head, str))
    return Wanted(frozenset(name for head in heads for name in (head if isinstance(head, tuple) else (head,)) if isinstance(name, str)), dosed)


def _support(found: Formula) -> frozenset[int] | None:
    """Clauses of which at least one must be more than a no for a formula to hold; None where it may hold without any."""
    if isinstance(found, Literal):
        return None if found.negated else frozenset((found.clause,))
    parts = [_support(part) for part in found.parts]
    if isinstance(found, All):
        return min((part for part in parts if part is not None), key=len, default=None)
    return None if None in parts else frozenset().union(*parts)


def _rule(rule: Rule, number: dict[Clause, int], conclusions: list[tuple[str, Formula]]) -> RulePlan:
    def conclude(name: str, question: Question) -> int:
        conclusions.append((name, formula(question, number)))
        return len(conclusions) - 1

    met = conclude(rule.id, rule.met_when)
    kept: int | None = None
    levels = []
    for place, level in enumerate(rule.levels, 1):
        base, question = met, rule.met_when
        if level.keeps and not rule.keeps:
            question = keeping(rule.met_when)
            base = kept = conclude(f"{rule.id}, full severity", question) if kept is None else kept
        if level.when is None:
            levels.append(LevelPlan((base,), (question,)))
        else:
            levels.append(LevelPlan((conclude(f"{rule.id}, level {place}", level.when), base), (level.when,)))
    return RulePlan(rule, formula(rule.applies_when, number), met, tuple(levels))


def formula(question: Question, number: dict[Clause, int]) -> Formula:
    """A question as a formula; clauses seen for the first time get the next number."""
    if isinstance(question, Ask):
        found: Formula = Literal(number.setdefault(question.clause, len(number)))
    else:
        parts = tuple(formula(part, number) for part in question.parts)
        found = All(parts) if question.kind == "all" else Any(parts) if question.kind == "any" else negate(Any(parts))
    excuses = tuple(negate(formula(exempt.question, number)) for exempt in question.unless)
    return All((found, *excuses)) if excuses else found


def keeping(question: Question) -> Question:
    """The same question with drugs on hold and exact names counting in full."""
    unless = tuple(Exempt(keeping(exempt.question), exempt.because) for exempt in question.unless)
    if isinstance(question, Ask):
        return replace(question, clause=replace(question.clause, keeps=True), unless=unless)
    return replace(question, parts=tuple(keeping(part) for part in question.parts), unless=unless)
