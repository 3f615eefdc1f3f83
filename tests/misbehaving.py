"""A FHIR server of ours on loopback that behaves, or misbehaves in one named way; it counts what it is asked and who is connected."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Document = dict[str, Any]
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
TOO_LARGE = b"[" + b"1," * (2_100_000) + b"1]"
LONG = 30.0
"""Seconds for which a stalled answer would go on, far beyond any deadline of a test."""


def searchset(*resources: Document, **more: Any) -> Document:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}


class Misbehaving(ThreadingHTTPServer):
    """Serves resources by type at /fhir; `manners` says how each type (or every type, under *) is answered.

    A manner is a word of `MANNERS`, a number (an HTTP status), or a function that answers.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, resources: list[Document], **manners: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.resources, self.manners = resources, manners
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.connected = self.connections = self.at_once = self.busy = 0
        self.lock, self.over = threading.Lock(), threading.Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/fhir"

    def manner(self, kind: str) -> Any:
        return self.manners.get(kind, self.manners.get("every", "up"))

    def of(self, kind: str, patient: str | None) -> list[Document]:
        found = [one for one in self.resources if one["resourceType"] == kind]
        if patient is None or self.manner(kind) == "drops filters":
            return found
        return [one for one in found if (one.get("subject") or one.get("patient") or {}).get("reference") == f"Patient/{patient}"]

    def paths(self) -> list[str]:
        """What was asked for, in order, without parameters."""
        with self.lock:
            return [path for path, _, _ in self.asked]

    def times(self, kind: str) -> int:
        """How often resources of a type were asked for."""
        return sum(path.partition("/")[0] == kind for path in self.paths())

    def until_nobody_is_connected(self, seconds: float = 20) -> int:
        """How many connections are still open, once there are none or the time is over."""
        until = time.monotonic() + seconds
        while self.connected and time.monotonic() < until:
            time.sleep(0.01)
        return self.connected


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Misbehaving

    def setup(self) -> None:
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.server.lock:
            self.server.connected += 1
            self.server.connections += 1

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            pass
        finally:
            with self.server.lock:
                self.server.connected -= 1

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            pass  # the service has cut us off

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        with self.server.lock:
            self.server.asked.append((parts.path.removeprefix("/fhir/"), query, dict(self.headers)))
            self.server.busy += 1
            self.server.at_once = max(self.server.at_once, self.server.busy)
        try:
            kind, _, identity = parts.path.removeprefix("/fhir/").partition("/")
            manner = self.server.manner(kind)
            answer = MANNERS[manner] if isinstance(manner, str) else (lambda *_: self.say(OUTCOME, manner)) if isinstance(manner, int) else manner
            answer(self, kind, identity or None, query)
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def document(self, kind: str, identity: str | None, query: dict[str, str]) -> Document | None:
        if identity:
            return next((one for one in self.server.of(kind, None) if one["id"] == identity), None)
        found = searchset(*self.server.of(kind, query.get("patient") or query.get("subject", "").removeprefix("Patient/")))
        if query.get("_include", "").startswith(f"{kind}:"):
            found["entry"] += [{"resource": one, "search": {"mode": "include"}} for one in self.server.of("Medication", None)]
        return found

    def say(self, content: Document | bytes | None, status: int = 200, kind: str = "application/fhir+json", **headers: str) -> None:
        body = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def page(self, found: Document, url: str, **more: Any) -> None:
        self.say({**found, "link": [{"relation": "next", "url": url}], **more})


Manner = Callable[[_Handler, str, "str | None", dict[str, str]], None]


