"""Bring changed rule files into service while it runs: watch, try them in a child process, swap, close what nobody uses.

A change that is refused changes nothing: what was in force stays in force and says why in /readyz, the log and a metric.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import date, tzinfo
from time import monotonic

from cds import clock
from cds.engine.durable import EngineFault
from cds.rulebook import Rulebook
from cds.settings import Settings
from cds.web import metrics, trying, watching
from cds.web.aside import aside
from cds.web.ready import today, watched
from cds.web.service import Edition, Reload, Serving
from cds.web.trying import Handover

LOG = logging.getLogger("cds")
RETRY = 30.0
"""Seconds after which a trial is repeated that may end otherwise without any change of the files."""
LOGGED = 10


@asynccontextmanager
async def reloading(serving: Serving) -> AsyncIterator[None]:
    """While this context is open, the rulebook in service follows the files and the date."""
    task = asyncio.get_running_loop().create_task(Reloader(serving, Handover(serving.settings.handover)).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Reloader:
    """Follows the files of one worker's rulebook."""

    def __init__(self, serving: Serving, handover: Handover, day: Callable[[Settings, tzinfo], date] = today) -> None:
        self._serving, self._handover, self._day = serving, handover, day
        self._settings, self._paths = serving.settings, watched(serving.settings)
        self._seen: object = None
        self._again: float | None = None
        self._logged: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Until cancelled."""
        async with aclosing(watching.wakes(self._paths) if self._settings.watch else _ticks()) as wakes:
            async for _ in wakes:
                try:
                    await self.turn()
                except Exception as error:
                    LOG.error("unexpected failure while rules were reloaded", exc_info=error)
                    self._refuse((f"unexpected failure: {type(error).__name__}; see the log of the service",))
                    await asyncio.sleep(RETRY)

    async def turn(self) -> None:
        """Look once, and act when files or date differ from what is in service."""
        await self._close_retired()
        day = self._day(self._settings, self._serving.ready.zone)
        seen = (await aside(watching.stamp, self._paths), day) if self._settings.watch else day
        due = self._again is not None and monotonic() >= self._again
        if seen == self._seen and not due:
            return
        self._again = None
        if self._settings.watch:
            seen = (await watching.settled(self._paths), day)
        key = await aside(watching.fingerprint, self._paths, day)
        if key == self._serving.edition.key:
            self._current()
        else:
            edition = self._serving.edition
            same_files = await aside(watching.fingerprint, self._paths, edition.day) == edition.key
            if same_files or self._settings.watch:
                await self._try(day, key, same_files)
            else:
                self._refuse(("rule files differ from those in service, and --no-watch is set; start the service again to use them",))
        self._seen = seen

    async def _try(self, day: date, key: str, same_files: bool) -> None:
        self._serving.reload.checking = True
        try:
            packed = await trying.tried(self._settings, day, key, self._handover, same_files)
        finally:
            self._serving.reload.checking = False
        try:
            tried = await aside(trying.unpacked, packed)
        except EngineFault as fault:
            return self._refuse((f"the inference engine failed on the changed rules: {fault}",), again=True)
        if tried.ready is None:
            return self._refuse(tried.problems, tried.again)
        if self._serving.ready.inference is not None and not tried.uses_engine:
            return self._refuse((f"the changed rules would be served without the inference engine: {tried.ready.engine_note}",), again=True)
        await aside(self._handover.keep, "in force", packed)
        before, book = self._serving.ready.rulebook, tried.ready.rulebook
        self._serving.swap(Edition(tried.ready, tried.key, day))
        metrics.RELOADS.labels("loaded").inc()
        LOG.warning("rules reloaded: rulebook %s, %d rules, %s in force for %s; %s", book.book.version, len(book.rules), book.hash, day,
                    _difference(before, book))
        self._current(loaded=True)

    def _current(self, loaded: bool = False) -> None:
        """What is on disk is in service."""
        self._logged = frozenset()
        metrics.REFUSED.set(0)
        state = "current" if self._settings.watch else "off"
        if loaded or self._serving.reload.state != state:
            self._serving.reload = Reload(state, clock.now())

    def _refuse(self, problems: tuple[str, ...], again: bool = False) -> None:
        """Keep what is in force, and say why once."""
        metrics.RELOADS.labels("refused").inc()
        metrics.REFUSED.set(1)
        self._again = monotonic() + RETRY if again else None
        before = self._serving.reload
        since = before.since if before.state == "refused" else clock.now()
        self._serving.reload = Reload("refused", since, problems)
        if frozenset(problems) != self._logged:
            self._logged = frozenset(problems)
            more = f"\n  and {len(problems) - LOGGED} more" if len(problems) > LOGGED else ""
            LOG.error("changed rules refused, %s stays in force; %d problem(s):\n  %s%s", self._serving.ready.rulebook.hash, len(problems),
                      "\n  ".join(problems[:LOGGED]), more)

    async def _close_retired(self) -> None:
        for edition in self._serving.released():
            if edition.ready.inference is not None:
                await aside(edition.ready.inference.close)


def _difference(before: Rulebook, after: Rulebook) -> str:
    old, new = ({rule.id: rule.version for rule in book.rules} for book in (before, after))
    said = [*(f"{name} {new[name]} is new" for name in new if name not in old), *(f"{name} is gone" for name in old if name not in new),
            *(f"{name} {old[name]} -> {new[name]}" for name in new if old.get(name, new[name]) != new[name])]
    return ", ".join(said) or "same rules in the same versions"


async def _ticks() -> AsyncIterator[None]:
    while True:
        yield
        await asyncio.sleep(watching.POLL)
