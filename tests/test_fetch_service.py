"""A running service that fetches: its event loop, its limits, its environment, its secrets, and what it leaves running."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from misbehaving import Misbehaving, serving
from service import Service, accepted, asked, cds, refused, running, theophylline

PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01", "gender": "male"}
CHART = [PATIENT, theophylline()]
SECRET = "spy-token-5f2c"
SLOW = "8000"
"""Milliseconds that a slow server is waited for: far longer than the service needs to answer what needs no fetching."""


def bare(ehr: Misbehaving, **more: object) -> dict:
    granted = {"access_token": SECRET, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read", "subject": "cds"}
    return {**asked(**more), "prefetch": {}, "fhirServer": ehr.base, "fhirAuthorization": granted}


@pytest.fixture(scope="module")
def ehr() -> Iterator[Misbehaving]:
    with serving(CHART) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the service, with its store."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def service(ehr: Misbehaving, folder: Path) -> Iterator[Service]:
    """A service in an environment that tries to lead its requests elsewhere."""
    netrc = folder / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    proxies = {name: "http://127.0.0.1:9" for one in ("http_proxy", "https_proxy", "all_proxy") for name in (one, one.upper())}
    hostile = {**proxies, "NO_PROXY": "", "no_proxy": "", "HOME": str(folder), "NETRC": str(netrc), "REQUESTS_CA_BUNDLE": str(folder / "none"),
               "CDS_FHIR_BASE": f"{ehr.base} https://ehr.example.org", "CDS_ALLOW_LOCAL_FHIR": "1", "CDS_DEADLINE": SLOW,
               "CDS_STORE": f"sqlite:///{folder}/store.sqlite3"}
    with running("--as-of", "2026-06-30T10:00:00Z", env=hostile) as service:
        yield service


@pytest.fixture(autouse=True)
def well_behaved(ehr: Misbehaving) -> Iterator[None]:
    ehr.manners.clear()
    yield
    ehr.manners.clear()


def test_what_prefetch_left_out_is_fetched_whatever_the_environment_says(service: Service, ehr: Misbehaving) -> None:
    ehr.manners["every"] = "cookie"
    for _ in range(2):
        cards = accepted(service.ask(bare(ehr)))
        assert any("heophylline" in card["summary"] for card in cards)
    for _, _, headers in ehr.asked:
        assert headers["Authorization"] == f"Bearer {SECRET}" and not {"Cookie", "Proxy-Authorization"} & headers.keys()


def test_where_nothing_can_be_fetched_it_is_412_as_before(service: Service, ehr: Misbehaving) -> None:
    ehr.manners["every"] = 403
    assert "no list of the chart could be read" in refused(service.ask(bare(ehr)), 412)
    ehr.manners["every"] = "up"
    before = len(ehr.asked)
    assert "no list of the chart could be read" in refused(service.ask({**bare(ehr), "fhirServer": ehr.base + "/other"}), 412)
    assert len(ehr.asked) == before


def test_hooks_that_lack_nothing_are_answered_while_others_wait_for_the_ehr(service: Service, ehr: Misbehaving) -> None:
    ehr.manners |= {"every": "slow", "Patient": "up"}  # it is not down, so it is not left alone
    with ThreadPoolExecutor(20) as threads:
        waiting = [threads.submit(service.ask, bare(ehr)) for _ in range(20)]
        while len(ehr.asked) == 0 or ehr.busy < 7:
            time.sleep(0.01)
        for _ in range(20):
            complete = asked(fhirServer=ehr.base)
            complete["prefetch"] |= {"procedures": complete["prefetch"]["conditions"], "adverseevents": complete["prefetch"]["conditions"]}
            assert accepted(service.ask(complete)) == []
        assert not any(one.done() for one in waiting), "the others still wait"
        assert {one.result().status_code for one in waiting} == {412}


def test_too_many_that_wait_are_sent_away_at_once() -> None:
    with serving(CHART, every="slow") as ehr, running("--fhir-base", ehr.base, "--allow-local-fhir", "--deadline", SLOW) as service:
        with ThreadPoolExecutor(90) as threads:
            answers = list(threads.map(lambda _: service.ask(bare(ehr)), range(90)))
    statuses = [one.status_code for one in answers]
    assert set(statuses) == {412, 503} and statuses.count(503) >= 20
    assert all(one.headers["Retry-After"] == "2" for one in answers if one.status_code == 503)


def test_nothing_is_left_running_and_nothing_grows() -> None:
    with serving(CHART, Patient="up") as ehr, running("--fhir-base", ehr.base, "--allow-local-fhir", "--deadline", "1000") as service:
        process = Path("/proc", str(service.process.pid))
        if not process.exists():
            pytest.skip("counts threads and sockets where Linux shows them")

        def after_one_round() -> tuple[int, int, int]:
            for manner in ("slow drip", "dripping header", "slow", "endless paging"):
                ehr.manners["every"] = manner
                with ThreadPoolExecutor(16) as threads:
                    list(threads.map(lambda _: service.ask(bare(ehr), headers={"Content-Type": "application/json", "Connection": "close"}), range(16)))
            time.sleep(0.5)  # what was cut is closed by the other side, too
            sockets = sum("socket" in _target(one) for one in (process / "fd").iterdir())
            return len(list((process / "task").iterdir())), sockets - 2 * ehr.connected, ehr.busy

        first, second = after_one_round(), after_one_round()
        assert second[0] <= first[0], "no thread more than before"
        assert second[1] <= first[1] + 2, "no socket but those of open connections, each held twice"
        assert first[2] == second[2] == 0, "the EHR is asked nothing any more"


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def test_the_token_is_kept_nowhere(service: Service, ehr: Misbehaving, folder: Path) -> None:
    for manner in ("up", 401, "reset once", "a list"):
        ehr.manners["every"] = manner
        answer = service.ask(bare(ehr))
        assert SECRET not in answer.text
    told = service.get("/metrics").text + service.log() + service.get("/readyz").text
    assert SECRET not in told and "p1" not in told.replace("http1", "")
    assert all(SECRET.encode() not in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_operators_see_the_servers_and_how_fetching_goes(service: Service, ehr: Misbehaving) -> None:
    ready = service.get("/readyz").json()
    assert ready["fhir"].keys() == {ehr.base, "https://ehr.example.org"}
    text = service.get("/metrics").text
    assert 'cds_fhir_lists_total{list="conditions",outcome="complete"}' in text and "cds_fhir_fetch_seconds_count" in text
    assert "cds_fhir_unregistered_total" in text and f"fetched from {ehr.base}, within 6400 ms" in service.log()


def test_the_command_line_fetches_only_where_it_is_told_to(ehr: Misbehaving) -> None:
    body = json.dumps(bare(ehr)).encode()
    offline = cds("evaluate", "-", "--as-of", "2026-06-30T10:00:00Z", stdin=body)
    assert b"not sent by the EHR" in offline.stdout and offline.returncode == 0
    before = len(ehr.asked)
    words = ("evaluate", "-", "--as-of", "2026-06-30T10:00:00Z", "--fhir-base", ehr.base + "/", "--allow-local-fhir", "--deadline", "60000")
    fetched = cds(*words, stdin=body)
    assert fetched.returncode == 0 and len(ehr.asked) > before
    assert any("heophylline" in card["summary"] for card in json.loads(fetched.stdout)["cards"]) and SECRET.encode() not in fetched.stdout + fetched.stderr


@pytest.mark.parametrize("words, says", [
    (("--fhir-base", "http://127.0.0.1:1/fhir"), "is not encrypted"), (("--fhir-base", "https://127.0.0.1/fhir"), "loopback or private"),
    (("--fhir-base", "https://user@ehr.example.org"), "is not the base URL"), (("--fhir-base", "http://ehr.example.org", "--allow-local-fhir"), "not encrypted"),
    (("--deadline", "5"), "--deadline")])
def test_a_base_or_deadline_that_cannot_be_used_stops_the_start(words: tuple[str, ...], says: str) -> None:
    for command in (("serve",), ("evaluate", "-")):
        done = cds(*command, *words, stdin=b"{\"hook\": \"order-sign\"}")
        assert done.returncode == 2 and b"Traceback" not in done.stderr
        assert says in done.stderr.decode() or command == ("evaluate", "-"), done.stderr


def test_several_workers_fetch_too(ehr: Misbehaving) -> None:
    with running("--workers", "2", "--fhir-base", ehr.base, "--allow-local-fhir", "--deadline", "30000", "--as-of", "2026-06-30T10:00:00Z") as service:
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(len(accepted(service.ask(bare(ehr)))))) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
        assert len(answers) == 8 and all(answers)
