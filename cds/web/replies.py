"""What goes back: JSON bodies, OperationOutcomes, and the headers every response carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from cds.hooks.request import RequestRefused

JSON = "application/json"
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_ALWAYS = [(name.lower().encode(), value.encode()) for name, value in {"Content-Type": JSON, **HEADERS}.items()]


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and further headers of one response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """All headers as ASGI wants them."""
        more = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return [*_ALWAYS, *more, (b"content-length", b"%d" % len(self.body))]


def reply(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """A JSON reply."""
    return Reply(status, orjson.dumps(content), headers or {})


def outcome(code: str, what: str, where: str | None = None) -> dict[str, Any]:
    """A FHIR OperationOutcome with one error."""
    issue = {"severity": "error", "code": code, "diagnostics": f"{where}: {what}" if where else what}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def refusal(refused: RequestRefused) -> Reply:
    """The reply to a request that cannot be used: says what and where, and when to try again; a body left unread ends the connection."""
    headers = {"Connection": "close"} if refused.status in (408, 413, 415) else {"Retry-After": "2"} if refused.status == 503 else None
    return reply(outcome(refused.code, refused.what, refused.where), refused.status, headers)
