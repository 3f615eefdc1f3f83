"""Fetching beside the event loop: hooks that lack nothing never wait for one that does."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from cds.completion import Gap, completed, gap
from cds.fhir.bundles import Chart
from cds.fhir.fetch import Ehr, missing
from cds.fhir.queries import Searches
from cds.hooks.request import HookRequest, RequestRefused
from cds.pipeline import Ready
from cds.settings import Settings
from cds.web import metrics

TOGETHER = 16
"""Requests of one worker for which something is fetched at the same time; further ones wait, within their deadline."""
MOST_WAITING = 64


class Fetching:
    """The registered FHIR servers of one worker, and the requests for which they are asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ehr = Ehr(settings.fhir_bases)
        self._threads = ThreadPoolExecutor(TOGETHER, thread_name_prefix="cds-hook")
        self._under_way = 0

    async def chart(self, asked: HookRequest, ready: Ready, now: datetime, searches: Searches, arrived: float) -> Chart | None:
        """The chart with what could be fetched, or as far as anybody looked at it; RequestRefused with 503 where too many wait."""
        settings = self._settings
        if self._ehr.server(asked.fhir_server) is None:
            metrics.UNREGISTERED.inc()
            return None
        lack = gap(asked, ready, now, settings.zone, searches, self._ehr, arrived, settings.deadline)
        if not isinstance(lack, Gap):
            return lack
        if self._under_way >= MOST_WAITING:
            raise RequestRefused("$", "too many requests wait for the EHR's FHIR server; try again", "throttled", 503)
        self._under_way += 1
        started, lacked = time.perf_counter(), missing(lack.found, searches)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, completed, lack, self._ehr)
        finally:
            self._under_way -= 1
        metrics.FETCH_SECONDS.observe(time.perf_counter() - started)
        still = missing(found, searches)
        for key in lacked:
            metrics.FETCHED.labels(key, "missing" if key in still else "complete").inc()
        return found

    def told(self) -> dict[str, str]:
        """As /readyz shows it: every registered base, and whether it is asked."""
        return self._ehr.told()

    def close(self) -> None:
        """End its threads and connections; what is under way ends at its deadline."""
        self._threads.shutdown()
        self._ehr.close()
