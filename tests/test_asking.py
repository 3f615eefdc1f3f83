"""Clauses that are not asked because they cannot matter: every verdict is, to the last record, what asking all of them gives."""

from __future__ import annotations

import random
from datetime import date
from types import SimpleNamespace

import pytest

from cds import rulebook
from cds.engine import clauses
from cds.engine.answers import Answer, Because, Missing
from cds.engine.asking import Answers
from cds.engine.decide import verdict
from cds.engine.evaluate import evaluate
from cds.engine.outline import judge
from cds.engine.plan import Plan, plan
from cds.examples.run import run
from cds.rulefile.breaks import breaks
from cds.rulefile.language import HOOKS
from cds.terms.neighbours import neighbours

BOOK = rulebook.load([rulebook.shipped()], date(2026, 6, 30))
NEAR = neighbours(BOOK.terms, BOOK.recogniser)


def answered(value: int, number: int) -> Answer:
    """An answer by which its clause is known wherever it is told."""
    return Answer(value, (Because(f"record {number}", "found"),) if value >= 2 else (), (Missing(f"thing {number}", "gone"),) if value == 1 else (),
                  (f"doubt {number}",) if value == 2 else ())


def prepared(made: Plan, found: list[Answer], hook: str) -> Answers:
    """The answers of one order as a request leaves them, of which any can be asked for."""
    answers = Answers.__new__(Answers)
    answers._found = found
    answers._shared = SimpleNamespace(plan=made, facts=SimpleNamespace(hook=hook), held=[
        number for by_term in made.of_list.values() for members in by_term.values() for number in members if found[number].value])
    return answers


def verdicts(made: Plan, values: list[int], found: list[Answer], hook: str):
    return [verdict(ready.rule, judge(ready, made, values).outline, made.clauses, found) for ready in made.rules if hook in ready.rule.hooks]


def agree_on_random_answers(made: Plan, cases: int, seed: str) -> int:
    """Whether asking sparingly and asking everything give the same verdicts; how many clauses were spared."""
    chance, spared = random.Random(seed), 0
    for _ in range(cases):
        share, hook = chance.choice((0.03, 0.1, 0.3, 0.7)), chance.choice(HOOKS)
        values = [chance.choice((1, 2, 3, 3)) if chance.random() < share else 0 for _ in made.clauses]
        for number in made.at_hand:
            values[number] = chance.choice((0, 0, 1, 3, 3))
        found = [answered(value, number) for number, value in enumerate(values)]
        asked = prepared(made, found, hook).that_matter()
        assert all(one in (0, value) for one, value in zip(asked, values))
        assert verdicts(made, asked, found, hook) == verdicts(made, values, found, hook)
        spared += sum(one != value for one, value in zip(asked, values))
    return spared


def test_asking_only_what_matters_leaves_every_verdict_of_the_rulebook_as_it_is():
    assert agree_on_random_answers(plan(BOOK.rules), 2000, "rulebook") > 2000


@pytest.mark.parametrize("rule", BOOK.rules, ids=[rule.id for rule in BOOK.rules])
def test_so_it_does_for_rules_of_any_other_shape(rule):
    every = [one.rule for one in breaks(rule, NEAR)]
    for part in range(0, len(every), 40):
        agree_on_random_answers(plan(every[part:part + 40][::2]), 25, rule.id)


def test_an_order_signed_for_ketamine_asks_nothing_about_the_dose_of_nasal_esketamine(monkeypatch):
    made, of_order, asked = plan(BOOK.rules), clauses.of_order, []
    monkeypatch.setattr(clauses, "of_order", lambda clause, *rest: (asked.append(clause), of_order(clause, *rest))[1])
    done = next(one for rule in BOOK.rules for one in run((rule,), BOOK, [], use_engine=False) if "ketamine" in one.facts.orders[0].terms)
    asked.clear()
    found = evaluate(made, done.facts, None, BOOK.terms)[0]
    doses = [clause for clause in made.clauses if clause.verb == "order_dose"]
    assert 0 < len([clause for clause in asked if clause.verb == "order_dose"]) < len(doses)
    assert len(found.answers) == len(made.clauses) and all(one.value in range(4) for one in found.answers)
    assert {clause for clause in asked if clause.verb == "order_dose"} == set(doses)
