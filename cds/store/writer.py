"""The one thread of a process that talks to the store.  Hooks hand cards over and never wait; feedback waits for its commit.

Cards lie in a bounded queue and are written together every BATCH_SECONDS; what does not fit is dropped and counted.
Cards are always written before feedback is, so that feedback on a card of this process finds it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeGuard, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from cds.store import connect
from cds.store.migrate import bring_up_to_date
from cds.store.records import ShownCard, StoreRefused, StoreUnreachable
from cds.store.write import remember

BATCH_SECONDS = 0.5
RETRY_SECONDS = 2.0
MOST_CARDS = 10_000
_TOGETHER = 500
_LAST_TURN_SECONDS = 10
LOG = logging.getLogger("cds")
Answer = TypeVar("Answer")
Job = tuple[Callable[[Connection], Any], "Future[Any]"]


def _passes(error: Exception) -> TypeGuard[DBAPIError]:
    """Whether the same statement may succeed later: the store is away or locked, and not the value wrong."""
    return isinstance(error, DBAPIError) and not isinstance(error, (DataError, IntegrityError))


class Writer:
    """Writes to one store; `dropped` is called with the number of cards that could not be remembered."""

    def __init__(self, url: str, dropped: Callable[[int], None]) -> None:
        self.state = "starting"
        self._url, self._dropped = url, dropped
        self._cards: deque[ShownCard] = deque()
        self._held: list[ShownCard] = []
        self._jobs: deque[Job] = deque()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._engine: Engine | None = None
        self._file: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Start the thread; it connects by itself."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is there and end; what a store that does not answer has not taken by then is lost."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(_LAST_TURN_SECONDS)

    def hand_over(self, cards: Sequence[ShownCard]) -> None:
        """Remember cards soon; never waits and never fails."""
        room = MOST_CARDS - len(self._cards)
        if room < len(cards):
            self._dropped(len(cards) - max(room, 0))
            cards = cards[:max(room, 0)]
        self._cards.extend(cards)

    def ask(self, work: Callable[[Connection], Answer]) -> Future[Answer]:
        """What `work` gives in one transaction, committed, after the cards handed over so far; or StoreUnreachable."""
        answer: Future[Answer] = Future()
        self._jobs.append((work, answer))
        self._wake.set()
        return answer

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._turn()
            self._wake.wait(RETRY_SECONDS if self.state == "unreachable" else BATCH_SECONDS)
            self._wake.clear()
        self._turn()
        self._disconnect()

    def _turn(self) -> None:
        jobs = [self._jobs.popleft() for _ in range(len(self._jobs))]
        try:
            made = self._connected()
            self._write_cards(made)
            while jobs:
                self._answer(made, *jobs[0])
                jobs.pop(0)
            self._note("ready", "answers")
        except (StoreRefused, StoreUnreachable) as trouble:
            self._fail(jobs, str(trouble))
        except Exception as error:
            LOG.error("store: unexpected failure: %s", type(error).__name__, exc_info=error)
            self._fail(jobs, type(error).__name__)

    def _connected(self) -> Engine:
        if self._engine is not None and connect.identity(self._url) != self._file:
            self._disconnect()
        if self._engine is None:
            made = connect.engine(self._url)
            try:
                bring_up_to_date(made)
            except Exception:
                made.dispose()
                raise
            self._engine, self._file = made, connect.identity(self._url)
        return self._engine

    def _disconnect(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None

    def _write_cards(self, made: Engine) -> None:
        for _ in range(1 + len(self._cards) // _TOGETHER):
            self._held = self._held or [self._cards.popleft() for _ in range(min(_TOGETHER, len(self._cards)))]
            if not self._held:
                return
            try:
                with made.begin() as connection:
                    remember(connection, self._held)
            except Exception as error:
                if _passes(error):
                    raise StoreUnreachable(connect.said(error)) from None
                LOG.error("store: %d cards cannot be remembered: %s", len(self._held), type(error).__name__)
                self._dropped(len(self._held))
            self._held = []

    def _answer(self, made: Engine, work: Callable[[Connection], Any], answer: Future[Any]) -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            with made.begin() as connection:
                found = work(connection)
        except Exception as error:
            if not _passes(error):
                return answer.set_exception(error)
            answer.set_exception(StoreUnreachable(connect.said(error)))
            raise StoreUnreachable(connect.said(error)) from None
        else:
            answer.set_result(found)

    def _fail(self, jobs: Sequence[Job], why: str) -> None:
        self._note("unreachable", why)
        self._disconnect()
        for _, answer in jobs:
            if not answer.done() and (answer.running() or answer.set_running_or_notify_cancel()):
                answer.set_exception(StoreUnreachable(why))

    def _note(self, state: str, why: str) -> None:
        if state == self.state:
            return
        if state == "unreachable":
            LOG.error("store: %s; feedback is refused with 503 until it answers, hooks are answered", why)
        elif self.state == "unreachable":
            LOG.warning("store: answers again")
        self.state = state
