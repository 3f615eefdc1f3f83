"""Every story of `fhir_fixtures/` is told as its `expected.json` says.

A story is a folder with story.md (for people), request.json (one CDS Hooks request) and expected.json: the instant it
is judged at, the HTTP status, the answer of every rule, and the cards.  Of a card it gives the indicator, the exact
summary, the rules of its findings in order, the orders they name, how many suggestions it has, and words that its gaps
(`missing_contains`) and its text (`detail_contains`) hold or that it must nowhere hold (`detail_lacks`).  `malformed`
marks requests whose resources are not valid R4 on purpose.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds import pipeline, rulebook
from cds.clock import new_identifier
from cds.hooks.request import RequestRefused, parse, request
from cds.pipeline import Ready
from cds.selftest.promises import FINDINGS, RULEBOOK, problems
from cds.settings import instant

HOME = Path(__file__).resolve().parent.parent
FOLDERS = sorted(path for path in (HOME / "fhir_fixtures").iterdir() if path.is_dir())
FILES = {"story.md", "request.json", "expected.json"}
EXACT = ("indicator", "summary", "rules", "orders", "suggestions")
MARKUP = re.compile(r"[<>\u200b-\u200f\u202a-\u202e\u2066-\u2069]|://|javascript:|data:|www\.", re.I)
LINK = re.compile(r"(?<!\\)\](?=\(|\[)|(?<!\\)!\[")


@dataclass(frozen=True)
class Story:
    """One folder of the fixtures."""

    folder: Path

    @cached_property
    def request(self) -> dict[str, Any]:
        return json.loads((self.folder / "request.json").read_text(encoding="utf-8"))

    @cached_property
    def expected(self) -> dict[str, Any]:
        return json.loads((self.folder / "expected.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Told:
    """What the service makes of a request: HTTP status, cards, answers of the rules, events of the rule engine."""

    status: int
    cards: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: tuple[str, ...] = ()


STORIES = [Story(folder) for folder in FOLDERS]
each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.folder.name)


@pytest.fixture(scope="module")
def ready() -> Ready:
    return pipeline.prepare([rulebook.shipped()], datetime(2026, 6, 30, tzinfo=timezone.utc).date())


def tell(document: dict[str, Any], story: Story, ready: Ready) -> Told:
    """Evaluate a request in this process, at the instant of a story."""
    try:
        asked = request(parse(json.dumps(document).encode()))
    except RequestRefused as refused:
        return Told(refused.status)
    now = instant(story.expected["as_of"])
    decision = pipeline.decide(asked, ready, now, timezone.utc, new_identifier)
    return Told(200 if decision.evaluable else 412, decision.cards, decision.answers, decision.events)


def findings(card: dict[str, Any]) -> list[dict[str, Any]]:
    return card["extension"].get(FINDINGS, [])


def orders(card: dict[str, Any]) -> list[str]:
    """The orders a card names, each once."""
    named = [order for one in findings(card) for order in one.get("orders", [one.get("order")]) if order]
    return list(dict.fromkeys(named))


def gist(card: dict[str, Any]) -> dict[str, Any]:
    """A card in the words of expected.json, as far as they are exact."""
    return {"indicator": card["indicator"], "summary": card["summary"], "orders": orders(card),
            "rules": [one["rule"] for one in findings(card)], "suggestions": len(card.get("suggestions", []))}


def words(value: Any) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from words(member)


def said_about_the_chart(card: dict[str, Any]) -> str:
    """All of a card that may hold text from the chart."""
    parts = (card["summary"], card.get("detail", ""), card.get("suggestions", []), findings(card))
    return "\n".join(text for part in parts for text in words(part))


def without_identifiers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_identifiers(member) for key, member in value.items() if key != "uuid"}
    return [without_identifiers(member) for member in value] if isinstance(value, list) else value


def resources(value: Any) -> Iterator[dict[str, Any]]:
    """Every FHIR resource inside a value, also those in Bundles and contained ones."""
    if isinstance(value, dict):
        if "resourceType" in value:
            yield value
        for member in value.values():
            yield from resources(member)
    elif isinstance(value, list):
        for member in value:
            yield from resources(member)


def is_valid_r4(resource: dict[str, Any]) -> bool:
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except (ValueError, KeyError):
        return False
    return True


def with_entries_reversed(document: dict[str, Any]) -> dict[str, Any]:
    turned = copy.deepcopy(document)
    for resource in resources(turned):
        if resource["resourceType"] == "Bundle" and "entry" in resource:
            resource["entry"].reverse()
    return turned


def test_there_are_stories():
    assert len(FOLDERS) >= 16


@each_story
def test_a_story_has_its_three_files_and_no_other(story):
    assert {path.name for path in story.folder.iterdir()} == FILES
    for name in FILES - {"story.md"}:
        text = (story.folder / name).read_text(encoding="utf-8")
        printed = json.dumps(json.loads(text), indent=2) + "\n"
        assert text == printed, f"{name} is not printed in ASCII with an indent of two blanks"
    lines = (story.folder / "story.md").read_text(encoding="utf-8").splitlines()
    assert 8 <= len(lines) <= 20 and lines[0].startswith("# ") and max(map(len, lines)) <= 120


@each_story
def test_a_story_gets_exactly_its_answers_and_cards(story, ready):
    told, wanted_cards = tell(story.request, story, ready), story.expected["cards"]
    assert told.status == story.expected["status"]
    assert {rule: one["answer"] for rule, one in told.answers.items()} == story.expected["answers"]
    assert [card["summary"] for card in told.cards] == [card["summary"] for card in wanted_cards]
    for card, expected in zip(told.cards, wanted_cards):
        assert gist(card) == {key: value for key, value in expected.items() if key in EXACT}
        gaps = [gap for one in findings(card) for gap in one.get("missing", [])]
        for wanted in expected.get("missing_contains", []):
            assert any(wanted in gap for gap in gaps), f"`{wanted}` is not among {gaps}"
        for wanted in expected.get("detail_contains", []):
            assert wanted in card["detail"]
        for unwanted in expected.get("detail_lacks", []):
            assert unwanted not in said_about_the_chart(card)


@each_story
def test_a_response_has_the_form_of_cds_hooks(story, ready):
    assert problems({"cards": tell(story.request, story, ready).cards}) == []


@each_story
def test_all_resources_are_valid_r4_unless_the_story_says_that_they_are_not(story):
    broken = [one for one in resources(story.request) if not is_valid_r4(one)]
    named = [f"{one['resourceType']}/{one.get('id', '')}" for one in broken]
    assert bool(broken) == story.expected.get("malformed", False), named


@each_story
def test_the_order_of_bundle_entries_changes_no_card(story, ready):
    turned = tell(with_entries_reversed(story.request), story, ready)
    straight = tell(story.request, story, ready)
    assert without_identifiers(turned.cards) == without_identifiers(straight.cards)
    assert turned.answers == straight.answers


@each_story
def test_the_same_request_gets_the_same_cards_again(story, ready):
    first, second = (tell(story.request, story, ready) for _ in range(2))
    assert without_identifiers(first.cards) == without_identifiers(second.cards)
    assert first.answers == second.answers


@each_story
def test_a_rule_counts_as_shown_exactly_where_a_card_names_it(story, ready):
    told = tell(story.request, story, ready)
    named = {one["rule"] for card in told.cards for one in findings(card)}
    assert {rule for rule, one in told.answers.items() if one["shown"]} == named


@each_story
def test_every_offer_removes_a_draft_order_of_the_request(story, ready):
    sent = resources(story.request.get("context", {}).get("draftOrders"))
    drafts = {f"{one['resourceType']}/{one['id']}" for one in sent if "id" in one}
    for card in tell(story.request, story, ready).cards:
        for suggestion in card.get("suggestions", []):
            assert suggestion["actions"][0]["resourceId"] in drafts


@each_story
def test_no_text_of_the_chart_becomes_markup_or_a_link(story, ready):
    for card in tell(story.request, story, ready).cards:
        assert MARKUP.search(said_about_the_chart(card)) is None
        assert LINK.search(card["detail"]) is None


@each_story
def test_both_rule_evaluators_agree_on_a_story(story, ready):
    assert tell(story.request, story, ready).events == ()


def test_where_http_answers_412_the_command_line_prints_a_card():
    silent = [story for story in STORIES if story.expected["status"] == 412]
    assert silent
    for story in silent:
        arguments = ["evaluate", str(story.folder / "request.json"), "--as-of", story.expected["as_of"]]
        command = [sys.executable, "-m", "cds", *arguments]
        printed = subprocess.run(command, cwd=HOME, capture_output=True, timeout=60, check=True).stdout
        cards = json.loads(printed)["cards"]
        assert [card["summary"] for card in cards] == [one["summary"] for one in story.expected["cards"]] != []


def a_card() -> dict[str, Any]:
    """A card in right form, with one of everything."""
    action = {"type": "delete", "description": "Remove it", "resourceId": "MedicationRequest/1"}
    finding = {"rule": "theophylline", "version": "1.0.0", "answer": "met", "indicator": "critical",
               "because": [{"resource": "MedicationStatement/1", "text": "theophylline", "matched": "code"}]}
    return {"uuid": new_identifier(), "summary": "x" * 139, "indicator": "critical", "detail": "text",
            "source": {"label": "label", "url": "https://example.org", "topic": {"system": "s", "code": "topic1"}},
            "suggestions": [{"label": "Remove it", "uuid": new_identifier(), "actions": [action]}],
            "selectionBehavior": "any", "overrideReasons": [{"code": "c", "system": "s", "display": "d"}],
            "extension": {FINDINGS: [finding], RULEBOOK: {"version": "1", "hash": "sha256:" + "0" * 64}}}


DEFECTS = [
    ("summary", "x" * 140), ("summary", ""), ("indicator", "hard-stop"), ("uuid", "1"), ("detail", None),
    ("selectionBehavior", "all"), ("source", {"topic": {"system": "s", "code": "topic1"}}),
    ("source", {"label": "label", "topic": {"system": "s", "code": "a-b"}}), ("suggestions", []),
    ("suggestions", [{"label": "Remove it", "uuid": new_identifier(), "actions": []}]),
    ("overrideReasons", [{"code": "c", "display": "d"}]), ("extension", {FINDINGS: []}), ("colour", "red"),
]
PROMISED = ["uuid", "summary", "indicator", "source", "selectionBehavior", "suggestions", "extension"]


def test_the_check_of_the_form_accepts_a_card_in_right_form():
    assert problems({"cards": [a_card()]}) == []


@pytest.mark.parametrize(("key", "value"), DEFECTS, ids=lambda part: str(part)[:24])
def test_the_check_of_the_form_refuses_a_card_with_one_defect(key, value):
    assert problems({"cards": [a_card() | {key: value}]})


@pytest.mark.parametrize("key", PROMISED)
def test_the_check_of_the_form_refuses_a_card_without_a_promised_member(key):
    card = a_card()
    del card[key]
    assert problems({"cards": [card]})
