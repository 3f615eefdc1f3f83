"""What a request may look like before anything of it is read: size, type, time, how many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from cds.hooks.request import RequestRefused

BODY_SECONDS = 10.0
SLOW_SECONDS = 1.0
"""A body that takes longer may be given up for another one."""
MOST_AT_ONCE = 256
_JSON = ("application/json", "application/fhir+json", "text/json")


class Bodies:
    """The bodies on their way to one kind of route, at most `most` at once: for one more, the one that has been longest on its way gives way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._coming: dict[_Timer, None] = {}

    async def read(self, headers: Iterable[tuple[bytes, bytes]], receive: Callable[[], Awaitable[Any]], most: int) -> bytes:
        """The request body; RequestRefused with 415, 413, 408 or 503 where it is not JSON, too large, too slow or one too many."""
        named = dict(headers)
        _refuse_other_than_json(named.get(b"content-type", b"application/json"))
        if b"content-encoding" in named:
            raise RequestRefused("Content-Encoding", "compressed bodies are not read; send the body as it is", "not-supported", 415)
        length = named.get(b"content-length", b"")
        if length.isdigit() and int(length) > most:
            raise RequestRefused("$", f"the body has {int(length)} bytes; at most {most} are accepted", "too-long", 413)
        timer = self._admitted()
        try:
            return await _read(receive, most)
        except asyncio.CancelledError:
            if not timer.rang:
                raise
            raise RequestRefused("$", f"the body did not arrive in time; at most {BODY_SECONDS:.0f} seconds, less when many come", "timeout", 408) from None
        finally:
            self._coming.pop(timer, None)
            timer.stop()

    def _admitted(self) -> _Timer:
        if len(self._coming) >= self._most:
            slowest = next(iter(self._coming))
            if slowest.age < SLOW_SECONDS:
                raise RequestRefused("$", "too many requests are under way; try again", "throttled", 503)
            del self._coming[slowest]
            slowest.ring()
        timer = _Timer(BODY_SECONDS)
        self._coming[timer] = None
        return timer


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
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        self._since = self._loop.time()
        self._handle = self._loop.call_later(seconds, self.ring)

    @property
    def age(self) -> float:
        """Seconds since it was set."""
        return self._loop.time() - self._since

    def ring(self) -> None:
        """Cancel the task now."""
        self.rang = True
        if self._task is not None:
            self._task.cancel()

    def stop(self) -> None:
        """Stop it; a cancellation that rang is taken back where Python counts them (3.11 and newer)."""
        self._handle.cancel()
        if self.rang and self._task is not None and hasattr(self._task, "uncancel"):
            self._task.uncancel()
