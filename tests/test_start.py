"""How `cds serve` starts, refuses to start and stays up, what its options do, and how `cds evaluate` fails.

"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import requests
import yaml
from service import (AS_OF, JSON, ROOT, Service, accepted, asked, cds, environment, free_port, listens, refused, order, running, theophylline)

from cds import rulebook
from cds.engine import durable
from cds.rulefile.problems import RulesRefused

GOOD = asked(statements=(theophylline(),))
TEXT, RULE = json.dumps(GOOD), "interactions/theophylline.yaml"
SANDBOX = "https://sandbox.cds-hooks.org"
HEAD = "POST /cds-services/ketamine-order-sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def broken(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of the rulebook in which the first place that fits reads otherwise."""
    rules = Path(shutil.copytree(ROOT / "rules", folder / "rules"))
    text = (rules / file).read_text()
    assert re.search(old, text)
    (rules / file).write_text(re.sub(old, new, text, count=1))
    return rules


# ---- refusing to start


@pytest.mark.parametrize(("file", "old", "new", "name"), [
    (RULE, "met_when:", "met_wen:", "unknown-key"), (RULE, "expect: met critical", "expect: not met", "example-fails"), ("book.yaml", "scope:", "scope: {", "yaml-syntax")])
def test_a_broken_rulebook_stops_the_start_with_the_place_of_its_slip(tmp_path: Path, file: str, old: str, new: str, name: str) -> None:
    port = free_port()
    ended = cds("serve", "--port", str(port), "--rules", str(broken(tmp_path, file, old, new)))
    assert ended.returncode == 2 and not listens(port) and ended.stdout == b""
    assert re.search(rf"{re.escape(file)}:\d+:\d+: error\[{name}\] .*\n(.*\n)+ +fix: ".encode(), ended.stderr)
    assert b"the rulebook cannot be used" in ended.stderr and b"Traceback" not in ended.stderr


@pytest.mark.parametrize(("file", "old", "new", "name"), [
    (RULE, "summary: .*", 'summary: "' + "x" * 300 + '"', "too-long"), (RULE, "rule: .*", "rule: a_b", "bad-form"), (RULE, "rule: .*", "rule: " + "x" * 101, "too-long"),
    ("evidence.yaml", "label: .*", 'label: ""', "bad-form"), ("evidence.yaml", "link: .*", "link: http://www.fda.gov/", "bad-form"), ("evidence.yaml", "link: .*", "link: javascript:alert(1)", "bad-form"),
    ("override-reasons.yaml", "text: .*", 'text: ""', "bad-form")])
def test_a_rule_file_that_would_make_a_bad_card_is_refused(tmp_path: Path, file: str, old: str, new: str, name: str) -> None:
    with pytest.raises(RulesRefused) as stopped:
        rulebook.load([broken(tmp_path, file, old, new)], date(2026, 6, 30))
    assert re.search(rf"{re.escape(file)}:\d+:\d+: error\[{name}\]", str(stopped.value))


@pytest.mark.parametrize(("options", "said"), [
    (["--rules", "nowhere"], "--rules: `nowhere` is not a folder"), (["--host", "0.0.0.0"], "--host: `0.0.0.0` is not a loopback address"),
    (["--as-of", "2026-06-30T10:00:00"], "is not an instant with an offset"), (["--time-zone", "../../etc/passwd"], "is not a time zone")])
def test_a_setting_that_cannot_be_used_stops_the_start_with_one_clear_line(options: list[str], said: str) -> None:
    port = free_port()
    ended = cds("serve", "--port", str(port), *options)
    assert (ended.returncode, ended.stdout, listens(port)) == (2, b"", False)
    assert ended.stderr.decode().startswith("cds: --") and said in ended.stderr.decode() and ended.stderr.count(b"\n") == 1


