"""The feedback endpoint of one service: read, store, answer once it is safe on disk, count."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from cds import clock
from cds.hooks.feedback import Feedback, feedback
from cds.hooks.request import RequestRefused, parse
from cds.store.records import Stored, StoreUnreachable
from cds.store.write import keep, known
from cds.store.writer import BATCH_SECONDS, Writer
from cds.web import limits, metrics
from cds.web.discovery import service_id
from cds.web.replies import Reply, refusal, reply
from cds.web.service import Receive, Scope, Send, unexpected

MOST_AT_ONCE = 64
PATIENCE = 10.0
_OTHERS_SECONDS = BATCH_SECONDS + 0.3
"""By then also the other workers have written the cards they returned."""


class FeedbackService:
    """Takes feedback on the cards of one hook's service."""

    def __init__(self, hook: str, writer: Writer, max_body: int) -> None:
        self._service, self._writer, self._max_body = service_id(hook), writer, max_body
        self._bodies, self._under_way = limits.Bodies(MOST_AT_ONCE), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: one call, one response, whatever happens."""
        try:
            answered = await self._answer(await self._bodies.read(scope["headers"], receive, self._max_body))
        except RequestRefused as refused:
            answered = refusal(refused)
        except Exception as error:
            answered = unexpected(error, "the feedback could not be taken; nothing of it was stored")
        metrics.answered(f"{self._service}/feedback", answered.status).inc()
        await send({"type": "http.response.start", "status": answered.status, "headers": answered.raw_headers()})
        await send({"type": "http.response.body", "body": answered.body})

    async def _answer(self, content: bytes) -> Reply:
        items = feedback(parse(content), self._service, clock.now())
        if items:
            if self._under_way >= MOST_AT_ONCE:
                raise RequestRefused("$", "too much feedback is under way; send it again", "throttled", 503)
            self._under_way += 1
            try:
                stored = await asyncio.wait_for(self._stored(items), PATIENCE)
            except (StoreUnreachable, asyncio.TimeoutError):
                raise RequestRefused("$", "the feedback store does not answer and nothing is acknowledged; send all of it again "
                                     "(what was stored already is not stored twice)", "transient", 503) from None
            finally:
                self._under_way -= 1
            metrics.count_feedback(stored)
        return reply({})

    async def _stored(self, items: Sequence[Feedback]) -> list[Stored]:
        cards = {one.card for one in items}
        found = await asyncio.wrap_future(self._writer.ask(partial(known, cards=cards)))
        if len(found) < len(cards):
            await asyncio.sleep(_OTHERS_SECONDS)
        return await asyncio.wrap_future(self._writer.ask(partial(keep, items=items, received=clock.now())))
