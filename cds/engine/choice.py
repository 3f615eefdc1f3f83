"""Which engine rules can matter for some answers, so that no fact is asserted and no session opened for nothing.

A fact matters to a rule all of whose conditions some fact fills, and only where no firmer or simpler rule gives the same
conclusions.  What holds is told by the rules that fire, not by this choice: where it errs the engine and the reference differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from cds.engine.formula import NEGATED, YES

Way = frozenset[int]  # clause numbers that together meet a conclusion; a negated clause as its complement ~number


_Rule = tuple[int, int, tuple[int, ...], Way]
"""One engine rule: its rank (the firmest first, of those the ones that need the fewest facts), its rule set, what it concludes, all it reads."""
_Planes = dict[int, _Rule]
"""The engine rules of one way, one for each plane on which it can hold."""


class Choice:
    """Made once for the engine rules of a rulebook: rule set, plane, way and conclusions of each."""

    def __init__(self, constants: Sequence[int], rules: Iterable[tuple[int, int, Way, tuple[int, ...]]]) -> None:
        """`constants` holds the value of each conclusion that needs no engine rule, and a no for the others."""
        self._constants = tuple(constants)
        planes: dict[Way, _Planes] = {}
        for rank, (ruleset, plane, way, serves) in enumerate(sorted(rules, key=lambda one: (-one[1], len(one[2]), one[0]))):
            planes.setdefault(way, {})[plane] = rank, ruleset, serves, frozenset(max(code, ~code) for code in way)
        shared = Counter(code for way in planes for code in way if code >= 0)
        # every way under one clause that must hold for it, the one fewest ways need; under None where none must
        self._woken_by: dict[int | None, list[tuple[Way, Way, _Planes]]] = {}
        for way, found in planes.items():
            needs, bars = frozenset(code for code in way if code >= 0), frozenset(~code for code in way if code < 0)
            self._woken_by.setdefault(min(needs, key=lambda code: shared[code], default=None), []).append((needs, bars, found))

    def asked(self, answers: Sequence[int]) -> dict[int, set[int]]:
        """The rule sets that get a session, with the clauses whose facts can matter in it."""
        settled = [*self._constants]
        found: dict[int, set[int]] = {}
        for (_, ruleset, serves, reads), plane in sorted(self._holding(answers)):
            asked = False
            for conclusion in serves:
                if settled[conclusion] < plane:
                    settled[conclusion], asked = plane, True
            if asked:
                found.setdefault(ruleset, set()).update(reads)
        return found

    def _holding(self, answers: Sequence[int]) -> Iterator[tuple[_Rule, int]]:
        """Of each way that some facts fill the engine rule on the firmest plane, and the plane."""
        awake = [*compress(range(len(answers)), answers)]
        held = {*awake}
        for clause in (None, *awake):
            for needs, bars, planes in self._woken_by.get(clause, ()):
                if needs <= held:
                    plane = min(map(answers.__getitem__, needs), default=YES)
                    for bar in bars & held:
                        plane = min(plane, NEGATED[answers[bar]])
                    if plane in planes:
                        yield planes[plane], plane