def test_a_port_in_use_and_an_open_address_from_the_environment_are_refused_with_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for env, said in (({"CDS_PORT": str(taken.getsockname()[1])}, b"cds: --port: cannot listen on"), ({"CDS_HOST": "0.0.0.0"}, b"cds: --host: `0.0.0.0`")):
            ended = cds("serve", env=env)
            assert (ended.returncode, ended.stdout) == (2, b"") and ended.stderr.startswith(said) and ended.stderr.count(b"\n") == 1


# ---- cds evaluate


@pytest.mark.parametrize(("stdin", "words", "said"), [
    ("", ["nowhere.json"], "`nowhere.json` cannot be read: No such file"), ("", ["."], "`.` cannot be read"), ("", ["-"], "-: $: the body is not valid JSON"),
    ('{"hook":"x"}', ["-"], "-: $.hook: `x` is not a hook"), (TEXT, ["-", "--as-of", "now"], "--as-of: `now` is not an instant"),
    pytest.param(TEXT[:-1] + ',"x":' + '{"a":' * 300 + "1" + "}" * 301, ["-"], "-: $: the body is nested too deeply")])
def test_what_cannot_be_evaluated_gets_one_clear_line_and_nothing_on_the_output(stdin: str, words: list[str], said: str) -> None:
    ended = cds("evaluate", *words, stdin=stdin.encode())
    assert (ended.returncode, ended.stdout) == (2, b"") and ended.stderr.decode().startswith(f"cds: {said}") and ended.stderr.count(b"\n") == 1


