"""Stores that are killed, locked, away, older, newer or not usable at all: what is kept, what is said, and that hooks go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from service import AS_OF, ROOT, Service, accepted, asked, cds, environment, free_port, listens, refused, running, theophylline
from sqlalchemy import text
from stores import Postgres, postgres, rows, run, sqlite

from cds.store import connect, migrate
from cds.store.records import Named, ShownCard, StoreRefused, StoreUnreachable
from cds.store.schema import METADATA, REVISIONS, VERSION_TABLE
from cds.store.writer import MOST_CARDS, Writer

GOOD = asked(statements=(theophylline(),))
FEEDBACK = "ketamine-order-sign/feedback"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as one:
        yield one


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return sqlite(tmp_path) if request.param == "sqlite" else request.getfixturevalue("server").database()


def told(card: str, **more: Any) -> dict[str, Any]:
    return {"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-06-30T10:00:00Z", **more}]}


def shown(uuid: str) -> ShownCard:
    return ShownCard(uuid, "ketamine-order-sign", "theophylline", "critical", (Named("theophylline", "1.0.0", "met"),), "1", datetime.now(timezone.utc))


# ---- nothing acknowledged is lost


def test_everything_acknowledged_survives_a_kill(url: str) -> None:
    acknowledged: list[str] = []
    with running("--as-of", AS_OF, "--workers", "2", "--store", url) as service:
        card = accepted(service.ask(GOOD))[0]["uuid"]
        threads = [threading.Thread(target=send_until_killed, args=(service, card, acknowledged)) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 60:
            time.sleep(0.001)
        kill_all(service.process.pid)
        for thread in threads:
            thread.join()
    assert len(acknowledged) >= 60 and {row["comment"] for row in rows(url)} >= set(acknowledged)
    with running("--as-of", AS_OF, "--store", url) as service:
        assert service.ask(told(card, overrideReason={"userComment": acknowledged[-1]}), FEEDBACK).status_code == 200
    assert len([row for row in rows(url) if row["comment"] == acknowledged[-1]]) == 1


def send_until_killed(service: Service, card: str, acknowledged: list[str]) -> None:
    while True:
        comment = str(uuid4())
        try:
            answer = service.ask(told(card, overrideReason={"userComment": comment}), FEEDBACK)
        except OSError:
            return
        if answer.status_code == 200:
            acknowledged.append(comment)


def kill_all(pid: int) -> None:
    """Kill a service and the workers it started, without warning."""
    children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    for one in (*children, pid):
        os.kill(one, signal.SIGKILL)


def test_every_commit_reaches_the_disk(url: str) -> None:
    made = connect.engine(url)
    with made.begin() as connection:
        if url.startswith("sqlite"):
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2 and connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        else:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on" and connection.execute(text("SHOW fsync")).scalar() == "on"
    made.dispose()


def test_a_database_that_does_not_wait_for_its_disk_is_told_to(server: Postgres) -> None:
    url = server.database()
    run(url, f"ALTER DATABASE {url.split('/')[3].split('?')[0]} SET synchronous_commit = off")
    test_every_commit_reaches_the_disk(url)


def test_cards_handed_over_last_are_written_when_the_service_stops(url: str) -> None:
    with running("--as-of", AS_OF, "--store", url) as service:
        cards = [accepted(service.ask(GOOD))[0]["uuid"] for _ in range(10)]
    assert {row["uuid"] for row in rows(url, "cds_card")} == set(cards)


# ---- a store that does not answer


def goes_on(service: Service, card: str) -> None:
    """Feedback is refused with 503 in time and hooks are answered."""
    started = time.monotonic()
    answer = service.ask(told(card), FEEDBACK)
    assert "send all of it again" in refused(answer, 503) and answer.headers["Retry-After"] and time.monotonic() - started < 12
    for _ in range(5):
        began = time.monotonic()
        assert accepted(service.ask(GOOD)) and time.monotonic() - began < 1


def test_while_postgresql_is_away_hooks_go_on_and_afterwards_everything_is_stored() -> None:
    with postgres() as server:
        url = server.database()
        with running("--as-of", AS_OF, "--store", url) as service:
            assert service.ask(told("before"), FEEDBACK).status_code == 200
            server.stop()
            goes_on(service, "during")
            assert service.get("/readyz").json()["store"] == "unreachable" and "hooks are answered" in service.log()
            card = accepted(service.ask(GOOD))[0]["uuid"]
            server.start()
            until_stored(service, card)
            assert {row["card"]: row["card_known"] for row in rows(url)} == {"before": False, card: True}


def until_stored(service: Service, card: str) -> None:
    until = time.monotonic() + 15
    while service.ask(told(card), FEEDBACK).status_code != 200:
        assert time.monotonic() < until, service.log()
        time.sleep(0.3)


def test_a_service_starts_without_its_server_and_says_so(server: Postgres) -> None:
    with running("--as-of", AS_OF, "--store", f"postgresql://somebody:S3cret@127.0.0.1:{free_port()}/none") as service:
        assert "does not answer" in service.log() and "S3cret" not in service.log()
        goes_on(service, "x")


def test_while_an_sqlite_file_is_locked_feedback_is_refused_and_hooks_go_on(tmp_path: Path) -> None:
    url = sqlite(tmp_path)
    with running("--as-of", AS_OF, "--store", url) as service:
        made = connect.engine(url)
        with made.begin():
            goes_on(service, "during")
        made.dispose()
        until_stored(service, "after")
        assert {row["card"] for row in rows(url)} == {"after"} and service.get("/readyz").json()["store"] == "ready"


def test_after_an_sqlite_file_was_removed_feedback_goes_into_a_new_one_of_that_name(tmp_path: Path) -> None:
    url = sqlite(tmp_path)
    with running("--as-of", AS_OF, "--store", url) as service:
        assert service.ask(told("first"), FEEDBACK).status_code == 200
        for path in tmp_path.glob("*.sqlite3*"):
            path.unlink()
        until_stored(service, "second")
        assert [row["card"] for row in rows(url)] == ["second"]


def test_cards_beyond_the_queue_are_dropped_and_counted_and_nothing_waits(tmp_path: Path) -> None:
    lost: list[int] = []
    writer = Writer(f"sqlite:///{tmp_path}/no/such/folder/a", lost.append)
    writer.start()
    started = time.monotonic()
    for number in range(MOST_CARDS // 10 + 5):
        writer.hand_over([shown(f"{number}-{place}") for place in range(10)])
    assert time.monotonic() - started < 2 and 0 < sum(lost) <= 50
    with pytest.raises(StoreUnreachable, match="cannot be opened"):
        writer.ask(lambda connection: None).result(10)
    writer.stop()


# ---- schemas


def revision(url: str) -> str:
    return rows(url, VERSION_TABLE)[0]["version_num"]


def test_migrations_end_in_the_tables_the_code_uses_and_are_all_known(url: str) -> None:
    assert migrate.prepare(url) is None
    made = connect.engine(url)
    with made.begin() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    made.dispose()
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    assert tuple(one.revision for one in reversed(list(ScriptDirectory.from_config(config).walk_revisions()))) == REVISIONS


def test_an_older_schema_is_brought_up_and_keeps_its_feedback(url: str) -> None:
    made = connect.engine(url)
    migrate.bring_up_to_date(made, REVISIONS[0])
    made.dispose()
    run(url, "INSERT INTO cds_feedback VALUES ('k', 'old', false, 's', 'overridden', '2026-01-01 00:00:00', '[]', '[]', NULL, '2026-01-01 00:00:00')")
    assert migrate.prepare(url) == REVISIONS[0] and migrate.prepare(url) == REVISIONS[-1] == revision(url)
    assert [row["card"] for row in rows(url)] == ["old"] and rows(url, "cds_card") == []


def test_a_service_says_from_which_schema_it_brought_its_store_up(tmp_path: Path) -> None:
    made = connect.engine(url := sqlite(tmp_path))
    migrate.bring_up_to_date(made, REVISIONS[0])
    made.dispose()
    with running("--as-of", AS_OF, "--store", url) as service:
        assert f"(schema {REVISIONS[-1]}, brought up from {REVISIONS[0]})" in service.log()
        assert service.ask(told("new"), FEEDBACK).status_code == 200


def test_a_newer_schema_is_refused_and_stays_as_it_is(url: str) -> None:
    migrate.prepare(url)
    run(url, f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    with pytest.raises(StoreRefused, match="its schema is `0999`.*newer version"):
        migrate.prepare(url)
    assert revision(url) == "0999"
    if url.startswith("sqlite"):
        refuses(url, "its schema is `0999`")


def test_many_processes_set_up_one_store_at_once(url: str) -> None:
    program = "import sys; from cds.store import migrate; print(migrate.prepare(sys.argv[1]))"
    started = [subprocess.Popen([sys.executable, "-c", program, url], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    ended = [(*one.communicate(timeout=60), one.returncode) for one in started]
    assert all((stderr, code) == (b"", 0) for _, stderr, code in ended), ended
    assert sorted(stdout for stdout, _, _ in ended) == [b"0002\n"] * 3 + [b"None\n"] and revision(url) == REVISIONS[-1]


def test_tables_of_somebody_else_are_left_alone(url: str) -> None:
    run(url, "CREATE TABLE cds_feedback (mine integer)")
    with pytest.raises((StoreRefused, StoreUnreachable), match="already exists"):
        migrate.prepare(url)
    assert rows(url) == []


# ---- settings


@pytest.mark.parametrize(("store", "said"), [
    ("feedback.db", "it is not a URL"), ("mysql://root:S3cret@h/d", "`mysql` is not a kind of store"), ("sqlite://", "in memory"), ("sqlite:///:memory:", "in memory"),
    ("sqlite:////no/such/folder/a.sqlite3", "cannot be opened for writing"), (f"sqlite:///{ROOT}", "cannot be opened for writing"), ("", "it is not a URL")])
def test_a_store_that_can_never_be_used_is_refused_without_its_password(store: str, said: str) -> None:
    with pytest.raises(StoreRefused) as refusal:
        migrate.prepare(store)
    assert said in str(refusal.value) and "S3cret" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_file_that_is_no_database_stops_the_start_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear all, " * 500)
    refuses(f"sqlite:///{file}", "file is not a database")
    assert file.read_text() == "Dear all, " * 500


def refuses(store: str, said: str) -> None:
    port = free_port()
    ended = cds("serve", "--port", str(port), "--store", store)
    assert (ended.returncode, ended.stdout, listens(port)) == (2, b"", False)
    assert ended.stderr.startswith(b"cds: --store: ") and said.encode() in ended.stderr and ended.stderr.count(b"\n") == 1 and b"S3cret" not in ended.stderr
