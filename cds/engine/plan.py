"""A rulebook made ready: distinct clauses numbered once, every rule and level a formula over them."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from operator import itemgetter

from cds.engine.answers import FLAT_NO, Answer
from cds.engine.clauses import is_about_order, is_measuring
from cds.engine import formula as logic
from cds.engine.formula import All, Any, Formula, Literal, negate
from cds.engine.guards import Block, blocks, guards, is_cheap, is_indexed
from cds.facts.model import Wanted
from cds.rulefile.language import HOOKS, READS_TOO, VERBS
from cds.rulefile.rule import Ask, Clause, Exempt, Question, Rule, lists_of


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """One level: the conclusions that must all hold for it, and the questions behind them."""

    conclusions: tuple[int, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class RulePlan:
    """One rule: when it applies, and each level from the first down; the last is the rule itself.

    `span` holds its conclusions, `clauses` all it reads, `blocks` those that are asked only where they matter, `guards` without
    one of which it is not met; `memo` keeps what was judged before, by the answers to its own clauses, and the verdicts that
    say nothing, by their answer.
    """

    rule: Rule
    applies: Formula
    met_conclusion: int
    levels: tuple[LevelPlan, ...]
    span: range
    clauses: tuple[int, ...]
    guards: tuple[int, ...] | None
    blocks: tuple[Block, ...]
    own_answers: Callable[[Sequence[int]], object]
    memo: dict[object, typing.Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an evaluation needs; `conclusions` is what both evaluators must agree on, `wanted` the terms read from charts.

    `of_list` holds the clauses over one term of a list, by list and term; `unasked` is the answer each clause has before it is
    asked; `of_order` are the clauses answered for each order, `of_order_ahead` those for an order signed ahead.  What the
    clauses `at_hand` and those of lists answer says which rules apply, and which further clauses matter.  `quiet` keeps the
    verdicts of all rules where none has anything to tell, by what says which of them apply.
    `reads` names, for each hook, the lists that its rules read.
    """

    clauses: tuple[Clause, ...]
    of_list: dict[str, dict[str, tuple[int, ...]]]
    unasked: tuple[Answer | None, ...]
    of_order: frozenset[int]
    of_order_ahead: frozenset[int]
    at_hand: tuple[int, ...]
    rules: tuple[RulePlan, ...]
    conclusions: tuple[tuple[str, Formula], ...]
    number: dict[Clause, int]
    always: frozenset[int]
    wanted: Wanted
    woken_by: tuple[tuple[int, ...], ...]
    open_to_all: frozenset[int]
    opened_by: tuple[tuple[int, ...], ...]
    applying: tuple[int, ...]
    reads: dict[str, frozenset[str]] = field(default_factory=dict)
    quiet: dict[object, typing.Any] = field(default_factory=dict, compare=False, repr=False)

    def awake(self, values: Sequence[int]) -> frozenset[int]:
        """The rules of which a conclusion can be more than a no, given which clauses are."""
        return self.always.union(*compress(self.woken_by, values))

    def in_question(self, values: Sequence[int]) -> frozenset[int]:
        """The rules that can be met, or unknown, as far as the clauses say that are answered for every request."""
        return self.open_to_all.union(*compress(self.opened_by, values))


def plan(rules: Iterable[Rule]) -> Plan:
    """Number the clauses of all rules and turn their questions into formulas."""
    number: dict[Clause, int] = {}
    conclusions: list[tuple[str, Formula]] = []
    planned = [_rule(rule, number, conclusions) for rule in rules]
    always, woken_by = _index([_support(Any(tuple(conclusions[index][1] for index in ready.span))) for ready in planned], len(number))
    open_to_all, opened_by = _index([ready.guards for ready in planned], len(number))
    asked = asking(number)
    applying = frozenset().union(*(logic.clauses(ready.applies) for ready in planned))
    at_hand = applying.union(i for i, clause in enumerate(asked.clauses) if is_cheap(clause))
    return replace(asked, rules=tuple(planned), conclusions=tuple(conclusions), always=always, woken_by=woken_by, open_to_all=open_to_all,
                   opened_by=opened_by, at_hand=tuple(sorted(i for i in at_hand if asked.unasked[i] is None)),
                   applying=tuple(sorted(applying)),
                   reads={hook: frozenset(name for ready in planned if hook in ready.rule.hooks for clause in ready.clauses
                                          for name in lists_of(asked.clauses[clause])) for hook in HOOKS})


def _index(groups: Sequence[Iterable[int] | None], clauses: int) -> tuple[frozenset[int], tuple[tuple[int, ...], ...]]:
    """The places of groups that are None, and for each clause the places of the groups it is in."""
    found: list[list[int]] = [[] for _ in range(clauses)]
    for place, group in enumerate(groups):
        for clause in group or ():
            found[clause].append(place)
    return frozenset(place for place, group in enumerate(groups) if group is None), tuple(map(tuple, found))


def asking(number: dict[Clause, int]) -> Plan:
    """A plan without rules, which only answers these clauses."""
    clauses = tuple(number)
    of_list = _of_list(clauses)
    placed = {i for by_term in of_list.values() for members in by_term.values() for i in members}
    of_order = frozenset(i for i, one in enumerate(clauses) if is_about_order(one))
    nothing: tuple[tuple[int, ...], ...] = ((),) * len(clauses)
    return Plan(clauses, of_list, tuple(FLAT_NO if i in placed else None for i in range(len(clauses))), of_order,
                of_order.union(i for i, one in enumerate(clauses) if is_measuring(one)), (), (), (), number, frozenset(), _wanted(clauses),
                nothing, frozenset(), nothing, ())


def _of_list(clauses: Sequence[Clause]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Clauses over one term of a list that is indexed by term: all of them are a no where the chart holds no such entry."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for number, clause in enumerate(clauses):
        if is_indexed(clause) and isinstance(clause.head, str):
            by_term = found.setdefault(VERBS[clause.verb].reads, {})
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
    levels, asked, bases = [], [(rule.met_when, ())], [rule.met_when]
    for place, level in enumerate(rule.levels, 1):
        base, question = met, rule.met_when
        if level.keeps and not rule.keeps:
            question = keeping(rule.met_when)
            if kept is None:
                kept = conclude(f"{rule.id}, full severity", question)
                asked.append((question, ()))
                bases.append(question)
            base = kept
        if level.when is None:
            levels.append(LevelPlan((base,), (question,)))
        else:
            levels.append(LevelPlan((conclude(f"{rule.id}, level {place}", level.when), base), (level.when,)))
            asked.append((level.when, guards(question, number)))
    applies, span = formula(rule.applies_when, number), range(start, len(conclusions))
    read = tuple(sorted({clause for found in (applies, *(conclusions[index][1] for index in span)) for clause in logic.clauses(found)}))
    return RulePlan(rule, applies, met, tuple(levels), span, read, _any_of(bases, number), blocks(asked, number), itemgetter(*read))


def _any_of(questions: Sequence[Question], number: Mapping[Clause, int]) -> tuple[int, ...] | None:
    """Cheap clauses without one of which every question is a no; None where there are none such."""
    each = [guards(question, number) for question in questions]
    return tuple(dict.fromkeys(clause for found in each for clause in min(found, key=len))) if all(each) else None


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
