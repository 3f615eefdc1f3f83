"""`finding: RULE` answers as the criteria of that rule do, and names every way in which it cannot."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from linter_cases import R
from small_rulebook import broken, edit, errors, problems, shipped  # noqa: F401 (fixtures)
from test_linter import EXPECTED, cds

from cds import rulebook
from cds.engine.plan import plan
from cds.examples.run import run
from cds.quantities import quantity
from cds.rulefile.breaks import breaks
from cds.rulefile.check import Known, build
from cds.rulefile.findings import MAX_CLAUSES, findings, tie
from cds.rulefile.problems import RulesRefused
from cds.rulefile.rule import Rule

TODAY = date(2026, 11, 25)
RULE = """rule: {name}
version: 1.0.0
status: {status}
kind: precaution
title: The rule {name}

effective:
  from: 2024-01-01
review: pending

why: A test.

hooks: [{hooks}]
applies_when:
  ordering: any-ketamine

met_when:
{met}

if_met:
  show: critical
  summary: x
if_not_met: nothing
if_unknown: not-checked

evidence:
  - source: fda-ketalar
    at: x
    says: x
    strength: A
    verified: looked-up

examples:
{examples}"""
EXAMPLES = [("met critical", ["ordering: ketamine", "taking: theophylline"]), ("not met", ["ordering: ketamine"]),
            ("met warning", ["ordering: ketamine", "taking: theophylline\n        status: unknown"]),
            ("unknown", ["ordering: ketamine", "unavailable: medications"]), ("does not apply", ["taking: theophylline"])]
FOUR_DAYS = [("met critical", ["ordering: ketamine", "took: theophylline\n        stopped: 4 days ago"])]


def shown(examples: list[tuple[str, list[str]]]) -> str:
    return "".join(f"  - name: example {number}\n    chart:\n" + "".join(f"      - {line}\n" for line in lines) + f"    expect: {expect}\n"
                   for number, (expect, lines) in enumerate(examples))


def add(folder: Path, name: str, met: str, hooks: str = "patient-view, order-select, order-sign", status: str = "active", examples=None) -> None:
    path = folder / "precautions" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    chosen = EXAMPLES if examples is None else examples
    path.write_text(RULE.format(name=name, met=met, hooks=hooks, status=status, examples=shown(chosen)), "utf-8")


def book(folder: Path) -> rulebook.Rulebook:
    return rulebook.load([folder], TODAY, drafts=True)


def rule(folder: Path, name: str) -> Rule:
    return next(one for one in book(folder).rules if one.id == name)


def said(folder: Path) -> list[str]:
    return [f"{one.place.path.stem}: {one.name}: {one.what}" for one in problems(folder) if one.level == "error"]


def test_a_finding_answers_as_the_rule_it_names_in_both_evaluators(broken):
    """Softly met, `keeps severity`, unknown and not applicable included: theophylline keeps severity, so an unknown status stays soft."""
    add(broken, "second", "  finding: theophylline")
    assert said(broken) == []
    outcomes = list(run((rule(broken, "second"),), book(broken), []))
    assert len(outcomes) == 5 and all(one.passed for one in outcomes)
    assert {one.evaluation.engine for one in outcomes if one.evaluation} == {"durable-rules"}


def test_a_finding_is_the_formula_of_what_the_other_rule_asks(broken):
    add(broken, "second", "  finding: theophylline")
    text = (broken / R).read_text("utf-8")
    criteria = text[text.index("met_when:\n") + 10:text.index("\nsoft_evidence")]
    criteria = criteria.replace("slow_washout", "7 days").replace("washout", "3 days")
    add(broken, "third", "  all:\n    - ordering: any-ketamine\n    -\n" + "".join(f"    {line}\n" for line in criteria.rstrip().splitlines()))
    edit(broken, "precautions/third.yaml", "if_met:", "soft_evidence:\n  keeps: severity\n  because: x\nif_met:")
    edit(broken, "precautions/third.yaml", "applies_when:\n  ordering: any-ketamine", "applies_when:\n  at: order-sign")
    edit(broken, "precautions/second.yaml", "applies_when:\n  ordering: any-ketamine", "applies_when:\n  at: order-sign")
    numbered = [plan((replace(rule(broken, name), keeps=False),)).conclusions[0][1] for name in ("second", "third")]
    assert _shape(numbered[0]) == _shape(numbered[1])


def _shape(formula) -> object:
    return (formula.clause > 0, formula.negated) if hasattr(formula, "clause") else (type(formula).__name__, [_shape(one) for one in formula.parts])


def test_where_the_other_rule_does_not_run_it_is_not_met(broken):
    edit(broken, R, "hooks: [patient-view, order-select, order-sign]", "hooks: [order-select, order-sign]")
    edit(broken, R, "      - at: patient-view\n", "")
    add(broken, "second", "  finding: theophylline", examples=[
        ("met critical", ["at: order-select", "ordering: ketamine", "taking: theophylline"]),
        ("not met", ["at: patient-view", "ordering: ketamine", "taking: theophylline"]), *EXAMPLES[3:]])
    assert [one for one in said(broken) if one.startswith("second")] == []


def test_a_finding_can_excuse_and_stand_in_a_level_and_be_read_aloud(broken):
    add(broken, "second", "  taking: xanthines\n  unless:\n    - finding: theophylline\n      because: It is said already.",
        examples=[("not met", ["ordering: ketamine", "taking: theophylline"]), *EXAMPLES[3:]])
    edit(broken, "precautions/second.yaml", "if_met:\n  show: critical\n  summary: x",
         "if_met:\n  - when:\n      finding: theophylline\n    show: critical\n    summary: x\n  - show: info\n    summary: y")
    found = rule(broken, "second")
    assert [one.rule for one in findings(found)] == ["theophylline", "theophylline"]
    done = cds("read", "second", "--rules", str(broken))
    assert done.returncode == 0 and "theophylline" in done.stdout and "is met" in done.stdout
    shown_tree = cds("explain", "second", "1", "--rules", str(broken)).stdout
    assert "theophylline, active" in shown_tree


def test_tying_again_takes_the_settings_a_site_gave_the_other_rule(broken):
    add(broken, "second", "  finding: theophylline", examples=FOUR_DAYS)
    before = book(broken)
    assert [one.answer for one in run((rule(broken, "second"),), before, [])] == ["not met"]
    known = Known({name: term.kind for name, term in before.terms.items()}, frozenset(before.sources), frozenset(before.reasons))
    changed = build(rule(broken, "theophylline").node, known, [], set(), {"washout": quantity("14 days")})
    again = tie([changed, rule(broken, "second")], set(), [])
    assert [one.answer for one in run((again[1],), before, [])] == ["met"]


def test_a_circle_is_named_once_with_every_rule_in_it(broken):
    add(broken, "first", "  finding: second")
    add(broken, "second", "  any:\n    - taking: xanthines\n    - finding: third")
    add(broken, "third", "  taking: xanthines\n  unless:\n    - finding: first\n      because: x")
    add(broken, "outside", "  finding: first")
    (found,) = [one for one in problems(broken) if one.level == "error"]
    assert str(found).replace(f"{broken}/", "") + "\n" == (EXPECTED / "circular-finding" / "whole.txt").read_text("utf-8")


@pytest.mark.parametrize("status, what", [("draft", "a draft"), ("retired", "retired")])
def test_an_active_rule_cannot_rest_on_one_that_does_not_run(broken, status, what):
    add(broken, "first", "  taking: xanthines", status=status, examples=FOUR_DAYS)
    edit(broken, "precautions/first.yaml", "  from: 2024-01-01", "  from: 2024-01-01\n  until: 2024-02-01")
    add(broken, "second", "  finding: first")
    assert [one for one in said(broken) if "second" in one] == [f"second: unknown-rule: `first` is {what}; an active rule cannot rest on it"]


@pytest.mark.parametrize("dates", ["  from: 2090-01-01", "  from: 2024-01-01\n  until: 2026-01-31"])
def test_a_rule_in_force_cannot_rest_on_one_that_is_not_in_force_on_the_day(broken, dates):
    add(broken, "first", "  taking: xanthines", examples=FOUR_DAYS)
    edit(broken, "precautions/first.yaml", "  from: 2024-01-01", dates)
    add(broken, "second", "  finding: first")
    with pytest.raises(RulesRefused) as refused:
        book(broken)
    (one,) = refused.value.problems
    assert one.name == "unknown-rule" and one.place.path.name == "second.yaml" and one.what.startswith("`first` is not in force on 2026-11-25")
    edit(broken, "precautions/second.yaml", "  from: 2024-01-01", "  from: 2090-01-01")
    assert {one.id for one in book(broken).rules}.isdisjoint({"first", "second"})


def test_a_rule_that_cannot_be_read_is_not_missed_in_the_rules_that_ask_for_it(broken):
    add(broken, "second", "  finding: theophylline")
    edit(broken, R, "status: active", "status: activ")
    assert errors(broken) == ["not-a-choice"]


def test_rules_that_grow_beyond_reason_by_asking_for_each_other_are_named(broken):
    add(broken, "r00", "  taking: xanthines", examples=FOUR_DAYS)
    for number in range(1, 12):
        add(broken, f"r{number:02}", f"  any:\n    - finding: r{number - 1:02}\n    - finding: r{number - 1:02}", examples=FOUR_DAYS)
    assert [one for one in said(broken) if "too-long" in one and f"at most {MAX_CLAUSES} fit" in one]


def test_breaks_touch_a_finding_as_a_whole_and_never_what_the_other_rule_asks(broken):
    add(broken, "second", "  any:\n    - finding: theophylline\n    - has: heart-failure\n      unless:\n        - finding: theophylline\n          because: x")
    named = [one.name for one in breaks(rule(broken, "second"), {})]
    assert "met_when / drop / finding theophylline" in named and any("drop unless / finding theophylline" in one for one in named)
    assert not [one for one in named if "xanthines" in one or "washout" in one]
