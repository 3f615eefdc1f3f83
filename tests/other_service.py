"""A small CDS Hooks service that is not ours, on a real HTTP server, which does everything right but for one fault a test gives it."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Document = dict[str, Any]
MOST = 1_000_000
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Authorization, Content-Type", "Access-Control-Allow-Methods": "GET, POST"}
DISCOVERY = {"services": [{"hook": "order-sign", "id": "other", "title": "Other", "description": "Warns of something.",
                           "prefetch": {"patient": "Patient/{{context.patientId}}", "drugs": "MedicationStatement?patient={{context.patientId}}&_count=50"}}]}
CARD = {"uuid": "card-1", "summary": "Do not give both", "indicator": "warning", "detail": "**Why:** they interact",
        "source": {"label": "Label", "url": "https://other.example", "topic": {"code": "t", "system": "urn:t", "display": "Topic"}},
        "suggestions": [{"label": "Remove it", "uuid": "suggestion-1", "isRecommended": True,
                         "actions": [{"type": "delete", "description": "Remove it", "resourceId": "MedicationRequest/1"}]}],
        "selectionBehavior": "at-most-one", "overrideReasons": [{"code": "r", "system": "urn:r", "display": "Reason"}],
        "links": [{"label": "App", "url": "https://other.example/app", "type": "smart", "appContext": "x"}], "extension": {"example.other": {"a": 1}}}
SYSTEM_ACTION = {"type": "create", "resource": {"resourceType": "Task", "status": "requested"}}


@dataclass
class Other:
    """What the service says and does; a test changes one part. `received` holds every body that came, with its path."""

    discovery: Any = field(default_factory=lambda: copy.deepcopy(DISCOVERY))
    response: Any = field(default_factory=lambda: {"cards": [copy.deepcopy(CARD)], "systemActions": [copy.deepcopy(SYSTEM_ACTION)]})
    answered: Callable[[str, str, bytes, Any], tuple[int, Any] | None] = lambda method, path, body, headers: None
    cors: Document = field(default_factory=lambda: dict(CORS))
    kind: str = "application/json"
    received: list[tuple[str, bytes]] = field(default_factory=list)
    base: str = ""

    def answer(self, method: str, path: str, body: bytes, headers: Any) -> tuple[int, Any]:
        """Status and document of the answer to one call."""
        special = self.answered(method, path, body, headers)
        if special is not None:
            return special
        if method == "OPTIONS":
            return 200, {}
        if path not in ("/cds-services", "/cds-services/other", "/cds-services/other/feedback"):
            return 404, outcome("not-found")
        if (method == "GET") != (path == "/cds-services"):
            return 405, outcome("not-supported")
        if method == "GET":
            return 200, self.discovery
        if headers.get("Content-Type") != "application/json":
            return 415, outcome("not-supported")
        return self._posted(path, body)

    def _posted(self, path: str, body: bytes) -> tuple[int, Any]:
        try:
            asked = json.loads(body)
        except ValueError:
            return 400, outcome("structure")
        if not isinstance(asked, dict):
            return 400, outcome("structure")
        if path.endswith("/feedback"):
            return (200, {}) if isinstance(asked.get("feedback"), list) else (400, outcome("structure"))
        wrong = asked.get("hook") != "order-sign" or not isinstance(asked.get("context"), dict)
        return (400, outcome("invalid")) if wrong else (200, self.response)


def outcome(code: str) -> Document:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}


@contextmanager
def listening(other: Other) -> Iterator[Other]:
    """The service on a free loopback port until the test is over."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length) if length <= MOST else b""
            other.received.append((self.path, body))
            status, document = (413, outcome("too-long")) if length > MOST else other.answer(self.command, self.path, body, self.headers)
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**other.cors, "Content-Type": other.kind, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_OPTIONS = _any

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a fault that a test asks for is no news
    other.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield other
    finally:
        server.shutdown()
        server.server_close()
