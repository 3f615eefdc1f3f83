"""Attacks through what an EHR sends or answers while fetching is on: where nothing may be sent, what may not be followed, read or shown."""

from __future__ import annotations

import json
import logging
import shutil
import ssl
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from charts import NOW
from fetching import AT_ONCE, SLOW, busy_threads, fetched, lines
from misbehaving import MANNERS, Document, searchset, serving
from service import asked, medicine, of, order, pointing, theophylline

PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01", "gender": "male"}
CHART = [PATIENT, theophylline()]
TOKEN = "spy-token-8c1e"
GRANTED = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read", "subject": "cds"}
PROBLEMS = "Problem list"
OUTGOING: list[tuple[Any, Any]] = []


def _note(event: str, given: tuple) -> None:
    if event in ("socket.connect", "socket.sendto"):
        OUTGOING.append(tuple(given[1][:2]))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        OUTGOING.append((given[0], given[1] if len(given) > 1 else 0))


sys.addaudithook(_note)


@contextmanager
def sent() -> Iterator[list[tuple[Any, Any]]]:
    """Host and port of whatever this process looks up or connects to inside the context."""
    OUTGOING.clear()
    yield OUTGOING


def bare(base: str, **more: Any) -> Document:
    return {**asked(**more), "prefetch": {}, "fhirServer": base, "fhirAuthorization": GRANTED}


# ---- fhirServer leads elsewhere

ELSEWHERE = ("https://localhost/fhir", "https://127.1/fhir", "https://2130706433/fhir", "https://0x7f.1/fhir", "https://0177.0.0.1/fhir", "https://[::ffff:127.0.0.1]/fhir",
             "https://169.254.169.254/latest/meta-data", "https://ehr.example.org.evil.example/fhir", "https://ehr.example.org@evil.example/fhir",
             "https://ehr.example.org:443/fhir", "https://ehr.example.org/fhir/../admin", "https://ehr.example.org/fhir?x=", "https://ehr.example.org/fhir#", "http://ehr.example.org/fhir",
             "HTTPS://ehr.example.org/fhir", "https://ehr.example.org/fhir\n", "https://ehr.example.org\\@evil.example/fhir", "https://evil.example/https://ehr.example.org/fhir",
             "file:///etc/passwd", "gopher://127.0.0.1/x", "//ehr.example.org/fhir", "https://еhr.example.org/fhir", "https://ehr.example.org./fhir", "")


@pytest.mark.parametrize("server", ELSEWHERE)
def test_a_server_that_is_not_exactly_the_registered_one_is_neither_asked_nor_looked_up(server: str) -> None:
    with sent() as outgoing:
        found = fetched(bare(server), ["https://ehr.example.org/fhir"])
        assert outgoing == [] and not found.decision.evaluable
        complete = asked(fhirServer=server, fhirAuthorization=GRANTED, statements=(theophylline(),))
        assert fetched(complete, ["https://ehr.example.org/fhir"]).facts.medications["xanthines"] and outgoing == []


# ---- references and links lead elsewhere

ODD_REFERENCES = ("Patient/../../admin?x=", "Medication/a%2f..", "Medication/..", "Medication/a?b", "Medication/a#b", "Medication/a\\b", "Medication/a\0", "Medication/", "/Medication/m\n",
                  "https://evil.example/fhir/Medication/m-1", "http://127.0.0.1:9/Medication/m-1", "//evil.example/Medication/m-1", "file:///etc/Medication/m-1",
                  "javascript:Medication/m-1", "ftp:Medication/m-1", "Organization/m-1", "m-1", "Medication/" + "x" * 300)


@pytest.mark.parametrize("ref", ODD_REFERENCES)
def test_a_reference_that_leads_elsewhere_is_not_followed_and_its_drug_stays_unknown(ref: str) -> None:
    """A drug of the same id on our own server would be another drug."""
    with serving([*CHART[:1], pointing(ref, theophylline()), medicine("acetaminophen")], every="plain") as ehr, sent() as outgoing:
        found = fetched(bare(ehr.base), [ehr.base])
        assert not [path for path in ehr.paths() if path.startswith("Medication/")] and {*outgoing} == {("127.0.0.1", ehr.server_port)}
        assert "could not be classified" in lines(found.cards)["Medication list"]
        ordered = fetched(bare(ehr.base, orders=[pointing(ref, order())]), [ehr.base])
        assert ordered.cards and not [path for path in ehr.paths() if path.startswith("Medication/")]


