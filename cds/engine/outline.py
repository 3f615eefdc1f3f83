"""One rule to the outline of its verdict: what it answers and which clauses speak for it, all by number and without a word.

It depends on nothing but the answers to the clauses of that rule, so equal answers are judged once and remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds.engine.formula import NEGATED, NO, SOFT, UNKNOWN, YES, value
from cds.engine.plan import Plan, RulePlan
from cds.rulefile.rule import Ask, Clause, Group, Level, Question, Rule

MET, NOT_MET, UNDECIDED, NOT_APPLICABLE = "met", "not met", "unknown", "does not apply"
SEVERITY = {"critical": 3, "warning": 2, "info": 1}
_MILDER = {"critical": "warning", "warning": "info", "info": "info"}
_MOST_REMEMBERED = 4096
Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """A verdict by clause numbers; `place` is the level that shows, `also` further levels with the clauses behind each."""

    answer: str
    place: int | None = None
    show: str = ""
    soft: bool = False
    because: Numbers = ()
    whole: Numbers = ()
    missing: Numbers = ()
    doubts: Numbers = ()
    also: tuple[tuple[str, Numbers], ...] = ()
    higher: tuple[str, ...] = ()
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The reference value of every conclusion of a rule, and the outline that follows when the engine agrees."""

    conclusions: Numbers
    outline: Outline


@dataclass(frozen=True, slots=True)
class Standing:
    """What a rule answers; where it applies also the value of each level, the highest value, and the level that shows."""

    answer: str
    found: Numbers = ()
    reached: int = NO
    place: int | None = None
    show: str = ""


def judge(ready: RulePlan, plan: Plan, values: Sequence[int]) -> Judged:
    """The rule by plain evaluation, remembered by the answers to its own clauses."""
    key = ready.own_answers(values)
    found = ready.memo.get(key)
    if found is None:
        own = tuple(value(plan.conclusions[index][1], values) for index in ready.span)
        found = Judged(own, outline(ready, plan.number, values, dict(zip(ready.span, own)), disputed=False))
        if len(ready.memo) >= _MOST_REMEMBERED:
            ready.memo.clear()
        ready.memo[key] = found
    return found


def outline(ready: RulePlan, number: Mapping[Clause, int], values: Sequence[int], conclusions: Mapping[int, int], disputed: bool) -> Outline:
    """The outline of a rule, given the answer to each clause and the value of each of its conclusions."""
    rule, applies = ready.rule, value(ready.applies, values)
    stand = standing(rule, applies, conclusions[ready.met_conclusion], [min(conclusions[one] for one in level.conclusions) for level in ready.levels])
    if stand.answer == NOT_APPLICABLE or stand.answer == NOT_MET and not disputed:
        return Outline(stand.answer)
    read = Reading(number, values)
    if applies == UNKNOWN and stand.reached > NO:
        return Outline(UNDECIDED, missing=(*read.missing(rule.applies_when), *read.missing(rule.met_when)))
    if disputed:
        return _disputed(ready, read, stand.found, stand.reached)
    if stand.answer == MET:
        return _met(ready, read, stand)
    return Outline(UNDECIDED, missing=read.missing(rule.met_when))


def standing(rule: Rule, applies: int, met: int, levels: Sequence[int]) -> Standing:
    """What a rule answers and which level shows, given the value of `applies_when`, of `met_when` and of each level with it."""
    if applies == NO:
        return Standing(NOT_APPLICABLE)
    most = YES if applies == YES else SOFT
    found = tuple(min(most, one) for one in levels)
    reached = max(min(most, met), *found) if found else min(most, met)
    if reached == NO:
        return Standing(NOT_MET, found)
    if applies == UNKNOWN or reached == UNKNOWN:
        return Standing(UNDECIDED, found, reached)
    if not rule.levels:
        return Standing(MET, found, reached)
    shown = [(SEVERITY[_shown(level, one)], -place) for place, (level, one) in enumerate(zip(rule.levels, found)) if one >= SOFT]
    place = -max(shown)[1]
    return Standing(MET, found, reached, place, _shown(rule.levels[place], found[place]))


def _met(ready: RulePlan, read: Reading, stand: Standing) -> Outline:
    rule, found, place = ready.rule, stand.found, stand.place
    whole = read.supporting(rule.met_when)
    if place is None:
        return Outline(MET, soft=stand.reached == SOFT, because=whole)
    because = read.supporting(ready.levels[place].questions[0])
    also = tuple((level.message.summary, read.supporting(ready.levels[other].questions[0]))
                 for other, (level, met) in enumerate(zip(rule.levels, found)) if other != place and met >= SOFT)
    higher = [other for other in range(place) if found[other] == UNKNOWN]
    missing = [*read.missing(rule.met_when), *(one for other in higher for one in read.missing(ready.levels[other].questions[0]))]
    soft = found[place] == SOFT
    return Outline(MET, place, stand.show, soft, because, whole, tuple(missing), because if soft else (), also,
                   tuple(rule.levels[other].message.summary for other in higher))


def _disputed(ready: RulePlan, read: Reading, found: Numbers, reached: int) -> Outline:
    """Both evaluators must agree; where either says met its card shows all the same, and the rule is unknown."""
    levels = ready.rule.levels
    if reached < SOFT or not levels:
        return Outline(UNDECIDED, disputed=True)
    places = [place for place, met in enumerate(found) if met >= SOFT] or [len(found) - 1]
    place = max(places, key=lambda one: (SEVERITY[levels[one].message.show], -one))
    return Outline(UNDECIDED, place, levels[place].message.show, because=read.supporting(ready.levels[place].questions[0]), disputed=True)


def _shown(level: Level, met: int) -> str:
    return level.message.show if met == YES else _MILDER[level.message.show]


class Reading:
    """Which clauses speak for a question, and which keep it open."""

    def __init__(self, number: Mapping[Clause, int], values: Sequence[int]) -> None:
        self._number, self._values = number, values
        self._known: dict[int, int] = {}  # by identity: the same parts are read for every level of a rule

    def _value(self, question: Question) -> int:
        found = self._known.get(id(question))
        if found is None:
            found = self._known[id(question)] = self._worked_out(question)
        return found

    def _worked_out(self, question: Question) -> int:
        if isinstance(question, Ask):
            found = self._values[self._number[question.clause]]
        else:
            parts = [self._value(part) for part in question.parts]
            found = min(parts) if question.kind == "all" else max(parts) if question.kind == "any" else NEGATED[max(parts)]
        return min([found, *(NEGATED[self._value(exempt.question)] for exempt in question.unless)])

    def supporting(self, question: Question) -> Numbers:
        """The clauses that speak for a question, in the order written."""
        found: list[int] = []
        todo = [question]
        while todo:
            one = todo.pop()
            if self._value(one) < SOFT:
                continue
            if isinstance(one, Ask):
                found.append(self._number[one.clause])
            elif one.kind != "none":
                todo += reversed(one.parts)
        return tuple(dict.fromkeys(found))

    def missing(self, question: Question) -> Numbers:
        """The clauses whose missing answer kept a question from a firm yes or no."""
        found: list[int] = []
        if isinstance(question, Ask):
            if self._values[self._number[question.clause]] == UNKNOWN:
                found.append(self._number[question.clause])
        elif self._is_open(question):
            for part in question.parts:
                found += self.missing(part)
        if self._value(question) == UNKNOWN:
            for exempt in question.unless:
                found += self.missing(exempt.question)
        return tuple(dict.fromkeys(found))

    def _is_open(self, question: Group) -> bool:
        return question.kind != "all" or min(self._value(part) for part in question.parts) != NO
