"""One rule to its verdict, for one order: pure, and independent of the inference engine it is checked against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cds.engine.answers import Answer, Because, Missing
from cds.engine.formula import NEGATED, NO, SOFT, UNKNOWN, YES, value
from cds.engine.plan import Plan, RulePlan
from cds.rulefile.rule import Ask, Clause, Level, Question, Rule

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


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule answers; where its values decide it also the value of each level, the highest value, and the level that shows."""

    answer: str
    found: Sequence[int] = ()
    reached: int = NO
    place: int | None = None
    show: str = ""


def decide(ready: RulePlan, plan: Plan, answers: Sequence[Answer], values: Sequence[int], conclusions: Sequence[int],
           disputed: frozenset[int], hook: str) -> Verdict:
    """The verdict of a rule, given the clause answers and the checked value of every conclusion."""
    rule = ready.rule
    applies = value(ready.applies, values)
    judged = judge(rule, hook, applies, conclusions[ready.met_conclusion],
                   [min(conclusions[one] for one in level.conclusions) for level in ready.levels])
    if judged.answer == NOT_APPLICABLE or judged.reached == NO and not disputed:
        return Verdict(rule, judged.answer)
    read = Reading(plan, answers)
    if applies == UNKNOWN and judged.reached > NO:
        return Verdict(rule, UNDECIDED, missing=tuple(dict.fromkeys((*read.missing(rule.applies_when), *read.missing(rule.met_when)))))
    if disputed & ready.conclusions:
        return _disputed(ready, read, judged.found, judged.reached)
    if judged.answer == MET:
        return _met(ready, read, judged)
    if judged.answer == UNDECIDED:
        return Verdict(rule, UNDECIDED, missing=tuple(dict.fromkeys(read.missing(rule.met_when))))
    return Verdict(rule, NOT_MET)


def judge(rule: Rule, hook: str, applies: int, met: int, levels: Sequence[int]) -> Judged:
    """What a rule answers and which level shows, given the value of `applies_when`, of `met_when` and of each level with it."""
    if hook not in rule.hooks or applies == NO:
        return Judged(NOT_APPLICABLE)
    most = YES if applies == YES else SOFT
    found = [min(most, one) for one in levels]
    reached = max([min(most, met), *found])
    if applies == UNKNOWN and reached > NO or reached == UNKNOWN:
        return Judged(UNDECIDED, found, reached)
    if reached == NO:
        return Judged(NOT_MET, found, reached)
    shown = [(SEVERITY[_shown(level, one)], -place) for place, (level, one) in enumerate(zip(rule.levels, found)) if one >= SOFT]
    place = -max(shown)[1] if shown else None
    return Judged(MET, found, reached, place, _shown(rule.levels[place], found[place]) if place is not None else "")


def _met(ready: RulePlan, read: Reading, judged: Judged) -> Verdict:
    rule, found, place = ready.rule, judged.found, judged.place
    if place is None:
        return Verdict(rule, MET, soft=judged.reached == SOFT, because=read.because(rule.met_when))
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
    return Verdict(rule, MET, level, judged.show, soft, tuple(dict.fromkeys((*extra, *whole))), tuple(dict.fromkeys(open_parts)),
                   read.doubts(ready.levels[place].questions[0]) if soft else (), tuple(also),
                   tuple(rule.levels[other].message.summary for other in range(place) if found[other] == UNKNOWN))


def _disputed(ready: RulePlan, read: Reading, found: Sequence[int], reached: int) -> Verdict:
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
    """Value, evidence and gaps of questions, read off the clause answers; remembers values by question object."""

    def __init__(self, plan: Plan, answers: Sequence[Answer]) -> None:
        self._number, self._answers = plan.number, answers
        self._nothing_open = not any(answer.value == UNKNOWN for answer in answers)
        self._known: dict[int, int] = {}

    def of(self, clause: Clause) -> Answer:
        """The answer of a clause."""
        return self._answers[self._number[clause]]

    def value(self, question: Question) -> int:
        """The value (0 to 3) of a question."""
        found = self._known.get(id(question))
        if found is None:
            if isinstance(question, Ask):
                found = self.of(question.clause).value
            else:
                parts = [self.value(part) for part in question.parts]
                found = min(parts) if question.kind == "all" else max(parts) if question.kind == "any" else NEGATED[max(parts)]
            for exempt in question.unless:
                found = min(found, NEGATED[self.value(exempt.question)])
            self._known[id(question)] = found
        return found

    def because(self, question: Question) -> tuple[Because, ...]:
        """The records that speak for a question; of the order itself only how it was read, the rest stands on the card anyway."""
        return tuple(dict.fromkeys(one for ask in self._supporting(question)
                                   for one in self.of(ask.clause).because[1 if ask.clause.verb == "ordering" else 0:]))

    def doubts(self, question: Question) -> tuple[str, ...]:
        """Why the records that speak for a question speak softly."""
        return tuple(dict.fromkeys(one for ask in self._supporting(question) for one in self.of(ask.clause).doubts))

    def _supporting(self, question: Question) -> Iterator[Ask]:
        if self.value(question) < SOFT:
            return
        if isinstance(question, Ask):
            yield question
        elif question.kind != "none":
            for part in question.parts:
                yield from self._supporting(part)

    def missing(self, question: Question) -> Iterator[Missing]:
        """What kept a question from a firm yes or no."""
        if self._nothing_open:
            return
        if isinstance(question, Ask):
            if self.of(question.clause).value == UNKNOWN:
                yield from self.of(question.clause).missing
        elif self._is_open(question):
            for part in question.parts:
                yield from self.missing(part)
        if self.value(question) == UNKNOWN:
            for exempt in question.unless:
                yield from self.missing(exempt.question)

    def _is_open(self, question: Question) -> bool:
        parts = [self.value(part) for part in question.parts] if not isinstance(question, Ask) else []
        return not (parts and question.kind == "all" and min(parts) == NO)
