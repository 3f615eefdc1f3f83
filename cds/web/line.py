"""One connection of a client: its headers come soon and stay small, so that half-sent requests cannot hold what others need."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
MOST_BYTES = 65_536
_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class _Whole:
    """A transport on which the head of a response waits for what follows it at once, so that both leave in one piece."""

    __slots__ = ("_transport", "_loop", "_head")

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport, self._loop, self._head = transport, loop, b""

    def write(self, data: bytes) -> None:
        """Send, or keep a head until the next call, at most until the event loop goes on."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Send what waits, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Line(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with a limit in seconds and bytes for the part before the body; beyond it the connection is closed."""

    _limit: TimerHandle | None = None
    _waits = True
    _size = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A client that connects has to ask something soon."""
        super().connection_made(_Whole(transport, self.loop))  # type: ignore[arg-type]
        self._limit = self.loop.call_later(HEADER_SECONDS, self._give_up, _LATE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._waits, self._size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """From here on the limits of bodies hold."""
        self._waits = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes of headers or of a body."""
        super().data_received(data)
        if not self._waits:
            return self._stop()
        self._size += len(data)
        if self._size > MOST_BYTES:
            self._give_up(_LARGE)
        elif self._limit is None:
            self._limit = self.loop.call_later(HEADER_SECONDS, self._give_up, _LATE)

    def _give_up(self, answer: bytes) -> None:
        self._stop()
        if not self.transport.is_closing():
            if self._size and (self.cycle is None or self.cycle.response_complete):
                self.transport.write(answer)
            self.transport.close()

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
