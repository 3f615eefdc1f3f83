"""One CDS Hooks service as a bare ASGI application: read, decide, answer, count."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from cds import clock, pipeline
from cds.fhir.queries import searches
from cds.hooks.request import HOOKS, RequestRefused, parse, request
from cds.pipeline import Decision, Ready
from cds.settings import Settings
from cds.store.records import ShownCard, shown
from cds.web import discovery, limits, metrics
from cds.web.fetching import Fetching
from cds.web.replies import Reply, outcome, refusal, reply

LOG = logging.getLogger("cds")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Edition:
    """One prepared rulebook in service: from which files and for which day, what discovery says of it, how many requests it answers."""

    def __init__(self, ready: Ready, key: str, day: date) -> None:
        self.ready, self.key, self.day, self.users = ready, key, day, 0
        self.discovery = orjson.dumps(discovery.services(ready.rulebook))
        self.searches = {hook: searches(hook, ready.rulebook) for hook in HOOKS}


@dataclass(slots=True)
class Reload:
    """How the rule files stand to what is served: `current`, `refused` with the problems, or `off`; since when; whether a check runs."""

    state: str
    since: datetime
    problems: tuple[str, ...] = ()
    checking: bool = False

    def told(self) -> dict[str, Any]:
        """As /readyz shows it, with the first few problems."""
        said: dict[str, Any] = {"state": self.state, "since": self.since.isoformat(timespec="seconds")}
        if self.checking:
            said["checking"] = True
        return said | ({"problems": [one[:300] for one in self.problems[:5]], "count": len(self.problems)} if self.problems else {})


@dataclass(slots=True)
class Serving:
    """What this worker serves, where its cards are handed over to be remembered, the request bodies on their way, and
    whether the evaluators ever disagreed."""

    edition: Edition
    settings: Settings
    reload: Reload
    remember: Callable[[list[ShownCard]], None]
    bodies: limits.Bodies = field(default_factory=lambda: limits.Bodies(limits.MOST_AT_ONCE))
    disagreed: bool = False
    retired: list[Edition] = field(default_factory=list)
    fetching: Fetching | None = None

    @property
    def ready(self) -> Ready:
        """The rulebook in service."""
        return self.edition.ready

    @contextmanager
    def in_use(self) -> Iterator[Ready]:
        """The rulebook in service, for one whole request: it stays as it is until the last request that took it is answered."""
        edition = self.edition
        edition.users += 1
        try:
            yield edition.ready
        finally:
            edition.users -= 1

    def swap(self, edition: Edition) -> None:
        """Put another rulebook in service; requests under way end with the one they began with."""
        self.edition, before = edition, self.edition
        self.retired.append(before)

    def released(self) -> list[Edition]:
        """Retired rulebooks that no request uses any more; each is given once."""
        free = [one for one in self.retired if not one.users]
        self.retired = [one for one in self.retired if one.users]
        return free

    @property
    def engine(self) -> str:
        """The state of the inference engine, as /readyz names it."""
        if self.disagreed:
            return "disagreeing"
        inference = self.ready.inference
        return "durable-rules" if inference is not None and not inference.switched_off else "reference only"


class Service:
    """Answers one hook."""

    def __init__(self, hook: str, serving: Serving) -> None:
        self.hook, self._serving = hook, serving
        self._name = discovery.service_id(hook)
        self._seconds = metrics.SECONDS.labels(self._name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: one request, one response, whatever happens."""
        serving = self._serving
        arrived = time.monotonic()
        try:
            content = await serving.bodies.read(scope["headers"], receive, serving.settings.max_body)
            started = time.perf_counter()
            answered = await self._answer(content, arrived)
            self._seconds.observe(time.perf_counter() - started)
        except RequestRefused as refused:
            answered = refusal(refused)
        except Exception as error:
            answered = unexpected(error)
        await self._send(answered, send)

    async def _send(self, answered: Reply, send: Send) -> None:
        metrics.answered(self._name, answered.status).inc()
        await send({"type": "http.response.start", "status": answered.status, "headers": answered.raw_headers()})
        await send({"type": "http.response.body", "body": answered.body})

    async def _answer(self, content: bytes, arrived: float) -> Reply:
        settings, fetching = self._serving.settings, self._serving.fetching
        asked = request(parse(content), self.hook)
        now, found = settings.as_of or clock.now(), None
        with self._serving.in_use() as ready:
            if fetching is not None and asked.fhir_server:
                found = await fetching.chart(asked, ready, now, self._serving.edition.searches[self.hook], arrived)
            decision = pipeline.decide(asked, ready, now, settings.zone, clock.new_identifier, found)
        self._note_events(decision)
        if not decision.evaluable:
            raise RequestRefused("$.prefetch", "ketamine is ordered and no list of the chart could be read; send the prefetch that "
                                 "discovery asks for. No check was made", "required", 412)
        metrics.count(decision.findings)
        metrics.count_silent(decision.silent)
        if decision.cards:
            at = clock.now()
            self._serving.remember([shown(card, self._name, at) for card in decision.cards])
        return reply({"cards": decision.cards})

    def _note_events(self, decision: Decision) -> None:
        for one in decision.evaluations:
            if one.event:
                kind = "disagreement" if one.engine == "disagreeing" else "fault"
                self._serving.disagreed = self._serving.disagreed or kind == "disagreement"
                metrics.ENGINE.labels(kind).inc()
                LOG.error("engine %s: %s", kind, one.event)


def unexpected(error: Exception, what: str = "the request could not be evaluated; nothing was checked") -> Reply:
    """The last resort: nothing of the request is repeated, a number ties the answer to the log."""
    number = clock.new_identifier()
    LOG.error("unexpected failure %s: %s", number, _places(error))
    return reply(outcome("exception", f"{what}. Failure {number} is in the service's log"), 500)


def _places(error: BaseException) -> str:
    """Where a failure came from: types and places only, for a message may hold what stands in a chart."""
    came_from = error.__cause__ or error.__context__
    before = f"{_places(came_from)}\nwhich led to " if came_from is not None else ""
    return f"{before}{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip()
