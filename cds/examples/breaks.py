"""Hold the examples of a rule against every break of it: each break should make one of them fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cds.engine.decide import NOT_APPLICABLE, Judged, Reading, judge
from cds.engine.evaluate import evaluate
from cds.engine.plan import Plan, asking, keeping
from cds.examples.run import passes
from cds.facts.model import PatientFacts
from cds.rulefile.breaks import Break, Neighbours, breaks
from cds.rulefile.rule import AcceptedBreak, Clause, Example, Question, Rule, asks
from cds.terms.model import Term

Case = tuple[Example, PatientFacts]


@dataclass(frozen=True, slots=True)
class Tried:
    """How the breaks of a rule went: those no example notices and nobody accepted, and the accepted ones.

    `stray` are accepted breaks that are none of this rule, `needless` those an example notices.
    """

    rule: Rule
    count: int
    unnoticed: tuple[Break, ...]
    accepted: tuple[AcceptedBreak, ...]
    stray: tuple[AcceptedBreak, ...]
    needless: tuple[AcceptedBreak, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule rests on: one question for when it applies, one for when it is met, and those of each level."""

    rule: Rule
    levels: tuple[tuple[Question, ...], ...]

    def judged(self, hook: str, read: Reading | None) -> Judged:
        """What the rule answers on clause answers; without an order in scope it does not apply."""
        if read is None or hook not in self.rule.hooks:
            return Judged(NOT_APPLICABLE)
        return judge(self.rule, hook, read.value(self.rule.applies_when), read.value(self.rule.met_when),
                     [min(map(read.value, level)) for level in self.levels])

    def passes(self, example: Example, read: Reading | None) -> bool:
        """Whether the rule answers an example as expected."""
        found = self.judged(example.hook, read)
        return passes(example, found.answer, found.show, self.rule.levels[found.place] if found.place is not None else None)

    def changes(self, other: Asked) -> tuple[tuple[Question, Question], ...] | None:
        """The questions in which another rule differs, each beside its own; None where it differs in more than questions."""
        if len(self.levels) != len(other.levels):
            return None
        pairs = [(self.rule.applies_when, other.rule.applies_when), (self.rule.met_when, other.rule.met_when),
                 *(pair for mine, its in zip(self.levels, other.levels) for pair in zip(mine, its))]
        return tuple({(id(mine), id(its)): (mine, its) for mine, its in pairs if mine is not its}.values())


class Bench:
    """A rule and breaks of it, made ready to be tried on many charts: what they share is asked once per chart.

    Answers are remembered by question object, so the rules are kept as long as the bench.
    """

    def __init__(self, rules: Sequence[Rule], terms: dict[str, Term]) -> None:
        kept: dict[int, Question] = {}
        self.asked = tuple(Asked(rule, _levels(rule, kept)) for rule in rules)
        number: dict[Clause, int] = {}
        seen: set[int] = set()
        for one in self.asked:
            for question in (one.rule.applies_when, one.rule.met_when, *(each for level in one.levels for each in level)):
                _number(question, number, seen)
        self._plan: Plan = asking(number)
        self._terms = terms

    def read(self, facts: PatientFacts) -> Reading | None:
        """The clause answers for the first order of a chart; None where no order is in scope."""
        evaluations = evaluate(self._plan, replace(facts, memo={}), None, self._terms)
        return Reading(self._plan, evaluations[0].answers) if evaluations else None


def _levels(rule: Rule, kept: dict[int, Question]) -> tuple[tuple[Question, ...], ...]:
    found = []
    for level in rule.levels:
        base = rule.met_when
        if level.keeps and not rule.keeps:
            base = kept[id(base)] = kept.get(id(base)) or keeping(base)
        found.append((base,) if level.when is None else (level.when, base))
    return tuple(found)


def _number(question: Question, number: dict[Clause, int], seen: set[int]) -> None:
    """Number the clauses of a question; what was seen before holds no new ones."""
    if id(question) not in seen:
        seen.add(id(question))
        for ask in asks(question):
            number.setdefault(ask.clause, len(number))


def attempt(rule: Rule, cases: Sequence[Case], terms: dict[str, Term], neighbours: Neighbours) -> Tried:
    """Break a rule in every way and hold its examples against each break."""
    every = breaks(rule, neighbours)
    left = unnoticed(rule, every, cases, terms)
    names, quiet = tuple(one.name for one in every), {one.name for one in left}
    entries = rule.accepted_breaks
    accepted = {one.name for one in entries}
    return Tried(rule, len(every), tuple(one for one in left if one.name not in accepted), tuple(one for one in entries if one.name in quiet),
                 tuple(one for one in entries if one.name not in names),
                 tuple(one for one in entries if one.name in names and one.name not in quiet), names)


def unnoticed(rule: Rule, breaks: Sequence[Break], cases: Iterable[Case], terms: dict[str, Term]) -> list[Break]:
    """The breaks that leave every example of the rule as it is."""
    bench = Bench((rule, *(one.rule for one in breaks)), terms)
    whole = bench.asked[0]
    left = [(one, asked, whole.changes(asked)) for one, asked in zip(breaks, bench.asked[1:])]
    for example, facts in cases:
        read = bench.read(facts)
        if read is not None and whole.passes(example, read):
            left = [(one, asked, changes) for one, asked, changes in left if same(changes, read) or asked.passes(example, read)]
    return [one for one, _, _ in left]


def same(changes: tuple[tuple[Question, Question], ...] | None, read: Reading) -> bool:
    """Whether two rules that differ in these questions only cannot be told apart on a chart."""
    return changes is not None and all(read.value(mine) == read.value(its) for mine, its in changes)
