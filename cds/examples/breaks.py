"""Hold the examples of a rule against every break of it: each break should make one of them fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds.examples.bench import Answers, Asked, Bench, same
from cds.examples.run import at_settings, passes
from cds.facts.model import PatientFacts
from cds.rulebook import Rulebook
from cds.rulefile.breaks import Break, Neighbours, breaks
from cds.rulefile.rule import AcceptedBreak, Example, Rule
from cds.terms.model import Term

Case = tuple[Example, PatientFacts]


@dataclass(frozen=True, slots=True)
class Tried:
    """How the breaks of a rule went: those no example notices and nobody accepted, and the accepted ones.

    `stray` are accepted breaks that are none of this rule, `needless` those an example notices.
    """

    rule: Rule
    names: tuple[str, ...]
    unnoticed: tuple[Break, ...]
    accepted: tuple[AcceptedBreak, ...]
    stray: tuple[AcceptedBreak, ...]
    needless: tuple[AcceptedBreak, ...]

    @property
    def count(self) -> int:
        """How many breaks there are."""
        return len(self.names)

    @property
    def noticed(self) -> int:
        """How many breaks an example notices."""
        return self.count - len(self.unnoticed) - len(self.accepted)


def attempt(rule: Rule, cases: Sequence[Case], book: Rulebook, neighbours: Neighbours) -> Tried:
    """Break a rule in every way and hold its examples against each break."""
    every = breaks(rule, neighbours)
    names, quiet = tuple(one.name for one in every), _quiet(rule, every, cases, book, neighbours)
    left = [one for one in every if one.name in quiet]
    entries = rule.accepted_breaks
    accepted = {one.name for one in entries}
    return Tried(rule, names, tuple(one for one in left if one.name not in accepted), tuple(one for one in entries if one.name in quiet),
                 tuple(one for one in entries if one.name not in names),
                 tuple(one for one in entries if one.name in names and one.name not in quiet))


def _quiet(rule: Rule, every: Sequence[Break], cases: Sequence[Case], book: Rulebook, neighbours: Neighbours) -> set[str]:
    """The names of breaks that leave every example as it is; where an example sets values, the rule is broken with those."""
    quiet = {one.name for one in every}
    for settings in dict.fromkeys(example.settings for example, _ in cases):
        there = at_settings(rule, settings, book)
        ways = [one for one in (breaks(there, neighbours) if settings else every) if one.name in quiet]
        left = {one.name for one in unnoticed(there, ways, [case for case in cases if case[0].settings == settings], book.terms)}
        quiet -= {one.name for one in ways} - left
    return quiet


def unnoticed(rule: Rule, breaks: Sequence[Break], cases: Iterable[Case], terms: dict[str, Term]) -> list[Break]:
    """The breaks that leave every example of the rule as it is."""
    bench = Bench((rule, *(one.rule for one in breaks)), terms)
    whole = bench.asked[0]
    left = [(one, asked, whole.changes(asked)) for one, asked in zip(breaks, bench.asked[1:])]
    for example, facts in cases:
        answers = bench.answers(facts)
        if answers is not None and _passes(whole, example, answers):
            left = [(one, asked, changes) for one, asked, changes in left if same(changes, answers) or _passes(asked, example, answers)]
    return [one for one, _, _ in left]


def _passes(asked: Asked, example: Example, answers: Answers) -> bool:
    found = asked.standing(answers)
    return passes(example, found.answer, found.show, asked.level(found))
