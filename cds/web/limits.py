"""What a request may look like before anything of it is read: size, type, time, how many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from cds.hooks.request import RequestRefused

BODY_SECONDS = 10.0
MOST_AT_ONCE = 256
_JSON = ("application/json", "application/fhir+json", "text/json")


async def body(headers: Iterable[tuple[bytes, bytes]], receive: Callable[[], Awaitable[Any]], most: int) -> bytes:
    """The request body; RequestRefused with 415, 413 or 408 where it is not JSON, too large or too slow."""
    named = dict(headers)
    _refuse_other_than_json(named.get(b"content-type", b"application/json"))
    length = named.get(b"content-length", b"")
    if length.isdigit() and int(length) > most:
        raise RequestRefused("$", f"the body has {int(length)} bytes; at most {most} are accepted", "too-long", 413)
    timer = _Timer(BODY_SECONDS)
    try:
        return await _read(receive, most)
    except asyncio.CancelledError:
        if not timer.rang:
            raise
        raise RequestRefused("$", f"the body did not arrive within {BODY_SECONDS:.0f} seconds", "timeout", 408) from None
    finally:
        timer.stop()


def _refuse_other_than_json(sent: bytes) -> None:
    if sent != b"application/json":
        kind = sent.decode("latin-1").split(";", 1)[0].strip().lower()
        if kind not in _JSON and not kind.endswith("+json"):
            raise RequestRefused("Content-Type", f"`{kind[:60]}` is not JSON; send application/json", "not-supported", 415)


async def _read(receive: Callable[[], Awaitable[Any]], most: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestRefused("$", "the connection ended before the body did", "incomplete", 400)
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > most:
            raise RequestRefused("$", f"the body has more than {most} bytes", "too-long", 413)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Timer:
    """Cancels the running task after so many seconds; far cheaper than a task of its own for every request."""

    def __init__(self, seconds: float) -> None:
        self.rang = False
        self._task = asyncio.current_task()
        self._handle = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self.rang = True
        if self._task is not None:
            self._task.cancel()

    def stop(self) -> None:
        """Stop it; a cancellation that rang is taken back where Python counts them (3.11 and newer)."""
        self._handle.cancel()
        if self.rang and self._task is not None and hasattr(self._task, "uncancel"):
            self._task.uncancel()
