"""`cds status`: what a running service says of itself, as a table for people or as JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

ASKED = 8
"""How often /readyz is asked, each time on a line of its own, so that several workers are seen."""
TIMEOUT = 5.0
_MOST = 100_000


class Unreachable(Exception):
    """Nothing that is this service answers; the message says where and why."""


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A service never sends its callers elsewhere."""
        return None


_OPENER = build_opener(ProxyHandler({}), _Stay())


@dataclass(frozen=True, slots=True)
class Found:
    """What every worker that answered says, by worker, and everything that is wrong, one sentence each."""

    base: str
    workers: dict[int, dict[str, Any]]
    wrong: list[str] = field(default_factory=list)


def status(url: str, as_json: bool) -> int:
    """Print the state of a service: 0 fine, 1 something is wrong, 2 unreachable."""
    try:
        found = ask(url)
    except Unreachable as nothing:
        sys.stderr.write(f"cds: {nothing}\n")
        return 2
    if as_json:
        told = {"url": found.base, "fine": not found.wrong, "wrong": found.wrong, "workers": [*found.workers.values()]}
        sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        _show(found, Console(highlight=False))
    return 1 if found.wrong else 0


def ask(url: str) -> Found:
    """Ask /livez once and /readyz several times; Unreachable when the service does not answer."""
    base = (url if "://" in url else f"http://{url}").rstrip("/")
    if not _is_address(base):
        raise Unreachable(f"`{url}` is not the address of a service; write for example http://127.0.0.1:8080")
    if _get(base, "/livez").get("status") != "alive":
        raise Unreachable(f"{base} does not say that it is alive; is another server listening there?")
    answers = [_get(base, "/readyz") for _ in range(ASKED)]
    if not all(isinstance(one.get("rulebook"), dict) and "hash" in one["rulebook"] for one in answers):
        raise Unreachable(f"{base}/readyz names no rulebook; is another server listening there?")
    workers = {one.get("worker", 0): one for one in answers}
    return Found(base, workers, wrong_with(workers))


def _is_address(base: str) -> bool:
    try:
        parts = urlsplit(base)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and base.isascii() and base.isprintable() and " " not in base
    except ValueError:  # brackets or a port that are none
        return False


def _get(base: str, path: str) -> dict[str, Any]:
    try:
        try:
            with _OPENER.open(base + path, timeout=TIMEOUT) as answer:
                content = answer.read(_MOST)
        except HTTPError as refused:
            content = refused.read(_MOST)
        told = orjson.loads(content)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(f"nothing answers at {base} ({getattr(reason, 'strerror', None) or reason}); start it with `cds serve`, or name its "
                          "address: `cds status http://127.0.0.1:8080`") from None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Unreachable(f"{base}{path} answers without the JSON of this service; is another server listening there?")
    return told


def wrong_with(workers: dict[int, dict[str, Any]]) -> list[str]:
    """What is wrong with a service, given what each worker says; one sentence each."""
    found = []
    for told in workers.values():
        if told.get("status") != "ready":
            found.append(f"the service is {told.get('status')}")
        if told.get("engine") == "disagreeing":
            found.append("the inference engine and the reference evaluator disagreed; see the log of the service")
        if told.get("reload", {}).get("state") == "refused":
            found.append("changed rule files are refused; older rules stay in force")
    if len({told["rulebook"]["hash"] for told in workers.values()}) > 1:
        checking = any(told.get("reload", {}).get("checking") for told in workers.values())
        found.append("workers serve different rulebooks" + ("; a change is just being checked" if checking else ""))
    return [*dict.fromkeys(found)]


def _site(told: Any) -> str | None:
    """What a site changes, in one line; None without a site."""
    if not isinstance(told, dict):
        return told
    changed = [f"{one.get('rule')}: {one.get('setting')} {one.get('is')}" for one in told.get("settings", ())]
    changed += [f"{word}: {', '.join(map(str, told[key]))}" for key, word in (("switched_off", "off"), ("silent", "silent")) if told.get(key)]
    return f"{told.get('name')} ({'; '.join(changed) or 'as the rulebook'})"


def _show(found: Found, console: Console) -> None:
    shown = next((told for told in found.workers.values() if told.get("reload", {}).get("state") == "refused"), [*found.workers.values()][0])
    book, reload = shown["rulebook"], shown.get("reload", {})
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    rows = [("service", found.base), ("state", "; ".join(found.wrong) or "fine"), ("rulebook", book.get("version")),
            *(("hash", one) for one in dict.fromkeys(told["rulebook"]["hash"] for told in found.workers.values())),
            ("rules in force", f"{book.get('rules')} on {shown.get('day')}"), ("site", _site(shown.get("site"))),
            ("engine", " · ".join(filter(None, (shown.get("engine"), shown.get("engine_note"))))),
            ("rule files", " · ".join(filter(None, (f"{reload.get('state')} since {reload.get('since')}", "checking now" if reload.get("checking") else "")))),
            ("workers seen", len(found.workers))]
    for name, value in rows:
        if value is not None:
            table.add_row(name, Text(str(value), "red" if name == "state" and found.wrong else "green" if name == "state" else ""))
    console.print(table)
    for problem in reload.get("problems", ()):
        console.print(Text(f"  {problem}", "red"), soft_wrap=True)
    more = reload.get("count", 0) - len(reload.get("problems", ()))
    if more > 0:
        console.print(f"  and {more} more; `cds lint` names them all")
