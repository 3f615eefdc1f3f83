"""Routes of the service: discovery, the hooks, operations, errors."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from datetime import date, timezone
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cds import clock
from cds.engine.durable import EngineFault
from cds.hooks.request import HOOKS
from cds.settings import Settings, from_environment
from cds.store.writer import Writer
from cds.web import discovery, metrics, site
from cds.web.feedback import FeedbackService
from cds.web.fetching import Fetching
from cds.web.openapi import document
from cds.web.ready import prepared, today, watched
from cds.web.reload import reloading
from cds.web.replies import HEADERS, JSON, Reply, outcome, reply
from cds.web.service import Edition, Receive, Reload, Scope, Send, Service, Serving, unexpected
from cds.web.trying import Handover, unpacked
from cds.web.watchdog import watched as guarded
from cds.web.watching import fingerprint


class Front:
    """Sends a call of a service straight to it; everything else, and what comes from a browser, goes through Starlette."""

    def __init__(self, services: dict[str, Service], others: Starlette) -> None:
        self._services, self._others = services, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["method"] == "POST":
            service = self._services.get(scope["path"])
            if service is not None and all(name != b"origin" for name, _ in scope["headers"]):
                return await service(scope, receive, send)
        await self._others(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    """Also what Starlette answers by itself may not be stored or taken for another type."""
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            held = {name.lower() for name, _ in message.get("headers", ())}
            more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items() if name.lower().encode() not in held]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)
    return sending


def create() -> Front:
    """The application of one worker process, from its environment."""
    settings = from_environment(os.environ)
    return build(_handed_over(settings) or start(settings), settings)


def start(settings: Settings) -> Edition:
    """The rulebook as its files stand; RulesRefused or CompileLimit say why it cannot be used."""
    first = _read(settings, today(settings, timezone.utc))
    day = today(settings, first.ready.zone)  # the site's own time zone is known once its file was read
    return first if day == first.day else _read(settings, day)


def _read(settings: Settings, day: date) -> Edition:
    key = fingerprint(watched(settings), day)
    return Edition(prepared(settings, day), key, day)


def _handed_over(settings: Settings) -> Edition | None:
    """What the other workers serve: the files may have changed since, and are not proved."""
    packed = Handover(settings.handover).take("in force")
    try:
        tried = unpacked(packed) if packed is not None else None
    except EngineFault:
        return None
    return Edition(tried.ready, tried.key, tried.day) if tried is not None and tried.ready is not None else None


def build(edition: Edition, settings: Settings) -> Front:
    """The application for a prepared rulebook."""
    writer = Writer(settings.store, metrics.CARDS_DROPPED.inc)
    serving = Serving(edition, settings, Reload("current" if settings.watch else "off", clock.now()), writer.hand_over,
                      fetching=Fetching(settings) if settings.fhir_bases else None)
    services = {f"/cds-services/{discovery.service_id(hook)}": Service(hook, serving) for hook in HOOKS}
    routes = [
        Route("/cds-services", _discovery(serving)), Route("/openapi.json", _fixed(orjson.dumps(document()))),
        Route("/livez", _fixed(b'{"status":"alive"}')), Route("/readyz", _readyz(serving, writer)), Route("/metrics", _metrics),
        *(Route(path, service, methods=["POST"]) for path, service in services.items()),
        *(Route(f"/cds-services/{discovery.service_id(hook)}/feedback", FeedbackService(hook, writer, settings.max_body), methods=["POST"])
          for hook in HOOKS),
    ]
    cors = Middleware(CORSMiddleware, allow_origins=list(settings.cors), allow_methods=["GET", "POST"],
                      allow_headers=["Authorization", "Content-Type"], max_age=600)
    handlers: dict[Any, Any] = {HTTPException: _http_error, Exception: _unexpected}
    others = Starlette(routes=routes, middleware=[cors], exception_handlers=handlers, lifespan=lambda _: _living(serving, writer))
    others.router.redirect_slashes = False
    return Front(services, others)


@asynccontextmanager
async def _living(serving: Serving, writer: Writer) -> AsyncIterator[None]:
    """What runs beside the requests for as long as this worker lives; at its end the cards handed over last are still written."""
    writer.start()
    try:
        async with guarded(serving.settings.stuck_after), reloading(serving):
            yield
    finally:
        writer.stop()
        if serving.fetching is not None:
            serving.fetching.close()


def _response(answered: Reply) -> Response:
    return Response(answered.body, answered.status, {**HEADERS, **answered.headers}, JSON)


def _fixed(content: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        return _response(Reply(200, content))
    return endpoint


def _discovery(serving: Serving) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        return _response(Reply(200, serving.edition.discovery))
    return endpoint


def _readyz(serving: Serving, writer: Writer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        book = serving.ready.rulebook
        told = {"status": "ready", "engine": serving.engine, "rulebook": {"version": book.book.version, "hash": book.hash, "rules": len(book.rules)},
                "day": serving.edition.day.isoformat(), "worker": os.getpid(), "reload": serving.reload.told(), "store": writer.state}
        named = site.told(book, serving.edition.day)
        if named:
            told["site"] = named
        if serving.fetching is not None:
            told["fhir"] = serving.fetching.told()
        if serving.ready.engine_note:
            told["engine_note"] = serving.ready.engine_note
        return _response(reply(told))
    return endpoint


async def _metrics(_: Request) -> Response:
    content, kind = metrics.exposition()
    return Response(content, headers={**HEADERS, "Content-Type": kind})


async def _http_error(_: Request, error: HTTPException) -> Response:
    if error.status_code == 404:
        known = ", ".join(f"/cds-services/{discovery.service_id(hook)}" for hook in HOOKS)
        told = outcome("not-found", f"there is nothing at this path; services: {known}")
    elif error.status_code == 405:
        told = outcome("not-supported", "this path does not answer this method; discovery is GET, services are POST")
    else:
        told = outcome("processing", str(error.detail))
    return _response(reply(told, error.status_code, dict(error.headers or {})))


async def _unexpected(_: Request, error: Exception) -> Response:
    return _response(unexpected(error))
