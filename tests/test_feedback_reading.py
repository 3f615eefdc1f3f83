"""What a feedback body may say, what is refused and how: read without a server."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.hooks.feedback import MAX_COMMENT, MOST_ENTRIES, Feedback, Reason, feedback
from cds.hooks.request import RequestRefused, parse

NOW = datetime(2026, 6, 30, 10, tzinfo=timezone.utc)
CARD = "1f0c9f0e-3a1c-4c5e-9a55-0a1b2c3d4e5f"
OVERRIDDEN = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-06-30T09:00:00Z"}
ACCEPTED = {**OVERRIDDEN, "outcome": "accepted", "acceptedSuggestions": [{"id": "s-1"}]}
EPIC = "com.epic.cdshooks.feedback.overrideReason."


def read(*entries: Any) -> tuple[Feedback, ...]:
    return feedback(parse(json.dumps({"feedback": entries}).encode()), "ketamine-order-sign", NOW)


def one(**more: Any) -> Feedback:
    return read({key: value for key, value in (OVERRIDDEN | more).items() if value is not ...})[0]


def test_an_accepted_and_an_overridden_card_are_read_as_cds_hooks_writes_them():
    reason = {"reason": {"code": "c", "system": "s", "display": "d"}, "userComment": "because"}
    accepted, overridden = read(ACCEPTED, {**OVERRIDDEN, "overrideReason": reason})
    assert accepted == Feedback("ketamine-order-sign", CARD, "accepted", NOW - timedelta(hours=1), ("s-1",))
    assert (overridden.reasons, overridden.comment) == ((Reason("c", "s", "d"),), "because")


@pytest.mark.parametrize(("told", "reasons", "comment"), [
    ({"reason": {"code": "contraindicated", "display": "bad", "system": "http: //x"}, "userComment": "words"}, (Reason("contraindicated", "http: //x", "bad"),), "words"),
    ({"extension": {EPIC + "reasonCategory": "45", EPIC + "reasonDisplay": "no", EPIC + "reasonTitle": "title"}, "userComment": "w"},
     (Reason(display="no", category="45", title="title"),), "w"),
    ([{"reason": {"code": "a"}}, {"reason": {"code": "b"}, "userComment": "w"}], (Reason("a"), Reason("b")), "w"),
    ({}, (), None), ([], (), None), (None, (), None), ({"userComment": " "}, (), None), ({"reason": {}}, (), None)])
def test_epics_form_with_its_plural_key_is_read_like_that_of_cds_hooks(told: Any, reasons: tuple, comment: str | None):
    for key in ("overrideReasons", "overrideReason"):
        found = one(**{key: told})
        assert (found.reasons, found.comment) == (reasons, comment)


def test_the_same_reason_under_both_keys_counts_once():
    told = {"reason": {"code": "a"}, "userComment": "w"}
    assert one(overrideReason=told, overrideReasons=told) == one(overrideReason=told)


@pytest.mark.parametrize("card", [CARD.upper(), f"urn:uuid:{CARD}", f"urn:uuid:{CARD.upper()}", f" {CARD}"])
def test_a_uuid_is_recognised_in_capitals_and_as_a_urn(card: str):
    assert one(card=card).card == CARD and one(card=card).key() == one().key()


@pytest.mark.parametrize(("text", "at"), [
    ("2026-06-30T09:00:00.123Z", NOW - timedelta(hours=1) + timedelta(milliseconds=123)), ("2026-06-30T11:00:00+02:00", NOW - timedelta(hours=1)),
    ("2026-06-30T09:00:00", NOW - timedelta(hours=1)), ("2026-07-01T09:59:59Z", NOW + timedelta(hours=23, minutes=59, seconds=59))])
def test_the_instant_is_kept_in_utc_and_a_clock_may_be_a_day_ahead(text: str, at: datetime):
    assert one(outcomeTimestamp=text).at == at


NULL, LONG = "a\x00b", "x" * 2000
REFUSED = [
    ({"card": ...}, ".card", "missing or empty"), ({"card": None}, ".card", "missing"), ({"card": " "}, ".card", "missing"), ({"card": 7}, ".card", "JSON number"),
    ({"card": LONG}, ".card", "2000 characters"), ({"card": NULL}, ".card", "control character"), ({"card": ["a"]}, ".card", "JSON array"),
    ({"outcome": ...}, ".outcome", "accepted or overridden"), ({"outcome": "ignored"}, ".outcome", "`ignored` is not an outcome"), ({"outcome": True}, ".outcome", "JSON boolean"),
    ({"outcomeTimestamp": ...}, ".outcomeTimestamp", "missing"), ({"outcomeTimestamp": "2026-06-30"}, ".outcomeTimestamp", "not an instant"),
    ({"outcomeTimestamp": "yesterday"}, ".outcomeTimestamp", "not an instant"), ({"outcomeTimestamp": 1782810000}, ".outcomeTimestamp", "JSON number"),
    ({"outcomeTimestamp": "2026-07-01T10:00:01Z"}, ".outcomeTimestamp", "in the future"), ({"outcomeTimestamp": "2199-01-01T00:00:00Z"}, ".outcomeTimestamp", "in the future"),
    ({"outcomeTimestamp": "9999-12-31T23:59:59-14:00"}, ".outcomeTimestamp", "not an instant"), ({"outcomeTimestamp": "2026-13-01T00:00:00Z"}, ".outcomeTimestamp", "not an instant"),
    ({"outcome": "accepted"}, ".acceptedSuggestions", "needs the id"), ({"outcome": "accepted", "acceptedSuggestions": []}, ".acceptedSuggestions", "needs the id"),
    ({"acceptedSuggestions": "s"}, ".acceptedSuggestions", "JSON string"), ({"acceptedSuggestions": {"id": "s"}}, ".acceptedSuggestions", "JSON object"),
    ({"acceptedSuggestions": False}, ".acceptedSuggestions", "JSON boolean"), ({"acceptedSuggestions": ["s"]}, ".acceptedSuggestions[0]", "JSON string"),
    ({"acceptedSuggestions": [{"id": "s"}, {}]}, ".acceptedSuggestions[1].id", "missing"), ({"acceptedSuggestions": [{"id": NULL}]}, ".acceptedSuggestions[0].id", "control"),
    ({"overrideReason": "words"}, ".overrideReason", "JSON string"), ({"overrideReasons": [{}, 7]}, ".overrideReasons[1]", "JSON number"),
    ({"overrideReason": {"userComment": 7}}, ".overrideReason.userComment", "JSON number"), ({"overrideReason": {"userComment": NULL}}, ".overrideReason.userComment", "null character"),
    ({"overrideReason": {"reason": "words"}}, ".overrideReason.reason", "JSON string"), ({"overrideReason": {"reason": {"code": 7}}}, ".overrideReason.reason.code", "JSON number"),
    ({"overrideReasons": {"reason": {"display": LONG}}}, ".overrideReasons.reason.display", "2000 characters"),
    ({"overrideReasons": {"extension": []}}, ".overrideReasons.extension", "JSON array"),
    ({"overrideReasons": {"extension": {EPIC + "reasonTitle": 7}}}, f".overrideReasons.extension.{EPIC}reasonTitle", "JSON number")]


@pytest.mark.parametrize(("more", "where", "what"), REFUSED)
def test_an_entry_that_cannot_be_used_refuses_the_whole_body_and_is_named(more: dict, where: str, what: str):
    wrong = {key: value for key, value in (OVERRIDDEN | more).items() if value is not ...}
    with pytest.raises(RequestRefused) as refused:
        read(OVERRIDDEN, wrong, OVERRIDDEN)
    assert refused.value.where == f"$.feedback[1]{where}" and what in refused.value.what and refused.value.status == 400


@pytest.mark.parametrize(("document", "where", "status"), [
    ({}, "$.feedback", 400), ({"feedback": None}, "$.feedback", 400), ({"feedback": OVERRIDDEN}, "$.feedback", 400), ({"feedback": ["x"]}, "$.feedback[0]", 400),
    ({"feedback": [OVERRIDDEN] * (MOST_ENTRIES + 1)}, "$.feedback", 413), (OVERRIDDEN, "$.feedback", 400)])
def test_a_body_of_another_form_is_refused(document: Any, where: str, status: int):
    with pytest.raises(RequestRefused) as refused:
        feedback(document, "s", NOW)
    assert (refused.value.where, refused.value.status) == (where, status)


def test_an_empty_batch_is_nothing_to_store():
    assert read() == ()


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), max_size=3 * MAX_COMMENT))
def test_any_comment_is_kept_to_a_limit_and_says_what_was_cut(text: str):
    kept = one(overrideReason={"userComment": text}).comment
    if len(text) <= MAX_COMMENT:
        assert kept == (text if text.strip() else None)
    elif text.strip():
        assert kept == f"{text[:MAX_COMMENT]} … [cut; {len(text)} characters were sent]"


VALUES = {"card": ["a", "b"], "outcomeTimestamp": ["2026-06-30T09:00:00Z", "2026-06-30T09:00:00.001Z"], "overrideReason": [None, {"userComment": "w"}, {"reason": {"code": "w"}}],
          "acceptedSuggestions": [[], [{"id": "x"}], [{"id": "x"}, {"id": "y"}]]}
ENTRIES = st.fixed_dictionaries({key: st.sampled_from(values) for key, values in VALUES.items()})


@given(ENTRIES, ENTRIES)
def test_two_entries_have_the_same_key_exactly_when_they_say_the_same(first: dict, second: dict):
    assert (one(**first).key() == one(**second).key()) == (first == second)


def test_the_order_of_suggestions_makes_no_other_feedback():
    assert one(acceptedSuggestions=[{"id": "x"}, {"id": "y"}]).key() == one(acceptedSuggestions=[{"id": "y"}, {"id": "x"}]).key()
