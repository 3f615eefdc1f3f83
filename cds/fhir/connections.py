"""Connections that can be cut from another thread at once, whatever they wait for: connecting, TLS, headers or a slow body.

A timeout of a socket starts again with every byte; only cutting the connection ends a server that drips.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

_LOCK = threading.Lock()
_HERE = threading.local()


class Cut(OSError):
    """The call was cut before it could begin."""


class Call:
    """What one thread asks for, perhaps over several pages; `cut` ends it from another thread."""

    def __init__(self) -> None:
        self.was_cut = threading.Event()
        self._connection: Any = None

    def cut(self) -> None:
        """End it now: the thread that waits for an answer gets an error."""
        with _LOCK:
            self.was_cut.set()
            if self._connection is not None and self._connection.owner is self:
                self._connection.shut()

    def __enter__(self) -> Call:
        _HERE.call = self
        return self

    def __exit__(self, *_: object) -> None:
        """The connection goes back to the others, who must not be cut with this call."""
        _HERE.call = None
        with _LOCK:
            self._leave()

    def take(self, connection: Any) -> None:
        """From now on this call waits for this connection; Cut where it was cut already."""
        with _LOCK:
            if self.was_cut.is_set():
                raise Cut("cut")
            if self._connection is not connection:
                self._leave()
            self._connection, connection.owner = connection, self

    def _leave(self) -> None:
        held, self._connection = self._connection, None
        if held is not None and held.owner is self:
            held.owner = None
            if self.was_cut.is_set():
                held.close()  # it may have gone back to the others just before it was cut; they open it anew
            elif held.sock is None:
                held.drop()


class _Cuttable:
    """One of urllib3's connections; `handle` is a second handle of its socket, which stays usable while TLS takes the first over."""

    handle: socket.socket | None = None
    owner: Call | None = None

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        self.drop()
        self.handle = made.dup()
        try:
            _HERE.call.take(self)
        except Cut:
            made.close()
            self.drop()
            raise
        return made

    def request(self, *given: Any, **named: Any) -> None:
        _HERE.call.take(self)
        super().request(*given, **named)

    def close(self) -> None:
        super().close()
        if self.owner is None:
            self.drop()

    def shut(self) -> None:
        """End it for both sides: who goes on sending is told at once that nobody reads."""
        if self.handle is not None:
            with contextlib.suppress(OSError):
                self.handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.handle.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        held, self.handle = self.handle, None
        if held is not None:
            held.close()


class _Http(_Cuttable, HTTPConnection):
    pass


class _Https(_Cuttable, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class Pools(PoolManager):
    """urllib3's pools, of connections that can be cut."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def end(self) -> None:
        """Close every idle connection now; by itself urllib3 leaves that to the garbage collector."""
        for key in self.pools.keys():
            self.pools[key].close()
