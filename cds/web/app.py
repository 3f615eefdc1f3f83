"""Routes and status codes of the service."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cds import clock, pipeline
from cds.hooks.request import HOOKS, RequestRefused, parse, request
from cds.pipeline import Decision, Ready
from cds.settings import Settings, from_environment
from cds.web import discovery, limits, metrics
from cds.web.openapi import document
from cds.web.watchdog import watched

LOG = logging.getLogger("cds")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_JSON = "application/json"


@dataclass(slots=True)
class _State:
    """What this worker serves, how many requests are under way, and whether the evaluators ever disagreed."""

    ready: Ready
    settings: Settings
    under_way: int = 0
    disagreed: bool = False

    @property
    def engine(self) -> str:
        if self.disagreed:
            return "disagreeing"
        inference = self.ready.inference
        return "durable-rules" if inference is not None and not inference.switched_off else "reference only"


def create() -> Starlette:
    """The application of one worker process, from its environment."""
    settings = from_environment(os.environ)
    return build(pipeline.prepare(settings.rules, (settings.as_of or clock.now()).date(), settings.engine), settings)


def build(ready: Ready, settings: Settings) -> Starlette:
    """The application for a prepared rulebook."""
    state = _State(ready, settings)
    offered = orjson.dumps(discovery.services(ready.rulebook))
    described = orjson.dumps(document())
    routes = [
        Route("/cds-services", _fixed(offered)), Route("/openapi.json", _fixed(described)), Route("/livez", _fixed(b'{"status":"alive"}')),
        Route("/readyz", _readyz(state)), Route("/metrics", _metrics),
        *(Route(f"/cds-services/{discovery.service_id(hook)}", _service(hook, state), methods=["POST"]) for hook in HOOKS),
    ]
    cors = Middleware(CORSMiddleware, allow_origins=list(settings.cors), allow_methods=["GET", "POST"],
                      allow_headers=["Authorization", "Content-Type"], max_age=600)
    handlers: dict[Any, Any] = {HTTPException: _http_error, Exception: _unexpected}
    return Starlette(routes=routes, middleware=[cors], exception_handlers=handlers, lifespan=lambda _: watched(settings.stuck_after))


def _fixed(content: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        return Response(content, media_type=_JSON, headers=_HEADERS)
    return endpoint


def _readyz(state: _State) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        book = state.ready.rulebook
        told = {"status": "ready", "engine": state.engine, "rulebook": {"version": book.book.version, "hash": book.hash, "rules": len(book.rules)}}
        if state.ready.engine_note:
            told["engine_note"] = state.ready.engine_note
        return _json(told)
    return endpoint


async def _metrics(_: Request) -> Response:
    content, kind = metrics.exposition()
    return Response(content, headers={**_HEADERS, "Content-Type": kind})


def _service(hook: str, state: _State) -> Callable[[Request], Awaitable[Response]]:
    name = discovery.service_id(hook)

    async def endpoint(http: Request) -> Response:
        if state.under_way >= limits.MOST_AT_ONCE:
            return _counted(name, _refusal(RequestRefused("$", "too many requests are under way; try again", "throttled", 503), {"Retry-After": "1"}))
        state.under_way += 1
        try:
            content = await limits.body(http, state.settings.max_body)
            started = time.perf_counter()
            response = _answer(hook, content, state)
            metrics.SECONDS.labels(name).observe(time.perf_counter() - started)
        except RequestRefused as refused:
            response = _refusal(refused)
        finally:
            state.under_way -= 1
        return _counted(name, response)
    return endpoint


def _answer(hook: str, content: bytes, state: _State) -> Response:
    asked = request(parse(content), hook)
    decision = pipeline.decide(asked, state.ready, state.settings.as_of or clock.now(), state.settings.zone, clock.new_identifier)
    _note_events(decision, state)
    if not decision.evaluable:
        return _refusal(RequestRefused("$.prefetch", "ketamine is ordered and no list of the chart could be read; send the prefetch that "
                                       "discovery asks for. No check was made", "required", 412))
    metrics.count(decision.findings)
    return _json({"cards": decision.cards})


def _note_events(decision: Decision, state: _State) -> None:
    for one in decision.evaluations:
        if one.event:
            kind = "disagreement" if one.engine == "disagreeing" else "fault"
            state.disagreed = state.disagreed or kind == "disagreement"
            metrics.ENGINE.labels(kind).inc()
            LOG.error("engine %s: %s", kind, one.event)


def _counted(service: str, response: Response) -> Response:
    metrics.REQUESTS.labels(service, str(response.status_code)).inc()
    return response


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, _HEADERS, _JSON)


def outcome(code: str, what: str, where: str | None = None) -> dict[str, Any]:
    """A FHIR OperationOutcome with one error."""
    issue = {"severity": "error", "code": code, "diagnostics": f"{where}: {what}" if where else what}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _refusal(refused: RequestRefused, headers: dict[str, str] | None = None) -> Response:
    response = _json(outcome(refused.code, refused.what, refused.where), refused.status)
    response.headers.update(headers or {})
    return response


async def _http_error(http: Request, error: HTTPException) -> Response:
    if error.status_code == 404:
        known = ", ".join(f"/cds-services/{discovery.service_id(hook)}" for hook in HOOKS)
        told = outcome("not-found", f"there is nothing at this path; services: {known}")
    elif error.status_code == 405:
        told = outcome("not-supported", "this path does not answer this method; discovery is GET, services are POST")
    else:
        told = outcome("processing", str(error.detail))
    response = _json(told, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _unexpected(http: Request, error: Exception) -> Response:
    """The last resort: nothing of the request is repeated, a number ties the answer to the log."""
    number = clock.new_identifier()
    LOG.error("unexpected failure %s: %s", number, type(error).__name__, exc_info=error)
    return _json(outcome("exception", f"the request could not be evaluated; nothing was checked. Failure {number} is in the service's log"), 500)
