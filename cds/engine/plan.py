"""A rulebook made ready: distinct clauses numbered once, every rule and level a formula over them."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from cds.engine.clauses import is_about_order, is_measuring
from cds.engine import formula as logic
from cds.engine.formula import All, Any, Formula, Literal, negate
from cds.facts.model import Wanted
from cds.rulefile.language import HOOKS, READS_TOO, VERBS
from cds.rulefile.rule import Ask, Clause, Exempt, Question, Rule, lists_of

INDEXED = ("medications", "conditions", "allergies")
"""Lists of the facts that are indexed by term."""


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """One level: the conclusions that must all hold for it, and the questions behind them."""

    conclusions: tuple[int, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class RulePlan:
    """One rule: when it applies, and each level from the first down; the last is the rule itself.

    `span` holds its conclusions, `clauses` all it reads; `memo` keeps what was judged before, by the answers to its own clauses, and the
    verdicts that say nothing, by their answer.
    """

    rule: Rule
    applies: Formula
    met_conclusion: int
    levels: tuple[LevelPlan, ...]
    span: range
    clauses: tuple[int, ...]
    own_answers: Callable[[Sequence[int]], object]
    memo: dict[object, typing.Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an evaluation needs; `conclusions` is what both evaluators must agree on, `wanted` the terms read from charts.

    `of_list` holds the clauses over one term of a list, by list and term; `of_patient` all others that do not read the order.
    `reads` names, for each hook, the lists that its rules read.
    """

    clauses: tuple[Clause, ...]
    of_list: dict[str, dict[str, tuple[int, ...]]]
    of_patient: tuple[int, ...]
    of_order: tuple[int, ...]
    measuring: tuple[int, ...]
    rules: tuple[RulePlan, ...]
    conclusions: tuple[tuple[str, Formula], ...]
    number: dict[Clause, int]
    always: frozenset[int]
    wanted: Wanted
    woken_by: tuple[tuple[int, ...], ...]
    reads: dict[str, frozenset[str]] = field(default_factory=dict)

    def awake(self, values: Sequence[int]) -> set[int]:
        """The rules of which a conclusion can be more than a no, given which clauses are."""
        return self.always.union(*(self.woken_by[clause] for clause, answer in enumerate(values) if answer))


def plan(rules: Iterable[Rule]) -> Plan:
    """Number the clauses of all rules and turn their questions into formulas."""
    number: dict[Clause, int] = {}
    conclusions: list[tuple[str, Formula]] = []
    planned = [_rule(rule, number, conclusions) for rule in rules]
    support = [_support(Any(tuple(conclusions[index][1] for index in ready.span))) for ready in planned]
    return replace(asking(number), rules=tuple(planned), conclusions=tuple(conclusions),
                   always=frozenset(i for i, found in enumerate(support) if found is None),
                   woken_by=tuple(tuple(i for i, found in enumerate(support) if found and clause in found) for clause in range(len(number))),
                   reads={hook: frozenset(name for ready in planned if hook in ready.rule.hooks for clause in ready.clauses
                                          for name in lists_of(tuple(number)[clause])) for hook in HOOKS})


def asking(number: dict[Clause, int]) -> Plan:
    """A plan without rules, which only answers these clauses."""
    clauses = tuple(number)
    of_list = _of_list(clauses)
    placed = {i for by_term in of_list.values() for members in by_term.values() for i in members}
    return Plan(clauses, of_list, tuple(i for i, one in enumerate(clauses) if not is_about_order(one) and i not in placed),
                tuple(i for i, one in enumerate(clauses) if is_about_order(one)),
                tuple(i for i, one in enumerate(clauses) if is_measuring(one)), (), (), number, frozenset(), _wanted(clauses),
                ((),) * len(clauses))


def _of_list(clauses: Sequence[Clause]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Clauses over one term of a list that is indexed by term: all of them are a no where the chart holds no such entry."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for number, clause in enumerate(clauses):
        name = VERBS[clause.verb].reads
        if name in INDEXED and isinstance(clause.head, str):
            by_term = found.setdefault(name, {})
            by_term[clause.head] = (*by_term.get(clause.head, ()), number)
    return found


def _wanted(clauses: Sequence[Clause]) -> Wanted:
    heads = [head for clause in clauses if VERBS[clause.verb].reads for head in (clause.head, *(clause.word(word) or () for word in READS_TOO))]
    heads += [clause.word("about") or () for clause in clauses]
    dosed = frozenset(clause.head for clause in clauses if clause.word("daily_dose") is not None and isinstance(clause.head, str))
    return Wanted(frozenset(name for head in heads for name in (head if isinstance(head, tuple) else (head,)) if isinstance(name, str)), dosed,
                  frozenset(str(clause.head) for clause in clauses if VERBS[clause.verb].of_list and not clause.word("about")),
                  frozenset(str(clause.head) for clause in clauses if clause.verb == "list_updated"))


def _support(found: Formula) -> frozenset[int] | None:
    """Clauses of which at least one must be more than a no for a formula to hold; None where it may hold without any."""
    if isinstance(found, Literal):
        return None if found.negated else frozenset((found.clause,))
    parts = [_support(part) for part in found.parts]
    if isinstance(found, All):
        return min((part for part in parts if part is not None), key=len, default=None)
    return None if None in parts else frozenset().union(*parts)


def _rule(rule: Rule, number: dict[Clause, int], conclusions: list[tuple[str, Formula]]) -> RulePlan:
    start = len(conclusions)

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
    applies, span = formula(rule.applies_when, number), range(start, len(conclusions))
    read = tuple(sorted({clause for found in (applies, *(conclusions[index][1] for index in span)) for clause in logic.clauses(found)}))
    return RulePlan(rule, applies, met, tuple(levels), span, read, itemgetter(*read))


def formula(question: Question, number: dict[Clause, int]) -> Formula:
    """A question as a formula; clauses seen for the first time get the next number."""
    if isinstance(question, Ask):
        if question.clause.verb == "finding":
            raise LookupError(f"`finding: {question.clause.head}` stands for no rule yet; a rulebook ties it to one (findings.tie)")
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
    if question.finding:
        return replace(question, unless=unless)  # another rule decides itself what counts in full
    return replace(question, parts=tuple(keeping(part) for part in question.parts), unless=unless)
