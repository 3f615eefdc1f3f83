"""A server that failed several times in a row is left alone for a while, then tried with one request."""

from __future__ import annotations

import threading

FAILURES = 5
REST = 5.0
"""Seconds for which a failing server is not asked."""


class Breaker:
    """Closed (asked), open (left alone) or on trial (one request may ask); safe to use from several threads."""

    def __init__(self, failures: int = FAILURES, rest: float = REST) -> None:
        self._failures, self._rest = failures, rest
        self._in_a_row, self._opened = 0, 0.0
        self._trial = False
        self._lock = threading.Lock()

    def allows(self, now: float) -> bool:
        """Whether the server may be asked at this running-clock second; the one trial is taken with it."""
        with self._lock:
            if self._in_a_row < self._failures:
                return True
            if self._trial or now < self._opened + self._rest:
                return False
            self._trial = True
            return True

    def note(self, fine: bool | None, now: float) -> None:
        """Remember how a request that was allowed went; None where it was never sent."""
        with self._lock:
            self._trial = False
            if fine is None:
                return
            self._in_a_row = 0 if fine else self._in_a_row + 1
            self._opened = now

    @property
    def open(self) -> bool:
        """Whether it failed so often that it is left alone, or tried with one request."""
        return self._in_a_row >= self._failures

    @property
    def failures(self) -> int:
        """How many requests failed in a row."""
        return self._in_a_row
