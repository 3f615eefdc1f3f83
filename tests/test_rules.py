"""Every shipped rule: its examples, cards and evidence, and the amounts and windows it compares with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cds import rulebook
from cds.cards.compose import Told, compose
from cds.cards.findings import findings
from cds.engine import durable
from cds.examples.run import Outcome, run
from cds.intervals import Within, days_before, moment, within
from cds.quantities import exact, holds, quantity
from cds.rulefile.check import MAX_SUMMARY, Known, build
from cds.rulefile.problems import Problem
from cds.rulefile.rule import Message, NotChecked, Rule

BOOK = rulebook.load([rulebook.shipped()], date(2026, 6, 30))
KNOWN = Known({name: term.kind for name, term in BOOK.terms.items()}, frozenset(BOOK.sources), frozenset(BOOK.reasons),
              frozenset(name for name, term in BOOK.terms.items() if term.results))
ORDERS_OR_CLAIMS = re.compile(r"\b(do not|avoid|should|must|safe|safely|recommended|advised|never)\b", re.I)
NOW, ZONE = datetime(2026, 6, 30, 10, tzinfo=timezone.utc), ZoneInfo("Europe/Zurich")
CHECK = settings(max_examples=150, deadline=None, derandomize=True, database=None)
every_rule = pytest.mark.parametrize("rule", BOOK.rules, ids=[rule.id for rule in BOOK.rules])
_outcomes: dict[tuple[str, bool], list[Outcome]] = {}


def outcomes(rule: Rule, use_engine: bool = True) -> list[Outcome]:
    if (rule.id, use_engine) not in _outcomes:
        problems: list[Problem] = []
        _outcomes[rule.id, use_engine] = list(run((rule,), BOOK, problems, use_engine))
        assert not problems
    return _outcomes[rule.id, use_engine]


def messages(rule: Rule) -> Iterator[Message]:
    yield from (level.message for level in rule.levels)
    yield from (one for one in (rule.if_not_met, rule.if_unknown) if isinstance(one, Message))


def cards(outcome: Outcome) -> list[dict]:
    told = Told(BOOK, outcome.facts.orders, (), lambda: "id")
    return compose(findings([outcome.evaluation], outcome.facts.hook), told) if outcome.evaluation else []


def test_the_shipped_rulebook_has_these_rules():
    assert [rule.id for rule in BOOK.rules] == [
        "allergy-or-earlier-reaction", "aneurysm-or-dissection", "blood-pressure", "dose-and-rate", "effect-weakening-drugs",
        "intracranial-bleeding", "medication-list", "pregnancy", "pressor-drugs", "problem-list-empty", "psychosis", "records-contradict",
        "sedation", "theophylline", "weight"]


@every_rule
@pytest.mark.parametrize("use_engine", [False, pytest.param(True, marks=pytest.mark.skipif(
    not durable.available(), reason="durable-rules is not installed"))], ids=["reference", "both"])
def test_every_example_passes_with_either_evaluator(rule, use_engine):
    found = outcomes(rule, use_engine)
    assert len(found) == len(rule.examples)
    assert [one.example.name for one in found if not one.passed] == []
    states = {one.evaluation.engine for one in found if one.evaluation}
    assert states == {"durable-rules" if use_engine else "reference only"}


@every_rule
def test_every_answer_and_every_level_is_shown_by_an_example(rule):
    assert {one.answer for one in outcomes(rule)} == {"met", "not met", "unknown", "does not apply"}
    shown = {id(one.verdict.level) for one in outcomes(rule) if one.verdict}
    assert {id(level) for level in rule.levels} <= shown


@every_rule
def test_an_example_that_expects_a_met_rule_says_which_level(rule):
    assert all(one.show for one in rule.examples if one.answer == "met")


@every_rule
def test_no_two_examples_of_a_rule_have_the_same_name(rule):
    assert len({one.name for one in rule.examples}) == len(rule.examples)


@every_rule
@pytest.mark.parametrize("amount", ["amount", "lowest", "highest"])
def test_summaries_fit_a_card_whatever_a_site_sets(rule, amount):
    amounts = {one.name: getattr(one, amount) for one in rule.settings.values()}
    problems: list[Problem] = []
    set_up = build(rule.node, KNOWN, problems, set(), amounts)
    assert not problems
    for message in messages(set_up):
        assert 0 < len(message.summary) <= MAX_SUMMARY and "{" not in message.summary + message.advice


@every_rule
def test_summaries_describe_and_neither_order_nor_reassure(rule):
    for message in messages(rule):
        assert ORDERS_OR_CLAIMS.search(message.summary) is None, message.summary


@every_rule
def test_unknown_is_always_told(rule):
    assert isinstance(rule.if_unknown, (NotChecked, Message))


@every_rule
def test_every_card_of_a_finding_says_that_clinicians_have_not_signed_it_off(rule):
    assert rule.review_pending
    met = [one for one in outcomes(rule) if one.answer == "met"]
    for outcome in met:
        for card in cards(outcome):
            if any(one["answer"] == "met" for one in card["extension"]["org.ketamine-cds.findings"]):
                assert f"**Rule:** {rule.id} {rule.version}, awaiting clinical sign-off" in card["detail"]
                assert len(card["summary"]) < 140 and card["detail"].endswith("does not replace clinical judgement.")


@every_rule
def test_every_source_of_a_rule_exists_and_was_seen_as_the_rule_says(rule):
    sources = yaml.safe_load((rulebook.shipped() / "evidence.yaml").read_text("utf-8"))
    for cited in rule.evidence:
        assert cited.verified == sources[cited.source]["seen"], f"{cited.source} was not {cited.verified}"
        assert BOOK.sources[cited.source].label and cited.at and cited.says
        assert (cited.strength == "X") == (cited.verified == "project")


@every_rule
def test_the_topic_code_is_letters_and_digits_only(rule):
    assert re.fullmatch(r"[A-Za-z0-9]{1,100}", rule.topic)
    assert len({other.topic for other in BOOK.rules}) == len(BOOK.rules)


@every_rule
def test_a_critical_finding_can_be_acted_on_and_overridden(rule):
    for level in rule.levels:
        assert level.message.override_reasons
        assert level.message.show != "critical" or level.message.suggest == ("delete-order",)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 30, 9)), st.integers(0, 500))
@CHECK
def test_a_window_of_days_is_the_calendar_of_the_site_in_summer_and_in_winter(naive, days):
    then = naive.replace(tzinfo=timezone.utc)
    inside = then.astimezone(ZONE).date() >= NOW.astimezone(ZONE).date() - timedelta(days=days)
    where = within(moment(then.isoformat(), ZONE), quantity(f"{days} days"), NOW, ZONE)
    assert where is (Within.INSIDE if inside else Within.OUTSIDE)


@pytest.mark.parametrize("day, window, first", [
    ("2026-03-31", "1 month", "2026-02-28"), ("2024-02-29", "1 year", "2023-02-28"),
    ("2026-01-15", "3 months", "2025-10-15"), ("2026-06-30", "2 weeks", "2026-06-16")])
def test_months_and_years_end_on_a_day_that_exists(day, window, first):
    assert days_before(date.fromisoformat(day), quantity(window)) == date.fromisoformat(first)


@given(st.decimals(0, 10_000, places=3), st.decimals(0, 10_000, places=3))
@CHECK
def test_amounts_compare_exactly_and_an_amount_never_exceeds_itself(left, right):
    a, b = exact(str(left)), exact(float(right))
    said = [holds(a, how, b) for how in ("above", "at least", "below", "at most")]
    assert said == [left > right, left >= right, left < right, left <= right]
    assert [holds(a, how, a) for how in ("above", "at least", "below", "at most")] == [False, True, False, True]
