"""From verdicts to cards: what is joined, in which order, how much of it, and that chart text stays text."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds import rulebook
from cds.cards.compose import MAX_SUMMARY, Told, compose
from cds.cards.findings import findings
from cds.cards.text import markdown, plain, shortened
from cds.engine.answers import Because, Missing
from cds.engine.decide import MET, NOT_MET, UNDECIDED, Verdict
from cds.engine.evaluate import Evaluation
from cds.facts.model import Order, Unreadable
from cds.rulefile.rule import Level, Message, NotChecked

BOOK = rulebook.load([rulebook.shipped()], date(2026, 6, 30))
SHIPPED = {rule.id: rule for rule in BOOK.rules}
ORDER = Order("MedicationRequest/1", "ketamine", "ketamine 40 mg", {"any-ketamine": "code"})
SECOND = replace(ORDER, ref="MedicationRequest/2", text="ketamine 60 mg")
HERE = Because("MedicationStatement/ms-1", "theophylline, active since 2025-03-01", "code")
UNREAD = Missing("problem list", "sent as null", unreadable=True)
ABSENT = Missing("blood pressure", "none in the last 24 hours")
LATER = Missing("blood pressure", "to be checked on the day", on_the_day=True)
CHECK = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def rule(name="a-rule", replaces=(), if_unknown=NotChecked()):
    base = SHIPPED["theophylline"]
    return replace(base, id=name, title=f"Title of {name}", if_unknown=if_unknown, replaces=replaces)


def met(of, show="warning", because=(HERE,), suggest=(), **more) -> Verdict:
    level = Level(None, Message(show, f"Summary of {of.id}.", "An option.", suggest, ("record-wrong",)), False, of.node)
    return Verdict(of, MET, level, show, because=tuple(because), **more)


def unknown(of, *missing) -> Verdict:
    return Verdict(of, UNDECIDED, missing=missing)


def cards(*verdicts, orders=(ORDER,), hook="order-sign", unreadable=(), per_order=None, full=3) -> list[dict]:
    evaluations = [Evaluation(order, (per_order or {}).get(order.ref, verdicts), (), "", None) for order in orders]
    rules = {one.rule.id: one.rule for evaluation in evaluations for one in evaluation.verdicts}
    book = replace(BOOK, rules=tuple(rules.values()))
    numbers = iter(range(10_000))
    return compose(findings(evaluations, hook), Told(book, orders, unreadable, lambda: f"{next(numbers)}", full=full))


def told(card: dict) -> list[dict]:
    return card["extension"]["org.ketamine-cds.findings"]


def full_findings(card: dict) -> int:
    return card["detail"].count("**Rule:**")


def test_there_is_one_card_per_severity_most_severe_first():
    severities = {"c": "info", "b": "critical", "a": "critical", "d": "warning"}
    shown = cards(*(met(rule(name), severity) for name, severity in severities.items()))
    assert [card["indicator"] for card in shown] == ["critical", "warning", "info"]
    assert [[one["rule"] for one in told(card)] for card in shown] == [["a", "b"], ["d"], ["c"]]


def test_a_rule_that_is_not_met_and_says_nothing_makes_no_card():
    assert cards(Verdict(rule(), NOT_MET)) == []


def test_the_summary_is_the_leading_findings_with_the_number_of_the_others():
    assert cards(met(rule("a")))[0]["summary"] == "Summary of a."
    assert cards(met(rule("b")), met(rule("a")), met(rule("c")))[0]["summary"] == "Summary of a. (+2 more)"


def test_three_findings_are_told_in_full_and_the_rest_in_a_line_each():
    (card,) = cards(*(met(rule(name)) for name in "abcde"))
    assert full_findings(card) == 3 and len(told(card)) == 5
    assert "- **Summary of d.** (rule d 1.0.0)\n\n- **Summary of e.** (rule e 1.0.0)" in card["detail"]
    assert full_findings(cards(*(met(rule(name)) for name in "abcde"), full=1)[0]) == 1


def test_identical_findings_of_several_orders_appear_once_and_name_all_orders():
    (card,) = cards(met(rule()), orders=(ORDER, SECOND))
    assert len(told(card)) == 1 and told(card)[0]["orders"] == [ORDER.ref, SECOND.ref]
    assert "**Order:** ketamine 40 mg; ketamine 60 mg" in card["detail"]


def test_different_findings_of_two_orders_stay_apart_and_name_their_order():
    other = HERE._replace(text="other")
    per_order = {ORDER.ref: (met(rule()),), SECOND.ref: (met(rule(), because=(other,)),)}
    (card,) = cards(orders=(ORDER, SECOND), per_order=per_order)
    assert [one["order"] for one in told(card)] == [ORDER.ref, SECOND.ref]
    assert card["detail"].count("**Order:**") == 2 and "(+1 more)" in card["summary"]


def test_one_order_is_not_named_in_the_text():
    assert "**Order:**" not in cards(met(rule()))[0]["detail"]


@pytest.mark.parametrize("mine, others, left", [
    ("critical", "critical", ["a"]), ("critical", "warning", ["a"]), ("info", "info", ["a"]),
    ("warning", "critical", ["b", "a"]), ("info", "warning", ["b", "a"])])
def test_a_met_rule_replaces_others_that_are_not_more_severe(mine, others, left):
    shown = cards(met(rule("a", ("b",)), mine), met(rule("b"), others))
    assert [one["rule"] for card in shown for one in told(card)] == left


def test_a_met_rule_also_replaces_what_another_could_not_check():
    first = rule("a", ("b",))
    assert len(cards(met(first), unknown(rule("b"), ABSENT))) == 1
    assert len(cards(unknown(first, ABSENT), met(rule("b")))) == 2


@pytest.mark.parametrize("pair", [(("a", "a"),), (("a", "b"), ("b", "a"))])
def test_replacing_in_a_circle_never_silences_a_finding(pair):
    assert cards(*(met(rule(name, (other,))) for name, other in pair))


def test_a_finding_about_one_order_replaces_nothing_about_another():
    per_order = {ORDER.ref: (met(rule("a", ("b",))),), SECOND.ref: (met(rule("b")),)}
    shown = cards(orders=(ORDER, SECOND), per_order=per_order)
    assert {one["rule"] for card in shown for one in told(card)} == {"a", "b"}


def test_what_could_not_be_checked_is_one_card_with_a_line_per_missing_thing():
    (card,) = cards(unknown(rule("a"), UNREAD, ABSENT), unknown(rule("b"), UNREAD))
    lines = [line for line in card["detail"].splitlines() if line.startswith("- ")]
    assert lines == ["- **Problem list**: sent as null. Not checked: Title of a, Title of b.",
                     "- **Blood pressure**: none in the last 24 hours. Not checked: Title of a."]
    assert card["summary"] == "Not fully checked, missing: problem list; blood pressure"
    assert [one["answer"] for one in told(card)] == ["unknown", "unknown"] and "suggestions" not in card


@pytest.mark.parametrize("missing, asked_at, severity", [
    ((UNREAD,), (), "warning"), ((ABSENT,), (), "info"), ((ABSENT,), ("order-sign",), "warning"),
    ((ABSENT,), ("order-select",), "info"), ((LATER,), ("order-sign",), "info"),
    ((LATER, ABSENT), ("order-sign",), "warning")])
def test_what_could_not_be_checked_warns_where_it_was_unreadable_or_the_rule_asks_for_it(missing, asked_at, severity):
    (card,) = cards(unknown(rule(if_unknown=NotChecked(asked_at)), *missing))
    assert card["indicator"] == severity


def test_what_is_due_on_the_day_is_one_line_and_not_called_missing():
    (card,) = cards(unknown(rule("a"), LATER), unknown(rule("b"), LATER, LATER._replace(thing="body weight")))
    assert card["summary"] == "To be checked on the day: blood pressure, body weight"
    assert "- To be checked on the day: blood pressure, body weight." in card["detail"]


def test_the_not_checked_card_stands_last_among_cards_of_its_severity():
    shown = cards(met(rule("a"), "warning"), met(rule("b"), "info"), unknown(rule("c"), UNREAD))
    said = [(card["indicator"], told(card)[0]["answer"]) for card in shown]
    assert said == [("warning", "met"), ("warning", "unknown"), ("info", "met")]


def test_what_was_left_out_is_told_though_no_rule_needed_it():
    (card,) = cards(unreadable=(Unreadable("1 problem has no code and no name", "conditions", "Condition/7"),))
    assert "1 problem has no code and no name (Condition/7)" in card["detail"] and card["indicator"] == "warning"


def test_an_order_that_cannot_be_told_is_told():
    unclear = replace(ORDER, terms={}, unclear="its drug has no code and no name we can read")
    missing = Missing(unclear.what, unclear.unclear, unreadable=True)
    shown = cards(unknown(rule(), missing), orders=(unclear,))
    assert [card["summary"] for card in shown] == ["Ketamine check could not run: the drug of the order cannot be read"]


def test_the_topic_of_one_finding_is_its_rule_and_of_several_a_hash_of_all_of_them():
    assert cards(met(rule("a-long-rule")))[0]["source"]["topic"]["code"] == "alongrule"
    (card,), (same,) = cards(met(rule("b")), met(rule("a"))), cards(met(rule("a")), met(rule("b")))
    expected = "set" + hashlib.sha256(b"a\nb").hexdigest()[:16]
    assert card["source"]["topic"]["code"] == same["source"]["topic"]["code"] == expected
    assert cards(met(rule("a")), met(rule("b")), met(rule("c")))[0]["source"]["topic"]["code"] != expected


def test_a_finding_carries_its_rule_version_records_and_what_was_missing():
    (card,) = cards(met(rule("a"), missing=(ABSENT,)))
    assert told(card) == [{
        "rule": "a", "version": "1.0.0", "answer": "met", "indicator": "warning", "order": ORDER.ref,
        "because": [{"resource": HERE.resource, "text": HERE.text, "matched": "code"}],
        "missing": ["blood pressure: none in the last 24 hours"]}]
    assert card["extension"]["org.ketamine-cds.rulebook"] == {"version": BOOK.book.version, "hash": BOOK.hash}
    for said in ("**Why:**", HERE.text, "**Evidence:** US Ketalar label", "**Not known:** blood pressure"):
        assert said in card["detail"]


def test_a_reason_about_a_list_as_a_whole_stands_in_the_text_and_names_no_record():
    (card,) = cards(met(rule(), because=(Because("", "3 entries, and none says when it was made"),)))
    assert "made\n" in card["detail"] and "()" not in card["detail"] and "because" not in told(card)[0]


def test_a_soft_finding_says_why_it_is_milder_and_a_name_match_is_marked():
    (card,) = cards(met(rule(), because=(HERE._replace(matched="text"),), soft=True, doubts=("x is on hold",)))
    assert "Shown one step milder: x is on hold." in card["detail"] and ", matched by name)" in card["detail"]
    assert told(card)[0]["soft"] is True


def test_a_disputed_rule_shows_its_card_and_says_so():
    (card,) = cards(replace(met(rule(), "critical"), answer=UNDECIDED, disputed=True))
    (one,) = told(card)
    assert (card["indicator"], one["answer"], one["disputed"]) == ("critical", "unknown", True)
    assert "The two rule evaluators disagree" in card["detail"]


def test_a_draft_order_with_an_id_can_be_deleted_once():
    (card,) = cards(met(rule("a"), suggest=("delete-order",)), met(rule("b"), suggest=("delete-order",)))
    (one,) = card["suggestions"]
    assert one["actions"] == [{"type": "delete", "description": one["label"], "resourceId": ORDER.ref}]
    assert card["selectionBehavior"] == "any" and one["uuid"] != card["uuid"]
    assert [reason["code"] for reason in card["overrideReasons"]] == ["cds-not-applicable"]


@pytest.mark.parametrize("order", [replace(ORDER, ref="MedicationRequest/(draft 1)"), replace(ORDER, draft=False)])
def test_an_order_without_an_id_and_treatment_in_the_chart_cannot_be_deleted(order):
    (card,) = cards(met(rule(), suggest=("delete-order",)), orders=(order,))
    assert "suggestions" not in card and "selectionBehavior" not in card


HOSTILE = st.lists(st.sampled_from([
    "<script>", "<img src=x onerror=alert(1)>", "](http://evil.example)", "[x](javascript:alert(1))",
    "![a](//evil.example/b)", "**", "`", "\n# ", "\n- ", "\n\n1. ", "http://evil.example", "www.evil.example",
    "mailto:a@b.example", "&lt;", "&#60;", "\u202e", "\u2028", "\x00", "|a|b|", "~~", "ht\u200btp://evil.example", "jav\tascript:x",
    "\\", "$$", "@", "- ",
]) | st.text(max_size=20), max_size=6).map("".join)
LIVE = re.compile(
    r"[<>@\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069]|//|www\.|\b(javascript|data|mailto):", re.I)
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
PLAIN_KINDS = {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "softbreak", "strong_open",
               "strong_close", "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}


def kinds(text: str) -> set[str]:
    found = PARSER.parse(text)
    return {one.type for one in found} | {one.type for token in found for one in token.children or ()}


def structure(text: str) -> list[str]:
    return [one.type for one in PARSER.parse(text)]


@given(HOSTILE)
@CHECK
def test_any_chart_text_stays_one_line_of_plain_words(text):
    for said in (plain(text, 120), markdown(text, 120)):
        assert said.splitlines() in ([], [said]) and said == said.strip() and not LIVE.search(said)
    assert len(plain(text, 120)) <= 120
    assert kinds(markdown(text, 120)) <= PLAIN_KINDS - {"strong_open", "bullet_list_open"}


def chart_says(said: str) -> list[dict]:
    """The cards of a chart that says something wherever a chart can."""
    record = Because(f"MedicationStatement/{said}", f"drug {said}")
    missing = Missing(f"thing {said}", f"reason {said}", unreadable=True)
    orders = tuple(replace(one, text=f"ketamine {said}", name=f"ketamine {said}") for one in (ORDER, SECOND))
    found = met(rule("a"), because=(record,), soft=True, doubts=(f"doubt {said}",), missing=(missing,),
                suggest=("delete-order",))
    left_out = (Unreadable(f"what {said}", "conditions", f"Condition/{said}"),)
    return cards(found, unknown(rule("b"), missing), orders=orders, unreadable=left_out)


@given(HOSTILE)
@CHECK
def test_no_chart_text_changes_the_shape_of_a_card_or_brings_in_a_link_or_html(text):
    hostile, harmless = chart_says(text), chart_says("word")
    for card, other in zip(hostile, harmless, strict=True):
        assert kinds(card["detail"]) <= PLAIN_KINDS and structure(card["detail"]) == structure(other["detail"])
        assert "<" not in card["detail"] + card["summary"] and "//" not in card["detail"] + card["summary"]
        assert len(card["summary"]) <= MAX_SUMMARY and len(card["summary"].splitlines()) == 1


@given(st.text("ab ,;:.", max_size=400), st.integers(10, 139))
@CHECK
def test_a_summary_is_cut_at_a_word_and_never_grows(text, most):
    said = shortened(text, most)
    assert len(said) <= most and (said == text or said.endswith("…") and text.startswith(said[:-1]))


def test_a_summary_with_many_missing_things_fits_a_card():
    (card,) = cards(unknown(rule(), *(Missing(f"thing number {number} of many", "x") for number in range(20))))
    assert len(card["summary"]) <= MAX_SUMMARY and card["summary"].endswith("…")
    assert card["detail"].count("- **Thing number") == 20