def test_evaluate_reads_standard_input_and_prints_json_only(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text(TEXT)
    for words, stdin in ((["-"], TEXT), ([str(tmp_path / "request.json"), "--answers"], "")):
        ended = cds("evaluate", *words, stdin=stdin.encode(), env={"CDS_AS_OF": AS_OF})
        printed = json.loads(ended.stdout)
        assert (ended.returncode, ended.stderr) == (0, b"") and printed.get("response", printed)["cards"][0]["indicator"] == "critical"
    assert printed["answers"]["theophylline"]["answer"] == "met"


# ---- the engine, the environment and the options

FAKES = {"no import": "raise ImportError('not here')", "abort": "import os\ndef create_ruleset(*_): os.abort()", "hang": "import time\ndef create_ruleset(*_): time.sleep(60)",
         "bad import": "raise OSError('libc is too old')"}


def fake(folder: Path, name: str) -> dict[str, str]:
    (folder / "durable_rules_engine.py").write_text(FAKES[name])
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize(("name", "reason"), [
    ("no import", "durable-rules cannot be imported: not here"),
    pytest.param("abort", "the engine crashed"),
    pytest.param("bad import", "libc")])
def test_with_an_engine_that_fails_the_service_starts_on_the_reference_alone_and_says_why(tmp_path: Path, name: str, reason: str) -> None:
    with running("--as-of", AS_OF, env=fake(tmp_path, name)) as service:
        told = service.get("/readyz").json()
        assert told["engine"] == "reference only" and reason in told["engine_note"] and reason in service.log()
        assert accepted(service.ask(GOOD))


def test_the_trial_of_an_engine_that_hangs_ends_in_time(tmp_path: Path) -> None:
    trial = "from cds.engine.canary import canary; from cds.engine.formula import Literal; print(canary([('a', Literal(0))], 0.7))"
    ended = subprocess.run([sys.executable, "-c", trial], cwd=ROOT, env=environment(fake(tmp_path, "hang")), capture_output=True, timeout=9)
    assert ended.stdout == b"the engine did not finish within 0.7 s\n"


def test_every_option_has_an_environment_variable() -> None:
    port, origins = free_port(), f"{SANDBOX} https://b.example"
    told = {"CDS_PORT": str(port), "CDS_AS_OF": AS_OF, "CDS_ENGINE": "off", "CDS_MAX_BODY": "2000", "CDS_CORS_ORIGIN": origins, "CDS_RULES": str(ROOT / "rules"),
            "CDS_TIME_ZONE": "Europe/Zurich", "CDS_STUCK_AFTER": "5", "CDS_HOST": "127.0.0.1"}
    with running(env=told, port=port) as service:
        assert service.get("/readyz").json()["engine_note"] == "switched off" and "Judging as of 2026-06-30T10:00:00" in service.log()
        assert refused(service.ask(TEXT.encode()), 413).endswith("at most 2000 are accepted")
        assert service.get("/livez", headers={"Origin": "https://b.example"}).headers["Access-Control-Allow-Origin"] == "https://b.example"


# ---- two workers, and another service with another instant and two origins


@dataclass(frozen=True)
class Held:
    """Two lines opened before all else: one whose body stops after a byte, one whose headers never end."""

    body: socket.socket
    headers: socket.socket


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running("--as-of", AS_OF, "--workers", "2") as one:
        yield one


@pytest.fixture(scope="module")
def other() -> Iterator[Service]:
    with running("--as-of", "2026-07-30T12:00:00+02:00", "--cors-origin", SANDBOX, "--cors-origin", "https://b.example") as one:
        yield one


@pytest.fixture(scope="module")
def held(service: Service) -> Iterator[Held]:
    with service.connect() as body, service.connect() as headers:
        body.sendall(f"{HEAD}Content-Length: 5000\r\n\r\n{{".encode())
        headers.sendall(b"GET /livez HTTP/1.1\r\nHost")
        yield Held(body, headers)


@pytest.fixture(scope="module", autouse=True)
def _open_first(held: Held) -> None:
    """The held lines wait while the other tests run."""


def test_the_instant_given_at_start_decides_and_not_the_clock(service: Service, other: Service) -> None:
    stopped = asked(statements=(theophylline(status="stopped", effectivePeriod={"start": "2026-03-01", "end": "2026-06-28"}),), observations=[])
    rules = [{finding["rule"] for card in accepted(one.ask(stopped)) for finding in card["extension"]["org.ketamine-cds.findings"]
              if finding["answer"] == "met"} for one in (service, other)]
    assert "theophylline" in rules[0] and "theophylline" not in rules[1]


def test_readyz_names_the_rulebook_that_cards_carry_and_the_engine(service: Service) -> None:
    told = service.get("/readyz").json()
    book = accepted(service.ask(GOOD))[0]["extension"]["org.ketamine-cds.rulebook"]
    assert told["status"] == "ready" and service.get("/livez").json() == {"status": "alive"}
    assert told["engine"] == ("durable-rules" if durable.available() else "reference only")
    assert {key: told["rulebook"][key] for key in book} == book and book["hash"] == rulebook.content_hash([ROOT / "rules"])
    assert book["version"] == yaml.safe_load((ROOT / "rules" / "book.yaml").read_text())["version"]
    assert told["rulebook"]["rules"] == sum("status: active" in path.read_text() for path in (ROOT / "rules").glob("*/*.yaml"))


def counted(service: Service) -> dict[str, float]:
    lines = [line for line in service.get("/metrics").text.splitlines() if line.startswith("cds_requests_total{")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_metrics_add_up_over_both_workers(service: Service) -> None:
    before = counted(service)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda number: service.ask(GOOD if number % 3 else {}).status_code, range(60)))
    grown = {name: value - before.get(name, 0) for name, value in counted(service).items()}
    for status in ("200", "400"):
        assert grown[f'cds_requests_total{{service="ketamine-order-sign",status="{status}"}}'] == statuses.count(int(status))


def test_metrics_and_the_log_hold_nothing_of_the_patient(service: Service) -> None:
    spy = "Zyxwvut"
    marked = asked(orders=[order(f"{spy}-1")], statements=(theophylline(f"{spy}-2", note=[{"text": spy}]),), patient=spy, hookInstance=spy, fhirServer=f"https://{spy}.example",
                   fhirAuthorization={"access_token": spy, "patient": spy})
    service.ask(marked, headers={**JSON, "Authorization": f"Bearer {spy}"})
    service.ask(marked | {"hook": spy})
    service.get(f"/cds-services/{spy}")
    text = service.get("/metrics").text
    assert spy.lower() not in (text + service.log()).lower()
    assert set(re.findall(r'[{,](\w+)="', text)) <= {"service", "status", "rule", "answer", "indicator", "kind", "le"}