def test_a_reference_on_the_registered_base_is_followed_as_a_relative_one() -> None:
    with serving([PATIENT, medicine("theophylline")], every="plain") as ehr:
        for ref in ("Medication/m-1", "Medication/m-1/_history/2", f"{ehr.base}/Medication/m-1", f"{ehr.base}/Medication/m-1/_history/2"):
            ehr.resources.append(pointing(ref, theophylline()))
            assert fetched(bare(ehr.base), [ehr.base]).facts.medications["xanthines"], ref
            ehr.resources.pop()


@pytest.mark.parametrize("answer", [medicine("ketamine", "m-2"), searchset(medicine("ketamine")), {"resourceType": "Basic", "id": "m-1"}, medicine("ketamine", subject=of("p2")) | {"id": 7}])
def test_another_resource_than_the_one_asked_for_names_no_drug(answer: Document) -> None:
    with serving(CHART, Medication=lambda self, *_: self.say(answer)) as ehr:
        found = fetched(bare(ehr.base, orders=[pointing("Medication/m-1", order())]), [ehr.base])
        assert all(not one.terms for one in found.facts.orders) and found.cards


LINKS = ("https://evil.example/fhir/Condition?page=2", "http://127.0.0.1:9/fhir/Condition", "file:///etc/passwd", "//evil.example/x", "{base}@evil.example/x", "{base}.evil.example/x",
         "{base}/../admin", "{base}/%2e%2e/admin", "{base}/x#y", "{root}/admin", "http://user:word@{host}/fhir/Condition?page=2", "http://{host}\\@evil.example/fhir/x", "\x00", "")


@pytest.mark.parametrize("link", LINKS)
def test_a_page_that_lies_elsewhere_is_not_fetched_and_the_list_is_not_whole(link: str) -> None:
    def leading(self: Any, kind: str, identity: str | None, query: dict[str, str]) -> None:
        base = self.server.base
        self.page(self.document(kind, identity, query), link.format(base=base, root=base.removesuffix("/fhir"), host=f"127.0.0.1:{self.server.server_port}"))

    with serving(CHART, Condition=leading) as ehr, sent() as outgoing:
        found = fetched(bare(ehr.base), [ehr.base])
        assert ehr.paths().count("Condition") == 1 and "admin" not in ehr.paths() and {*outgoing} == {("127.0.0.1", ehr.server_port)}
        assert lines(found.cards)[PROBLEMS] in ("the EHR sent a page of another host", "the EHR sent a page outside its registered base")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_no_redirect_is_followed_and_no_token_goes_along(status: int) -> None:
    with serving([]) as other, serving(CHART, every=lambda self, *_: self.say(None, status, Location=f"{other.base}/Condition", Refresh=f"0; {other.base}")) as ehr:
        found = fetched(bare(ehr.base), [ehr.base])
        assert other.asked == [] and lines(found.cards)[PROBLEMS] == f"the EHR answered with a redirect ({status})" and not found.decision.evaluable


def test_a_server_whose_certificate_nobody_vouches_for_is_told_nothing(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not installed")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")]
    subprocess.run(made, check=True, capture_output=True)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    with serving(CHART) as ehr:
        ehr.socket = secure.wrap_socket(ehr.socket, server_side=True)
        base = ehr.base.replace("http:", "https:")
        found = fetched(bare(base), [base])
        assert lines(found.cards)[PROBLEMS] == "no secure connection to the EHR's server could be made" and ehr.asked == []


# ---- answers without end or sense


def endlessly(head: bytes, piece: bytes) -> Callable[..., None]:
    def answer(self: Any, *_: Any) -> None:
        self.close_connection = True
        self.wfile.write(head)
        while not self.server.over.is_set():
            self.wfile.write(piece)
    return answer


