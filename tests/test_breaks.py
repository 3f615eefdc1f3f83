"""Deliberate breaks: each kind is made, noticed or named with an example that would notice it, and accepted only where none does."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linter_cases import BY_TEST, R
from rich.console import Console
from small_rulebook import broken, edit, shipped
from test_linter import EXPECTED

from cds import rulebook
from cds.authoring import breaks as command
from cds.authoring.check import check
from cds.authoring.test import test as cds_test
from cds.engine.evaluate import evaluate
from cds.engine.plan import plan
from cds.examples.bench import Bench
from cds.examples.breaks import attempt
from cds.examples.run import run
from cds.examples.suggest import suggestions
from cds.rulefile import source
from cds.rulefile.breaks import breaks
from cds.rulefile.check import Known, build
from cds.rulefile.problems import Problem
from cds.rulefile.rule import Rule
from cds.rulefile.source import Node
from cds.terms.neighbours import neighbours

__all__ = ["broken", "shipped"]
BOOK = rulebook.load([rulebook.shipped()], date(2026, 6, 30))
NEAR = neighbours(BOOK.terms, BOOK.recogniser)
KNOWN = Known({name: term.kind for name, term in BOOK.terms.items()}, frozenset(BOOK.sources), frozenset(BOOK.reasons))
TOY = Path(__file__).parent / "breaks" / "toy.yaml"
CHECK = settings(max_examples=15, deadline=None, derandomize=True, database=None)
THREE_DAYS = ("  - name: dyphylline stopped three days ago still counts\n    chart:\n      - ordering: ketamine\n"
              "      - took: dyphylline\n        stopped: 3 days ago\n    expect: met warning\n")
ACCEPTED = "accepted_breaks:\n  - break: {}\n    because: a test\n"
MORE = "".join(f"  - break: met_when / drop / has {one}\n    because: x\n" for one in ("liver-severe", "heart-failure"))

# problem, case, file, text of the shipped file, what stands there instead ("": at its end)
CASES = [
    ("break-not-noticed", "expected", R, THREE_DAYS, ""),
    ("unknown-break", "expected", R, "", ACCEPTED.format("met_when / drop / has liver-diseases")),
    ("break-noticed", "expected", R, "", ACCEPTED.format("met_when / drop / has liver-disease")),
    ("too-many-accepted", "expected", R, "", ACCEPTED.format("met_when / drop / has liver-disease") + MORE),
]
# each kind of break, by the name one of it has in the toy rule
KINDS = {
    "an exception": "met_when / drop unless / taking dyphylline of all of liver-disease, xanthines",
    "a clause of a group": "met_when / drop / has liver-disease, began_within 10 days",
    "a group of a group": "met_when / drop / all of liver-disease, xanthines",
    "all": "met_when / all to any / all of liver-disease, xanthines",
    "any": "met_when / any to all / any of [opioids, benzodiazepines], at least 50 mg, liver-disease and 2 more",
    "above": "met_when / above to at least / measured systolic-blood-pressure, is above limit, within 24 hours, if_absent no",
    "at least": "met_when / at least to above / order_dose at least 50 mg, by_more_than 10 %",
    "half a setting": "settings / halve washout", "twice a setting": "settings / double limit",
    "half an amount": "met_when / halve within 24 hours / measured systolic-blood-pressure, is above limit, within 24 hours, if_absent no",
    "twice a count": "met_when / double at_least 2 classes / taking_classes [opioids, benzodiazepines], at_least 2 classes",
    "a narrower term": "met_when / xanthines to the term beside it / taking xanthines, or_stopped_within washout",
    "one of several terms": "met_when / opioids to a narrower term / taking_classes [opioids, benzodiazepines], at_least 2 classes",
    "or_stopped_within": "met_when / without or_stopped_within / taking xanthines, or_stopped_within washout",
    "began_within": "met_when / without began_within / has liver-disease, began_within 10 days",
    "if_absent": "met_when / without if_absent / measured systolic-blood-pressure, is above limit, within 24 hours, if_absent no",
    "by_more_than": "met_when / without by_more_than / order_dose at least 50 mg, by_more_than 10 %",
    "by_route": "applies_when / without by_route / ordering ketamine, by_route intravenous",
    "a level": "critical 1 / drop level", "soft evidence": "critical 1 / drop soft_evidence",
}


def toy(tree: Node | None = None) -> Rule:
    problems: list[Problem] = []
    found = build(tree or source.read(TOY, problems), KNOWN, problems, set())
    assert found is not None and not problems, problems
    return found


def problems(folder: Path) -> list[Problem]:
    quiet = Console(file=io.StringIO())
    found = check([folder], quiet)
    assert found.book is not None and not [one for one in found.problems if one.level == "error"]
    return sorted(one for done in command.broken(found.book, found.outcomes, quiet) for one in command.problems(*done))


def tried(rule: Rule):
    return attempt(rule, [(one.example, one.facts) for one in run((rule,), BOOK, [], use_engine=False)], BOOK, NEAR)


@pytest.mark.parametrize("problem, case, file, old, new", CASES, ids=[f"{one[0]}-{one[1]}" for one in CASES])
def test_a_gap_in_the_examples_is_named_with_its_place_and_fix(broken, problem, case, file, old, new):
    edit(broken, file, old, new)
    shown = problems(broken)
    found = "\n".join(map(str, shown)).replace(f"{broken}{os.sep}", "") + "\n"
    expected = EXPECTED / problem / f"{case}.txt"
    if os.environ.get("CDS_WRITE_EXPECTED"):
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(found, "utf-8")
    assert problem in [one.name for one in shown]
    assert found == expected.read_text("utf-8")


def test_every_problem_of_breaks_has_a_broken_file():
    assert BY_TEST == {problem for problem, *_ in CASES}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_break_is_made_and_breaks_the_rule_in_one_place(kind):
    rule = toy()
    (found,) = [one for one in breaks(rule, NEAR) if one.name == KINDS[kind]]
    was = (rule.applies_when, rule.met_when, *rule.levels)
    now = (found.rule.applies_when, found.rule.met_when, *found.rule.levels)
    assert found.what and found.place.path == TOY and found.place.line > 1
    assert len(was) != len(now) or sum(one != other for one, other in zip(was, now)) == 1


@pytest.mark.parametrize("rule", BOOK.rules, ids=[rule.id for rule in BOOK.rules])
def test_every_break_of_a_shipped_rule_is_noticed_or_accepted_and_few_are_accepted(rule):
    found = tried(rule)
    assert not found.unnoticed and not found.stray and not found.needless
    assert len(found.accepted) <= max(1, found.count // 20)
    assert all(len(entry.because) > 40 for entry in found.accepted)


@given(st.randoms(use_true_random=False), st.integers(2, 6))
@CHECK
def test_names_of_breaks_stay_when_clauses_change_places_and_settings_change(random, days):
    def shuffled(node: Node) -> Node:
        if isinstance(node.value, list):
            items = [shuffled(child) for child in node.items]
            random.shuffle(items)
            return replace(node, value=items)
        return replace(node, value={key: shuffled(child) for key, child in node.mapping.items()}) if node.mapping else node

    plain = source.read(TOY, [])
    met = {key: shuffled(child) if key == "met_when" else child for key, child in plain.mapping.items()}
    again = build(replace(plain, value=met), KNOWN, [], set(), {"washout": replace(toy().settings["washout"].amount, number=days)})
    names = [one.name for one in breaks(toy(), NEAR)]
    other = [one.name.replace("[benzodiazepines, opioids]", "[opioids, benzodiazepines]") for one in breaks(again, NEAR)]
    assert len(set(names)) == len(names) and sorted(other) == sorted(names)


def test_a_break_is_noticed_by_the_first_example_that_only_it_decides():
    rule = toy()
    name = KINDS["or_stopped_within"]
    assert name not in {one.name for one in tried(rule).unnoticed}
    without = replace(rule, examples=tuple(one for one in rule.examples if one.name != "stopped three days ago"))
    assert name in {one.name for one in tried(without).unnoticed}


def test_an_accepted_break_is_neither_noticed_nor_unnoticed_and_always_printed(broken, capsys):
    edit(broken, R, THREE_DAYS, "")
    name = "met_when / without or_stopped_within / taking dyphylline, or_stopped_within washout"
    assert cds_test([broken]) == 1
    edit(broken, R, "", ACCEPTED.format(name))
    capsys.readouterr()
    assert cds_test([broken]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"accepted in theophylline: a test {name}" in said and "1 accepted, 0 unnoticed" in said


@pytest.mark.parametrize("rule", [toy(), *(one for one in BOOK.rules if one.id == "theophylline")], ids=lambda rule: rule.id)
def test_a_proposed_example_passes_on_the_rule_and_fails_on_the_broken_rule_in_a_full_evaluation(rule):
    bare = replace(rule, examples=rule.examples[:1])
    found = tried(bare)
    proposed = suggestions(found, BOOK, NEAR)
    assert len(proposed) > 0.9 * len(found.unnoticed) > 15
    for one in found.unnoticed:
        if one.name in proposed and not proposed[one.name].settings:
            example = as_example(bare, proposed[one.name])
            assert [each.passed for each in run((replace(bare, examples=(example,)),), BOOK, [])] == [True], one.name
            assert [each.passed for each in run((replace(one.rule, examples=(example,)),), BOOK, [])] == [False], one.name


def as_example(rule: Rule, proposed):
    place = rule.node.place
    lines = tuple(Node({word: Node(value, place) for word, value in line}, place) for line in proposed.lines)
    hook = next((value for line in proposed.lines for word, value in line if word == "at"), "order-sign")
    return replace(rule.examples[0], chart=lines, hook=hook, answer=proposed.answer, show=proposed.show or None, card=proposed.card)


@pytest.mark.parametrize("rule", BOOK.rules, ids=[rule.id for rule in BOOK.rules])
def test_broken_rules_are_judged_on_the_bench_as_a_full_evaluation_judges_them(rule):
    every = breaks(rule, NEAR)[::9]
    bench = Bench([one.rule for one in every], BOOK.terms)
    for done in list(run((rule,), BOOK, [], use_engine=False))[::4]:
        answers = bench.answers(done.facts)
        full = evaluate(plan([one.rule for one in every]), done.facts, None, BOOK.terms)
        if answers is None:
            assert not full
            continue
        for asked, verdict in zip(bench.asked, full[0].verdicts):
            stand = asked.standing(answers)
            assert (stand.answer, stand.show, asked.level(stand)) == (verdict.answer, verdict.show, verdict.level)
