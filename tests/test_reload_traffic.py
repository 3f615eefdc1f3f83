"""Rules change under traffic and at midnight: no request lost or mixed, nothing left behind, and the right day's rules in force."""

from __future__ import annotations

import asyncio
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from service import ROOT

from benchmarks import reloads, servers
from cds import clock
from cds.settings import Settings
from cds.web.app import start
from cds.web.ready import today
from cds.web.reload import Reloader
from cds.web.service import Reload, Serving
from cds.web.status import wrong_with
from cds.web.trying import Handover, tried

RULE = "interactions/theophylline.yaml"
EVE, DAY = date(2026, 11, 30), date(2026, 12, 1)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(old, text)
    path.write_text(re.sub(old, new, text, count=1), encoding="utf-8")


def test_twenty_reloads_under_traffic_lose_and_mix_no_request_and_leave_nothing_behind(rules: Path) -> None:
    with servers.product(rules) as server:
        found = reloads.soak(server, rules, 20, 20)
    assert found.rulebooks == 21 and len(found.responses) > 100
    early, late = found.uses[5], found.uses[20]
    assert late.files <= early.files and late.threads <= early.threads + 1 and late.children == 0
    assert late.resident < early.resident * 1.1


def serving(settings: Settings) -> Serving:
    return Serving(start(settings), settings, Reload("current", clock.now()), lambda cards: None)


async def turned(one: Serving, day: date, wait: float = 60) -> None:
    """Let the reloader run as on a day until that day is served, or the change refused."""
    task = asyncio.create_task(Reloader(one, Handover(None), lambda *_: day).run())
    for _ in range(round(wait / 0.05)):
        if one.edition.day == day or one.reload.state == "refused":
            break
        await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("watch", [True, False])
def test_a_rule_begins_and_ends_at_midnight_without_a_restart_also_without_watching(rules: Path, watch: bool) -> None:
    change(rules / RULE, "from: 2024-01-01", "from: 2026-12-01")
    change(rules / "interactions" / "sedation.yaml", "(effective:\n  from: .*\n)", r"\1  until: 2026-11-30\n")
    settings = Settings(rules=(rules,), as_of=datetime(2026, 11, 30, 22, tzinfo=timezone.utc), watch=watch)
    one = serving(settings)
    ids = {rule.id for rule in one.ready.rulebook.rules}
    asyncio.run(turned(one, DAY))
    assert one.edition.day == DAY and {rule.id for rule in one.ready.rulebook.rules} == ids - {"sedation"} | {"theophylline"}
    assert "theophylline" not in ids and "sedation" in ids


def test_without_watching_a_new_day_never_brings_in_files_that_nobody_asked_for(rules: Path) -> None:
    one = serving(Settings(rules=(rules,), as_of=datetime(2026, 11, 30, 12, tzinfo=timezone.utc), watch=False))
    before = one.ready.rulebook.hash
    change(rules / RULE, "version: .*", "version: 9.0.0")
    asyncio.run(turned(one, DAY))
    assert one.reload.state == "refused" and "--no-watch" in one.reload.problems[0] and one.ready.rulebook.hash == before


def test_a_draft_whose_example_fails_stops_neither_a_change_nor_the_day(rules: Path) -> None:
    change(rules / RULE, "status: active", "status: draft")
    change(rules / RULE, "expect: met critical", "expect: not met")
    one = serving(Settings(rules=(rules,), as_of=datetime(2026, 11, 30, 12, tzinfo=timezone.utc)))
    asyncio.run(turned(one, DAY))
    assert one.edition.day == DAY and one.reload.state == "current"
    change(rules / "interactions" / "sedation.yaml", "version: .*", "version: 9.0.0")
    asyncio.run(Reloader(one, Handover(None), lambda *_: DAY).turn())
    assert one.reload.state == "current" and {rule.id: rule.version for rule in one.ready.rulebook.rules}["sedation"] == "9.0.0"


@pytest.mark.parametrize(("second", "wrong"), [({}, []), ({"reload": {"state": "refused"}}, ["changed rule files are refused; older rules stay in force"]),
                                               ({"rulebook": {"hash": "b"}}, ["workers serve different rulebooks"]), ({"status": "starting"}, ["the service is starting"])])
def test_status_finds_what_is_wrong_with_any_of_several_workers(second: dict, wrong: list[str]) -> None:
    told = {"status": "ready", "engine": "durable-rules", "rulebook": {"hash": "a"}, "reload": {"state": "current"}}
    assert wrong_with({1: told, 2: told | second}) == wrong


def test_the_day_is_that_of_the_site_and_not_of_utc() -> None:
    late = Settings(as_of=datetime(2026, 11, 30, 23, 30, tzinfo=timezone.utc))
    assert today(late, timezone.utc) == EVE and today(replace(late, zone=ZoneInfo("Europe/Zurich")), timezone.utc) == DAY


def test_a_rulebook_that_would_lose_the_inference_engine_is_refused(rules: Path) -> None:
    one = serving(Settings(rules=(rules,), as_of=datetime(2026, 11, 30, 12, tzinfo=timezone.utc)))
    if one.ready.inference is None:
        pytest.skip("there is no engine here")
    one.settings = replace(one.settings, engine=False)
    change(rules / RULE, "version: .*", "version: 9.0.0")
    reloader = Reloader(one, Handover(None), lambda *_: EVE)
    asyncio.run(reloader.turn())
    assert one.reload.state == "refused" and "without the inference engine" in one.reload.problems[0]


def test_a_retired_rulebook_is_closed_only_when_no_request_uses_it(rules: Path) -> None:
    one = serving(Settings(rules=(rules,), as_of=datetime(2026, 11, 30, 12, tzinfo=timezone.utc), engine=False))
    first, second = one.edition, start(one.settings)
    with one.in_use() as ready:
        one.swap(second)
        assert ready is first.ready and one.ready is second.ready and one.released() == []
    assert one.released() == [first] and one.released() == []


def test_workers_try_a_change_once_and_share_what_came_of_it(rules: Path, tmp_path: Path) -> None:
    settings = Settings(rules=(rules,), as_of=datetime(2026, 11, 30, 12, tzinfo=timezone.utc))
    (tmp_path / "handover").mkdir()

    async def both() -> list[bytes]:
        return await asyncio.gather(*(tried(settings, EVE, start(settings).key, Handover(tmp_path / "handover")) for _ in range(2)))
    first, second = asyncio.run(both())
    assert first == second
