"""One CDS Hooks service as a bare ASGI application: read, decide, answer, count."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from cds import clock, pipeline
from cds.hooks.request import RequestRefused, parse, request
from cds.pipeline import Decision, Ready
from cds.settings import Settings
from cds.store.records import ShownCard, shown
from cds.web import limits, metrics
from cds.web.discovery import service_id
from cds.web.replies import Reply, outcome, refusal, reply

LOG = logging.getLogger("cds")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Serving:
    """What this worker serves, where its cards are handed over to be remembered, how many requests are under way, and
    whether the evaluators ever disagreed."""

    ready: Ready
    settings: Settings
    remember: Callable[[list[ShownCard]], None]
    under_way: int = 0
    disagreed: bool = False

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
        self._name = service_id(hook)
        self._seconds = metrics.SECONDS.labels(self._name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: one request, one response, whatever happens."""
        serving = self._serving
        if serving.under_way >= limits.MOST_AT_ONCE:
            refused = RequestRefused("$", "too many requests are under way; try again", "throttled", 503)
            return await self._send(refusal(refused, {"Retry-After": "1"}), send)
        serving.under_way += 1
        try:
            content = await limits.body(scope["headers"], receive, serving.settings.max_body)
            started = time.perf_counter()
            answered = self._answer(content)
            self._seconds.observe(time.perf_counter() - started)
        except RequestRefused as refused:
            unread = refused.status in (408, 413, 415)
            answered = refusal(refused, {"Connection": "close"} if unread else None)
        except Exception as error:
            answered = unexpected(error)
        finally:
            serving.under_way -= 1
        await self._send(answered, send)

    async def _send(self, answered: Reply, send: Send) -> None:
        metrics.answered(self._name, answered.status).inc()
        await send({"type": "http.response.start", "status": answered.status, "headers": answered.raw_headers()})
        await send({"type": "http.response.body", "body": answered.body})

    def _answer(self, content: bytes) -> Reply:
        settings = self._serving.settings
        asked = request(parse(content), self.hook)
        decision = pipeline.decide(asked, self._serving.ready, settings.as_of or clock.now(), settings.zone, clock.new_identifier)
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
    LOG.error("unexpected failure %s: %s", number, type(error).__name__, exc_info=error)
    return reply(outcome("exception", f"{what}. Failure {number} is in the service's log"), 500)
