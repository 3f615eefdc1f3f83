"""One rule to its verdict, for one order: pure, and independent of the inference engine it is checked against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cds.engine.answers import Answer, Because, Missing
from cds.engine.formula import NEGATED, NO, SOFT, UNKNOWN, YES, value
from cds.engine.plan import Plan, RulePlan
from cds.rulefile.rule import Ask, Clause, Group, Level, Question, Rule

MET, NOT_MET, UNDECIDED, NOT_APPLICABLE = "met", "not met", "unknown", "does not apply"
SEVERITY = {"critical": 3, "warning": 2, "info": 1}
_MILDER = {"critical": "warning", "warning": "info", "info": "info"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule answers for one order, with everything a card says about it.

    `level` and `show` are set where it is met; `also` names further levels that rest on other records; `higher` names
    more severe levels that could not be judged; `disputed` marks a rule on which the two evaluators differ.
    """

    rule: Rule
    answer: str
    level: Level | None = None
    show: str = ""
    soft: bool = False
    because: tuple[Because, ...] = ()
    missing: tuple[Missing, ...] = ()
    doubts: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    higher: tuple[str, ...] = ()
    disputed: bool = False


def decide(ready: RulePlan, read: Reading, values: Sequence[int], conclusions: Sequence[int], disputed: frozenset[int],
           hook: str) -> Verdict:
    """The verdict of a rule, given the clause answers and the checked value of every conclusion."""
    rule = ready.rule
    if hook not in rule.hooks:
        return Verdict(rule, NOT_APPLICABLE)
    applies = value(ready.applies, values)
    if applies == NO:
        return Verdict(rule, NOT_APPLICABLE)
    most = YES if applies == YES else SOFT
    found = [min(most, *(conclusions[one] for one in level.conclusions)) for level in ready.levels]
    reached = max([min(most, conclusions[ready.met_conclusion]), *found])
    if reached == NO and not disputed:
        return Verdict(rule, NOT_MET)
    if applies == UNKNOWN and reached > NO:
        return Verdict(rule, UNDECIDED, missing=tuple(dict.fromkeys((*read.missing(rule.applies_when), *read.missing(rule.met_when)))))
    if disputed & ready.conclusions:
        return _disputed(ready, read, found, reached)
    if reached >= SOFT:
        return _met(ready, read, found, reached)
    if reached == UNKNOWN:
        return Verdict(rule, UNDECIDED, missing=tuple(dict.fromkeys(read.missing(rule.met_when))))
    return Verdict(rule, NOT_MET)


def _met(ready: RulePlan, read: Reading, found: list[int], reached: int) -> Verdict:
    rule = ready.rule
    if not rule.levels:
        return Verdict(rule, MET, soft=reached == SOFT, because=read.because(rule.met_when))
    shown = [(SEVERITY[_shown(level, met)], -place) for place, (level, met) in enumerate(zip(rule.levels, found)) if met >= SOFT]
    place = -max(shown)[1]
    level, soft = rule.levels[place], found[place] == SOFT
    because = read.because(ready.levels[place].questions[0])
    seen = {one.resource for one in because}
    also, extra = [], list(because)
    whole = read.because(rule.met_when)
    for other, (other_level, met) in enumerate(zip(rule.levels, found)):
        if other != place and met >= SOFT:
            more = [one for one in read.because(ready.levels[other].questions[0]) if one.resource not in seen]
            if more:
                also.append(other_level.message.summary)
                extra += more
                seen |= {one.resource for one in more}
    higher = [ready.levels[other].questions[0] for other in range(place) if found[other] == UNKNOWN]
    open_parts = [*read.missing(rule.met_when), *(one for question in higher for one in read.missing(question))]
    return Verdict(rule, MET, level, _shown(level, found[place]), soft, tuple(dict.fromkeys((*extra, *whole))), tuple(dict.fromkeys(open_parts)),
                   read.doubts(ready.levels[place].questions[0]) if soft else (), tuple(also),
                   tuple(rule.levels[other].message.summary for other in range(place) if found[other] == UNKNOWN))


def _disputed(ready: RulePlan, read: Reading, found: list[int], reached: int) -> Verdict:
    """Both evaluators must agree; where either says met its card shows all the same, and the rule is unknown."""
    missing = (Missing(f"rule {ready.rule.id}", "the two rule evaluators disagree; judge by the records named here", unreadable=True),)
    if reached < SOFT or not ready.rule.levels:
        return Verdict(ready.rule, UNDECIDED, missing=missing, disputed=True)
    places = [place for place, met in enumerate(found) if met >= SOFT] or [len(found) - 1]
    place = max(places, key=lambda one: (SEVERITY[ready.rule.levels[one].message.show], -one))
    level = ready.rule.levels[place]
    return Verdict(ready.rule, UNDECIDED, level, level.message.show, because=read.because(ready.levels[place].questions[0]),
                   missing=missing, disputed=True)


def _shown(level: Level, met: int) -> str:
    return level.message.show if met == YES else _MILDER[level.message.show]


class Reading:
    """Evidence and gaps of questions, read off the clause answers for one order; shared by all rules."""

    def __init__(self, plan: Plan, answers: Sequence[Answer]) -> None:
        self._number, self._answers = plan.number, answers
        self._nothing_open = UNKNOWN not in [answer.value for answer in answers]
        self._known: dict[int, int] = {}

    def value(self, question: Question) -> int:
        """The answer (0 to 3) of a question, worked out once."""
        found = self._known.get(id(question))
        if found is None:
            if type(question) is Ask:
                found = self._answers[self._number[question.clause]].value
            else:
                parts = [self.value(part) for part in question.parts]
                found = min(parts) if question.kind == "all" else max(parts) if question.kind == "any" else NEGATED[max(parts)]
            for exempt in question.unless:
                found = min(found, NEGATED[self.value(exempt.question)])
            self._known[id(question)] = found
        return found

    def because(self, question: Question) -> tuple[Because, ...]:
        """The records that speak for a question; of the order itself only how it was read, the rest stands on the card anyway."""
        found: dict[Because, None] = {}
        for clause, answer in self._supporting(question):
            for one in answer.because[1:] if clause.verb == "ordering" else answer.because:
                found[one] = None
        return tuple(found)

    def doubts(self, question: Question) -> tuple[str, ...]:
        """Why the records that speak for a question do not count in full."""
        return tuple(dict.fromkeys(one for _, answer in self._supporting(question) for one in answer.doubts))

    def _supporting(self, question: Question) -> list[tuple[Clause, Answer]]:
        found: list[tuple[Clause, Answer]] = []
        todo = [question]
        while todo:
            one = todo.pop()
            if self.value(one) < SOFT:
                continue
            if type(one) is Ask:
                found.append((one.clause, self._answers[self._number[one.clause]]))
            elif one.kind != "none":
                todo += reversed(one.parts)
        return found

    def missing(self, question: Question) -> Iterator[Missing]:
        """What kept a question from a firm yes or no."""
        if self._nothing_open:
            return
        if isinstance(question, Ask):
            answer = self._answers[self._number[question.clause]]
            if answer.value == UNKNOWN:
                yield from answer.missing
        elif self._is_open(question):
            for part in question.parts:
                yield from self.missing(part)
        if self.value(question) == UNKNOWN:
            for exempt in question.unless:
                yield from self.missing(exempt.question)

    def _is_open(self, question: Group) -> bool:
        return question.kind != "all" or min(self.value(part) for part in question.parts) != NO
