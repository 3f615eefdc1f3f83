"""Feedback sent to running services with two workers each, one on SQLite and one on a real PostgreSQL: what is stored, counted and refused."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from service import AS_OF, JSON, Document, Service, accepted, asked, order, refused, running, theophylline
from stores import Row, postgres, rows, sqlite

GOOD = asked(statements=(theophylline(),))
AT = "2026-06-30T10:00:05Z"
ORDER_SIGN = "ketamine-order-sign"


class Kept:
    """A running service and the URL of its store."""

    def __init__(self, service: Service, url: str) -> None:
        self.service, self.url = service, url

    def card(self, document: Document = GOOD) -> Document:
        return accepted(self.service.ask(document))[0]

    def send(self, *entries: Any, service: str = ORDER_SIGN, **more: Any) -> requests.Response:
        return self.service.ask({"feedback": list(entries)}, f"{service}/feedback", **more)

    def of(self, card: str) -> list[Row]:
        return [row for row in rows(self.url) if row["card"] == card]

    def counted(self, rule: str, outcome: str) -> float:
        found = re.findall(rf'cds_feedback_total{{answer="[^"]*",outcome="{outcome}",rule="{rule}"}} (\S+)', self.service.get("/metrics").text)
        return sum(map(float, found))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    if request.param == "sqlite":
        url = sqlite(tmp_path_factory.mktemp("store"))
        with running("--as-of", AS_OF, "--workers", "2", env={"CDS_STORE": url}) as service:
            yield Kept(service, url)
        return
    with postgres() as server:
        url = server.database()
        with running("--as-of", AS_OF, "--workers", "2", "--store", url) as service:
            yield Kept(service, url)


def overridden(card: str, **more: Any) -> Document:
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": AT, **more}


def value(found: Any) -> Any:
    """A JSON column as its value; SQLite keeps it as text."""
    return json.loads(found) if isinstance(found, str) else found


def test_every_member_of_feedback_is_stored_with_the_card_it_is_about(kept: Kept) -> None:
    card = kept.card()
    suggestion = card["suggestions"][0]["uuid"]
    reason = {"code": "benefit-outweighs", "system": "urn:reasons", "display": "Benefit outweighs"}
    sent = [{"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": [{"id": suggestion}], "outcomeTimestamp": AT},
            overridden(card["uuid"], overrideReason={"reason": reason, "userComment": "Zoë said: go\nahead <b>"})]
    answer = kept.send(*sent)
    assert (answer.status_code, answer.json()) == (200, {})
    taken, declined = sorted(kept.of(card["uuid"]), key=lambda row: row["outcome"])
    assert (taken["outcome"], value(taken["suggestions"]), value(taken["reasons"]), taken["comment"]) == ("accepted", [suggestion], [], None)
    assert (declined["outcome"], value(declined["reasons"]), declined["comment"]) == ("overridden", [reason], "Zoë said: go\nahead <b>")
    assert all(row["card_known"] and row["service"] == ORDER_SIGN and str(row["outcome_at"]).startswith("2026-06-30 10:00:05") for row in (taken, declined))
    about, = [row for row in rows(kept.url, "cds_card") if row["uuid"] == card["uuid"]]
    assert (about["service"], about["topic"], about["indicator"]) == (ORDER_SIGN, "theophylline", "critical")
    assert value(about["rules"]) == [{"rule": "theophylline", "version": card["extension"]["org.ketamine-cds.findings"][0]["version"], "answer": "met"}]
    assert about["rulebook"] == card["extension"]["org.ketamine-cds.rulebook"]["version"]


def test_epics_form_is_stored(kept: Kept) -> None:
    card, epic = kept.card()["uuid"], "com.epic.cdshooks.feedback.overrideReason."
    told = {"extension": {epic + "reasonCategory": "45", epic + "reasonDisplay": "Does not fit", epic + "reasonTitle": "Title"}, "userComment": "words"}
    assert kept.send(overridden(card, overrideReasons=told)).status_code == 200
    row, = kept.of(card)
    assert (value(row["reasons"]), row["comment"]) == ([{"display": "Does not fit", "category": "45", "title": "Title"}], "words")


def test_nothing_of_the_patient_is_remembered_with_a_card(kept: Kept) -> None:
    marked = asked(orders=[order("Zyxw-1")], statements=(theophylline("Zyxw-2", note=[{"text": "Zyxw"}]),), patient="Zyxw", hookInstance="Zyxw")
    card = kept.card(marked)["uuid"]
    assert kept.send(overridden(card)).status_code == 200
    about, = [row for row in rows(kept.url, "cds_card") if row["uuid"] == card]
    assert "Zyxw" not in repr(about) and about.keys() == {"uuid", "service", "topic", "indicator", "rules", "rulebook", "shown_at"}


def test_the_same_feedback_sent_often_and_at_once_is_one_record_and_counts_once(kept: Kept) -> None:
    entry, before = overridden(kept.card()["uuid"], overrideReason={"userComment": "w"}), kept.counted("theophylline", "overridden")
    assert kept.send(entry, entry).status_code == 200
    with ThreadPoolExecutor(8) as pool:
        assert {one.status_code for one in pool.map(lambda _: kept.send(entry), range(16))} == {200}
    assert len(kept.of(entry["card"])) == 1 and kept.counted("theophylline", "overridden") == before + 1
    assert kept.send({**entry, "outcomeTimestamp": "2026-06-30T10:00:06Z"}).status_code == 200 and len(kept.of(entry["card"])) == 2


def test_a_card_is_known_at_once_whichever_worker_returned_it(kept: Kept) -> None:
    with ThreadPoolExecutor(4) as pool:
        cards = list(pool.map(lambda _: kept.card()["uuid"], range(24)))
        statuses = list(pool.map(lambda card: kept.send(overridden(card)).status_code, cards))
    stored = {row["card"]: row["card_known"] for row in rows(kept.url) if row["card"] in set(cards)}
    assert set(statuses) == {200} and len(stored) == 24 and all(stored.values())


def test_an_unknown_card_is_accepted_and_marked(kept: Kept) -> None:
    before, card = kept.counted("unknown card", "overridden"), str(uuid4())
    assert kept.send(overridden(card), overridden("123456")).json() == {}
    assert [row["card_known"] in (0, False) for row in (*kept.of(card), *kept.of("123456"))] == [True, True]
    assert kept.counted("unknown card", "overridden") == before + 2


def test_a_thousand_entries_are_stored_in_one_call(kept: Kept) -> None:
    cards = [f"many-{number}" for number in range(1000)]
    assert kept.send(*map(overridden, cards)).status_code == 200
    assert {row["card"] for row in rows(kept.url)} >= set(cards)


@pytest.mark.parametrize(("body", "status", "said"), [
    (b'{"feedback":', 400, "$: the body is not valid JSON"), (b"[]", 400, "$: the body is a JSON array"), (b'{"feedback":[{"card":"\\ud800"}]}', 400, "not valid JSON"),
    (b'{"feedback":[],"feedback":[]}', 400, "stands twice"), (b"{}", 400, "$.feedback: the member is missing"), (b'{"feedback":[{"card":"a\\u0000"}]}', 400, "$.feedback[0].card"),
    (b'{"feedback":[{"card":"' + b"x" * 5_000_000 + b'"}]}', 413, "at most 4194304"), (b'{"feedback":{}}', 400, "$.feedback: it is a JSON object")])
def test_a_body_that_cannot_be_used_gets_an_outcome_that_says_what_and_where(kept: Kept, body: bytes, status: int, said: str) -> None:
    assert said in refused(kept.service.ask(body, f"{ORDER_SIGN}/feedback"), status)


@pytest.mark.parametrize("wrong", [{"card": None}, {"outcome": "ignored"}, {"outcomeTimestamp": "2199-01-01T00:00:00Z"}, {"overrideReason": {"userComment": "\x00"}},
                                   {"overrideReason": 7}, {"outcome": "accepted"}])
def test_one_wrong_entry_keeps_the_whole_batch_out(kept: Kept, wrong: Document) -> None:
    right = [overridden(str(uuid4())) for _ in range(3)]
    assert "$.feedback[1]." in refused(kept.send(right[0], right[1] | wrong, right[2]))
    assert not any(kept.of(one["card"]) for one in right)


def test_other_types_paths_and_methods_are_refused(kept: Kept) -> None:
    entry = overridden(str(uuid4()))
    assert "not JSON" in refused(kept.send(entry, headers={"Content-Type": "text/plain"}), 415)
    assert "ketamine-order-sign" in refused(kept.send(entry, service="ketamine-other"), 404)
    assert kept.service.get(f"/cds-services/{ORDER_SIGN}/feedback").status_code == 405 and not kept.of(entry["card"])


def test_a_browser_may_send_feedback_and_no_answer_may_be_stored(kept: Kept) -> None:
    for entries, status in (([overridden(str(uuid4()))], 200), ([{}], 400)):
        answer = kept.send(*entries, headers={**JSON, "Origin": "https://sandbox.cds-hooks.org"})
        assert answer.status_code == status and answer.headers["Access-Control-Allow-Origin"] == "*"
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_comments_and_reasons_reach_neither_the_log_nor_the_metrics(kept: Kept) -> None:
    spy = "Qwrtplk"
    told = {"reason": {"code": spy, "display": spy}, "userComment": spy}
    for entry in (overridden(f"{spy}-1", overrideReason=told), overridden(f"{spy}-2", overrideReason={"userComment": spy + "\x00"}), {"card": spy, "outcome": spy}):
        kept.send(entry)
    assert spy.lower() not in (kept.service.log() + kept.service.get("/metrics").text).lower()


def test_each_rule_on_a_card_is_counted_with_the_outcome(kept: Kept) -> None:
    card = kept.card(asked(orders=[order(mg=250)], statements=(theophylline(),)))
    rules = {one["rule"] for one in card["extension"]["org.ketamine-cds.findings"]}
    before = {rule: kept.counted(rule, "overridden") for rule in rules}
    assert len(rules) > 1 and kept.send(overridden(card["uuid"])).status_code == 200
    assert {rule: kept.counted(rule, "overridden") - before[rule] for rule in rules} == dict.fromkeys(rules, 1)


def test_feedback_and_hooks_under_load_lose_nothing(kept: Kept) -> None:
    stop, cards = threading.Event(), []

    def ordering() -> None:
        while not stop.is_set():
            cards.append(kept.card()["uuid"])

    busy = threading.Thread(target=ordering)
    busy.start()
    try:
        sent = [str(uuid4()) for _ in range(60)]
        with ThreadPoolExecutor(6) as pool:
            assert {one.status_code for one in pool.map(lambda card: kept.send(overridden(card)), sent)} == {200}
    finally:
        stop.set()
        busy.join()
    time.sleep(1)
    assert {row["card"] for row in rows(kept.url)} >= set(sent) and {row["uuid"] for row in rows(kept.url, "cds_card")} >= set(cards)


def test_the_store_is_ready_and_named(kept: Kept) -> None:
    assert kept.service.get("/readyz").json()["store"] == "ready"
    assert re.search(r"^Store: (sqlite|postgresql\+psycopg)://.* \(schema \d{4}\)$", kept.service.log(), re.MULTILINE)


def test_the_file_of_comments_is_for_its_owner_only(kept: Kept) -> None:
    if kept.url.startswith("sqlite"):
        assert Path(kept.url.removeprefix("sqlite:///")).stat().st_mode & 0o077 == 0
