"""Start the service: check the rulebook first, say where it listens, hand over to uvicorn."""

from __future__ import annotations

import gc
import importlib
import json
import os
import shlex
import socket
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.markup import escape

from cds.completion import SHARE
from cds.examples.run import prove
from cds.pipeline import Ready
from cds.settings import SettingRefused, Settings, to_environment
from cds.store.records import StoreRefused, StoreUnreachable
from cds.web import site
from cds.web.trying import Handover, kept, pack

_TRY = {
    "hook": "order-sign", "hookInstance": "try-1",
    "context": {"userId": "Practitioner/1", "patientId": "1", "draftOrders": {"resourceType": "Bundle", "entry": [
        {"resource": {"resourceType": "MedicationRequest", "id": "draft-1", "status": "draft", "intent": "order",
                      "medicationCodeableConcept": {"text": "ketamine 40 mg IV"}, "subject": {"reference": "Patient/1"}}},
        {"resource": {"resourceType": "MedicationRequest", "id": "draft-2", "status": "draft", "intent": "order",
                      "medicationCodeableConcept": {"text": "theophylline"}, "subject": {"reference": "Patient/1"}}}]}},
}


def run(settings: Settings) -> int:
    """Serve until stopped; RulesRefused or SettingRefused before anything listens."""
    _refuse_taken_port(settings)
    soon = "cds.web.app" if settings.workers == 1 else "cds.store.migrate"
    threading.Thread(target=importlib.import_module, args=(soon,), daemon=True).start()  # while the engine's trial runs in a child process
    from cds.web.app import build, start
    edition = start(settings)
    ready = edition.ready
    prove(ready.rulebook, ready.inference is not None)
    _announce(settings, ready, _store(settings.store))
    log = {"log_level": "warning", "access_log": False, "server_header": False, "timeout_keep_alive": 30, "http": "cds.web.line:Line", "ws": "none"}
    if settings.workers == 1:
        calm_collector()
        uvicorn.run(build(edition, settings), host=settings.host, port=settings.port, **log)
        return 0
    if ready.inference is not None:
        ready.inference.close()
    with tempfile.TemporaryDirectory(prefix="cds-workers-") as folder:
        settings = replace(settings, handover=Path(folder))
        Handover(settings.handover).keep("in force", pack(kept(edition.key, edition.day, ready)))
        os.environ.update(to_environment(settings), PROMETHEUS_MULTIPROC_DIR=folder)
        uvicorn.run("cds.web.server:worker", factory=True, host=settings.host, port=settings.port, workers=settings.workers, **log)
    return 0


def worker():
    """The application of one of several workers."""
    from cds.web.app import create
    app = create()
    calm_collector()
    return app


def calm_collector() -> None:
    """The rulebook lives as long as the process: keep the collector from walking it for every large request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _refuse_taken_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingRefused(f"--port: cannot listen on {settings.host} port {settings.port} ({error.strerror}); choose another port") from None


def _store(url: str) -> str:
    """Bring the store up to date and say which it is; SettingRefused where it can never be used."""
    from cds.store import connect, migrate
    try:
        before = migrate.prepare(url)
    except StoreRefused as refused:
        raise SettingRefused(f"--store: {refused}") from None
    except StoreUnreachable as trouble:
        return f"{connect.told(url)} does not answer ({trouble}); feedback is refused with 503 until it does, hooks are answered"
    now = migrate.NEEDED if before in (None, migrate.NEEDED) else f"{migrate.NEEDED}, brought up from {before}"
    return f"{connect.told(url)} (schema {now})"


def _announce(settings: Settings, ready: Ready, store: str) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base = f"http://{host}:{settings.port}/cds-services"
    book = ready.rulebook
    console = Console(highlight=False, soft_wrap=True)
    engine = "durable-rules, checked against the reference evaluator" if ready.inference else f"reference evaluator only ({ready.engine_note})"
    console.print(f"[bold]ketamine-cds[/] · rulebook {book.book.version}, {len(book.rules)} rules, awaiting clinical sign-off · {book.hash[:23]}…")
    console.print(f"Engine: {engine}")
    console.print(f"Store: {store}", markup=False)
    for line in site.lines(book):
        console.print(escape(line))
    for warning in book.site.warnings if book.site else ():
        console.print(escape(str(warning)), style="yellow")
    if settings.as_of:
        console.print(f"Judging as of {settings.as_of.isoformat()}, not by the clock.")
    for base in settings.fhir_bases:
        console.print(f"What prefetch leaves out is fetched from {base}, within {int(settings.deadline * SHARE)} ms.", markup=False)
    console.print("Unauthenticated calls are accepted because this is a loopback address.")
    console.print(f"Discovery: [bold]{base}[/]")
    console.print("Try it (ketamine and theophylline ordered together):")
    body = json.dumps(_TRY, separators=(",", ":"))
    print(f"  curl -s -H 'Content-Type: application/json' {base}/ketamine-order-sign -d {shlex.quote(body)}", flush=True)