def _up(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    found = self.document(kind, identity, query)
    self.say(found if found is not None else OUTCOME, 200 if found is not None else 404)


def _slow(self: _Handler, *_: Any) -> None:
    until = time.monotonic() + LONG
    while time.monotonic() < until and not self.server.over.is_set():
        if select.select([self.request], [], [], 0.01)[0]:  # nothing more is sent to us: the other side has gone
            self.close_connection = True
            return


def _drip(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    body = json.dumps(self.document(kind, identity, query)).encode() + b" " * 100_000
    self.send_response(200)
    self.send_header("Content-Type", "application/fhir+json")
    self.send_header("Content-Length", str(len(body)))
    self.end_headers()
    _drops(self, body)


def _dripping_header(self: _Handler, *_: Any) -> None:
    _drops(self, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000)


def _drops(self: _Handler, content: bytes) -> None:
    until = time.monotonic() + LONG
    for place in range(len(content)):
        if time.monotonic() > until or self.server.over.wait(0.03):
            return
        self.wfile.write(content[place:place + 1])
        self.wfile.flush()


def _paging(self: _Handler, kind: str, identity: str | None, query: dict[str, str], pages: int = 3, foreign: bool = False) -> None:
    """Every third entry on a page; with `foreign` the last page is another patient's.  A single resource is one answer."""
    if identity:
        return _up(self, kind, identity, query)
    number = int(query.get("page", 1))
    every = self.document(kind, identity, query)["entry"]
    found = searchset(*(entry["resource"] for entry in every[number - 1::pages]), total=len(every) + foreign)
    if foreign and number == pages:
        found["entry"].append({"resource": {"resourceType": kind, "id": "x", "subject": {"reference": "Patient/somebody-else"}}})
    if number == pages:
        return self.say(found)
    self.page(found, f"{self.server.base}/{kind}?{urlencode({**query, 'page': number + 1})}")


def _endless(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    if identity:
        return _up(self, kind, identity, query)
    number = int(query.get("page", 1))
    found = searchset({"resourceType": kind, "id": f"endless-{number}", "code": {"text": "hay fever"}, "medicationCodeableConcept": {"text": "acetaminophen"}})
    self.page(found, f"{self.server.base}/{kind}?{urlencode({**query, 'page': number + 1})}")


def _abroad(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    self.page(self.document(kind, identity, query), "http://192.0.2.7/fhir?page=2")


def _circle(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    self.page(self.document(kind, identity, query), f"{self.server.base}/{kind}?again")


def _lies(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    self.say({**self.document(kind, identity, query), "total": 99})


def _by_intent(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    """As one EHR does: orders are only told by intent."""
    self.say(OUTCOME, 403) if kind == "MedicationRequest" and "intent" not in query else _up(self, kind, identity, query)


def _plain(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    """As strict servers do: parameters they do not know are refused."""
    self.say(OUTCOME, 400) if set(query) - {"patient", "code", "subject", "intent"} else _up(self, kind, identity, query)


def _reset_once(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    if self.server.times(kind) > 1:
        return _up(self, kind, identity, query)
    self.close_connection = True
    self.request.shutdown(socket.SHUT_RDWR)


def _busy_once(self: _Handler, kind: str, identity: str | None, query: dict[str, str]) -> None:
    self.say(OUTCOME, 503, Retry_After="0") if self.server.times(kind) == 1 else _up(self, kind, identity, query)


MANNERS: dict[str, Manner] = {
    "up": _up, "slow": _slow, "slow drip": _drip, "dripping header": _dripping_header, "drops filters": _up, "paging": _paging,
    "leaks on the last page": lambda *given: _paging(*given, foreign=True), "endless paging": _endless, "next to another host": _abroad,
    "circle": _circle, "lies about the total": _lies, "by intent": _by_intent, "plain": _plain, "reset once": _reset_once, "busy once": _busy_once,
    "html": lambda self, *_: self.say(b"<!DOCTYPE html><title>Sign in</title>", 200, "text/html"),
    "xml": lambda self, *_: self.say(b'<?xml version="1.0"?><Bundle/>', 200, "application/fhir+xml"),
    "outcome": lambda self, *_: self.say(OUTCOME), "empty body": lambda self, *_: self.say(None),
    "not json": lambda self, *_: self.say(b'{"resourceType": "Bundle", '),
    "a list": lambda self, *_: self.say(b"[]"), "too large": lambda self, *_: self.say(TOO_LARGE),
    "redirect": lambda self, *_: self.say(None, 302, Location=f"{self.server.base}/elsewhere"),
    "compressed": lambda self, *_: self.say(b"\x1f\x8b", 200, Content_Encoding="gzip"),
    "cookie": lambda self, kind, identity, query: self.say(self.document(kind, identity, query), Set_Cookie="session=secret; Path=/"),
}


@contextmanager
def serving(resources: list[Document], **manners: Any) -> Iterator[Misbehaving]:
    """A server that answers as its manners are, until the context is left."""
    server = Misbehaving(resources, **manners)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join(20)