def raw(content: bytes) -> Callable[..., None]:
    def answer(self: Any, *_: Any) -> None:
        self.close_connection = True
        self.wfile.write(content)
    return answer


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
TOO_MUCH = "the EHR answered with more than 4 MB"
ENDED = "the EHR's server ended the connection"
ENDLESS = {
    "chunks": (endlessly(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"), TOO_MUCH),
    "body without a length": (endlessly(OK + b"\r\n", b" " * 65536), TOO_MUCH),
    "two gigabytes": (endlessly(OK + b"Content-Length: 2147483648\r\n\r\n", b" " * 65536), TOO_MUCH),
    "a header line": (endlessly(OK + b"X: ", b"x" * 65536), ENDED), "header lines": (endlessly(OK, b"X: y\r\n" * 1000), ENDED),
    "a status line": (endlessly(b"", b"x" * 65536), ENDED),
    "less than promised": (raw(OK + b"Content-Length: 999\r\n\r\n{}"), ENDED), "broken chunks": (raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}"), ENDED),
    "no HTTP": (raw(b"SSH-2.0-x\r\n\r\n"), ENDED), "nothing": (raw(b""), ENDED), "status of text": (raw(b"HTTP/1.1 abc OK\r\n\r\n"), ENDED),
    "status 99": (raw(b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"), ENDED), "length of text": (raw(OK + b"Content-Length: x\r\n\r\n{}"), "sent in a form that is not FHIR"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_answer_without_end_or_sense_is_left_early_and_told(name: str) -> None:
    answer, says = ENDLESS[name]
    with serving(CHART, Condition=answer, Patient="up") as ehr:
        tracemalloc.start()
        started = time.monotonic()
        found = fetched(bare(ehr.base), [ehr.base], AT_ONCE)
        seconds, (_, most) = time.monotonic() - started, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert lines(found.cards)[PROBLEMS] == says and found.facts.medications["xanthines"]
        assert seconds < 15 and most < 32 << 20, (seconds, most)


def test_an_endless_preliminary_answer_is_cut_at_the_deadline() -> None:
    with serving(CHART, every=endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n")) as ehr:
        found = fetched(bare(ehr.base), [ehr.base], SLOW)
        assert lines(found.cards)[PROBLEMS] == f"the EHR did not answer within {SLOW * 8 // 10} ms" and busy_threads() == []
        assert ehr.until_nobody_is_connected() == 0


def test_pages_share_one_limit_of_size() -> None:
    def large(self: Any, kind: str, identity: str | None, query: dict[str, str]) -> None:
        number = int(query.get("page", 0))
        self.page(searchset({"resourceType": kind, "id": f"c-{number}", "code": {"text": "COPD"}, "note": [{"text": "x" * 1_500_000}]}), f"{self.server.base}/{kind}?page={number + 1}")

    with serving(CHART, Condition=large) as ehr:
        found = fetched(bare(ehr.base), [ehr.base])
        assert lines(found.cards)[PROBLEMS] == TOO_MUCH and ehr.paths().count("Condition") == 3
        assert len(found.facts.conditions["copd"]) == 2, "what came before counts"


# ---- secrets


def test_neither_the_token_nor_the_patient_is_logged_however_an_answer_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    manners = [*(one for one in MANNERS if one not in ("slow", "slow drip", "dripping header", "too large")), 401, 403, 500, raw(b""), raw(b"x" * 70_000)]
    for manner in manners:
        with serving(CHART, every=manner) as ehr:
            found = fetched(bare(ehr.base, patient="patient-of-ours"), [ehr.base])
            said = json.dumps(found.cards) + repr(found.chart) + repr(found.facts)
            assert TOKEN not in said and TOKEN not in caplog.text and "patient-of-ours" not in caplog.text, manner
            assert all(TOKEN not in path + str(query) for path, query, _ in ehr.asked)


def test_a_token_echoed_by_a_server_is_shown_nowhere() -> None:
    """A server that answers with what it got: in an error, in a status line, in a resource that no rule reads."""
    echo = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "security", "diagnostics": f"bad token {TOKEN}"}]}
    for manner in (lambda self, *_: self.say(echo, 401), lambda self, *_: self.say(echo), raw(b"HTTP/1.1 401 " + TOKEN.encode() + b"\r\nContent-Length: 0\r\n\r\n")):
        with serving(CHART, every=manner) as ehr:
            assert TOKEN not in json.dumps(fetched(bare(ehr.base), [ehr.base], now=NOW).cards)
