"""Which engine rules get facts: those that can fire, and of several ways to one conclusion the firmest and simplest."""

from __future__ import annotations

from cds.engine.choice import Choice
from cds.engine.formula import NO, SOFT, UNKNOWN, YES

PLANES = (UNKNOWN, SOFT, YES)


def chosen(ways: dict[tuple[int, ...], tuple[int, ...]], answers: list[int]) -> dict[int, set[int]]:
    """What is asked, with one rule set for each plane."""
    conclusions = 1 + max(one for serves in ways.values() for one in serves)
    return Choice([NO] * conclusions, [(plane, plane, frozenset(way), serves) for plane in PLANES for way, serves in ways.items()]).asked(answers)


def test_of_several_ways_to_a_conclusion_the_one_with_fewest_facts_is_asked():
    assert chosen({(0, 1): (0,), (2,): (0,), (3,): (1,)}, [YES, YES, YES, YES]) == {YES: {2, 3}}


def test_a_firmer_way_is_asked_before_a_simpler_one_and_settles_it():
    assert chosen({(0, 1): (0,), (2,): (0,)}, [YES, YES, UNKNOWN]) == {YES: {0, 1}}
    assert chosen({(0, 1): (0,), (2,): (0,)}, [YES, UNKNOWN, SOFT]) == {SOFT: {2}}


def test_a_way_that_serves_several_conclusions_is_asked_while_one_of_them_is_open():
    assert chosen({(0,): (0,), (1, 2): (0, 1)}, [YES, YES, YES]) == {YES: {0, 1, 2}}


def test_an_exception_that_holds_firmly_bars_its_way_and_an_uncertain_one_leaves_it_possible():
    assert chosen({(0, ~1): (0,)}, [YES, YES]) == {}
    assert chosen({(0, ~1): (0,)}, [YES, SOFT]) == chosen({(0, ~1): (0,)}, [YES, UNKNOWN]) == {UNKNOWN: {0, 1}}
    assert chosen({(0, ~1): (0,)}, [YES, NO]) == {YES: {0, 1}}
    assert chosen({(~0, ~1): (0,)}, [NO, NO]) == {YES: {0, 1}}