def preflight(service: Service, origin: str, method: str = "POST", headers: str = "authorization,content-type") -> requests.Response:
    asking = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return requests.options(f"{service.base}/cds-services/ketamine-order-sign", headers=asking, timeout=9)


def test_a_browser_of_a_configured_origin_may_call_and_no_other(service: Service, other: Service) -> None:
    for one, allowed in ((service, "*"), (other, SANDBOX)):
        answer = preflight(one, SANDBOX)
        names = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
        assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == allowed
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST" and "Access-Control-Allow-Credentials" not in answer.headers
        assert {"authorization", "content-type"} <= names <= {"authorization", "content-type", "accept", "accept-language", "content-language"}
        for real in (one.get("/cds-services", headers={"Origin": SANDBOX}), one.ask(GOOD, headers={**JSON, "Origin": SANDBOX}), one.ask({}, headers={**JSON, "Origin": SANDBOX})):
            assert real.headers["Access-Control-Allow-Origin"] == allowed and "Origin" in real.headers["Vary"]
    for origin in ("https://evil.example", "null", f"{SANDBOX}.evil.example", "http://sandbox.cds-hooks.org", f"{SANDBOX}:444"):
        assert preflight(other, origin).status_code == 400 and "Access-Control-Allow-Origin" not in preflight(other, origin).headers
        assert "Access-Control-Allow-Origin" not in other.get("/cds-services", headers={"Origin": origin}).headers
    assert preflight(other, "https://b.example").status_code == 200
    assert preflight(service, SANDBOX, "DELETE").status_code == preflight(service, SANDBOX, headers="x-odd").status_code == 400


# ---- lines that never end


def raw(service: Service, head: str, body: bytes = b"", wait: float = 2) -> tuple[bytes, bool]:
    """What comes back on a line of its own within a time, and whether the service closed it."""
    with service.connect(wait) as line:
        came = b""
        try:
            line.sendall(f"{HEAD}{head}\r\n\r\n".encode() + body)
            while part := line.recv(65536):
                came += part
        except TimeoutError:
            return came, False
        except ConnectionError:
            pass
        return came, True


@pytest.mark.parametrize("head", [f"Content-Length: {len(TEXT) - 9}", "Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2", f"Content-Length: {10**23}",
                                  "Content-Length: x", "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip, x"])
def test_a_request_whose_length_cannot_be_told_is_refused_and_its_line_closed(service: Service, head: str) -> None:
    came, closed = raw(service, head, TEXT.encode())
    assert closed and came.startswith(b"HTTP/1.1 400") and came.count(b"HTTP/1.1") == 1


@pytest.fixture(scope="module")
def endless(service: Service) -> tuple[bytes, bool]:
    return raw(service, "Transfer-Encoding: chunked", (b"10000\r\n" + b" " * 65536 + b"\r\n") * 100, 0.7)


def test_a_chunked_body_without_end_is_refused_at_the_limit(endless: tuple[bytes, bool]) -> None:
    assert endless[0].startswith(b"HTTP/1.1 413")


def test_the_line_is_closed_after_a_body_that_is_too_large(endless: tuple[bytes, bool]) -> None:
    assert endless[1]


def test_a_client_that_goes_away_is_not_a_failure_of_the_service(other: Service) -> None:
    with other.connect() as line:
        line.sendall(f"{HEAD}Content-Length: 5000\r\n\r\n{{".encode())
        time.sleep(0.1)
    time.sleep(0.3)
    assert "Traceback" not in other.log()


def test_headers_that_never_end_get_408_after_ten_seconds(service: Service, held: Held) -> None:
    assert accepted(service.ask(GOOD)) and held.headers.recv(12) == b"HTTP/1.1 408"


def test_a_body_that_stops_gets_408_after_ten_seconds_while_others_were_served(service: Service, held: Held) -> None:
    assert accepted(service.ask(GOOD)) and held.body.recv(12) == b"HTTP/1.1 408"
