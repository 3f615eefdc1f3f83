"""One rule to its verdict, for one order: the outline, filled with the records behind each clause.

Independent of the inference engine it is checked against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds.engine.answers import Answer, Because, Missing
from cds.engine.outline import MET, NOT_APPLICABLE, NOT_MET, SEVERITY, UNDECIDED, Outline
from cds.rulefile.rule import Clause, Level, Rule

__all__ = ["MET", "NOT_APPLICABLE", "NOT_MET", "SEVERITY", "UNDECIDED", "Verdict", "verdict"]


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


def verdict(rule: Rule, found: Outline, clauses: Sequence[Clause], answers: Sequence[Answer]) -> Verdict:
    """An outline with its words: the records that speak for the rule, each once, and what was missing."""
    level = None if found.place is None else rule.levels[found.place]
    if found.disputed:
        missing = (Missing(f"rule {rule.id}", "the two rule evaluators disagree; judge by the records named here", unreadable=True),)
        return Verdict(rule, found.answer, level, found.show, because=tuple(_records(found.because, clauses, answers)), missing=missing,
                       disputed=True)
    records = _records(found.because, clauses, answers)
    also = []
    if found.also:
        seen = {(one.resource, one.text) for one in records}
        for summary, numbers in found.also:
            more = [one for one in _records(numbers, clauses, answers) if (one.resource, one.text) not in seen]
            if more:
                also.append(summary)
                records += more
                seen |= {(one.resource, one.text) for one in more}
    records += _records(found.whole, clauses, answers)
    return Verdict(rule, found.answer, level, found.show, found.soft, _once(records),
                   tuple(dict.fromkeys(one for number in found.missing for one in answers[number].missing)),
                   tuple(dict.fromkeys(one for number in found.doubts for one in answers[number].doubts)), tuple(also), found.higher)


def _once(records: Iterable[Because]) -> tuple[Because, ...]:
    """Each record once: one that counts by its code in one clause and by its name in another is told as coded."""
    found: dict[tuple[str, str], Because] = {}
    for one in records:
        key = one.resource, one.text
        if key not in found or found[key].matched == "text":
            found[key] = one
    return tuple(found.values())


def _records(numbers: Iterable[int], clauses: Sequence[Clause], answers: Sequence[Answer]) -> list[Because]:
    """The records behind some clauses; of the order itself only how it was read, the rest stands on the card anyway."""
    return [one for number in numbers for one in answers[number].because[1 if clauses[number].verb == "ordering" else 0:]]
