"""`python -m benchmarks.reloads`: rule files change again and again under traffic; nothing may be lost, mixed or left behind.

Every change is a new version of one rule, written by rename as editors do.  Each response must come wholly from one of
the two rulebooks that can be in force at that moment, and memory, open files, threads and child processes must stay level.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from benchmarks import servers
from benchmarks.requests import KINDS, PATH, document
from benchmarks.usage import NotMeasurable, Used, refuse_unmeasurable, used
from cds import rulebook

RULE = "interactions/theophylline.yaml"
PATIENCE = 120.0
GROWTH_BUDGET = 0.05
_BOOK = "org.ketamine-cds.rulebook"


class SoakFailed(RuntimeError):
    """A response was lost or mixed, or a change never came into force."""


@dataclass(slots=True)
class Traffic:
    """One connection that asks without a pause, what it got, and which rulebooks may answer now."""

    server: servers.Server
    bodies: list[bytes]
    allowed: frozenset[str]
    seconds: list[float] = field(default_factory=list)
    by_hash: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until stopped, or until an answer is not as it must be."""
        number = 0
        while not self.stop.is_set() and not self.failure:
            allowed = self.allowed
            try:
                content, seconds = self.server.post(PATH, self.bodies[number % len(self.bodies)])
            except (OSError, servers.ServerFailed) as error:
                self.failure = f"a request was lost: {error}"
                return
            found = {card["extension"][_BOOK]["hash"] for card in orjson.loads(content)["cards"]}
            if len(found) != 1 or not found <= allowed | self.allowed:
                self.failure = f"an answer came from the rulebooks {sorted(found)}"
            self.seconds.append(seconds)
            self.by_hash.update(found)
            number += 1
            time.sleep(0.04)


@dataclass(frozen=True, slots=True)
class Soaked:
    """What a soak measured: use after so many reloads, seconds from write to service, seconds of every response."""

    uses: dict[int, Used]
    reloads: list[float]
    responses: list[float]
    rulebooks: int


def soak(server: servers.Server, rules: Path, count: int, samples: int, progress: Any = None) -> Soaked:
    """Change the rule so many times; SoakFailed at the first response or reload that is not as it must be."""
    now = datetime.now(timezone.utc)
    bodies = [orjson.dumps(document(KINDS["small"], now, number)) for number in range(4)]
    before = rulebook.content_hash([rules])
    traffic = Traffic(servers.Server("traffic", server.port, server.pid, 0), bodies, frozenset((before,)))
    thread = threading.Thread(target=traffic.run)
    thread.start()
    uses, reloads = {}, []
    try:
        _until_served(server, before, traffic)
        for number in range(1, count + 1):
            after = _write(rules, number)
            traffic.allowed = frozenset((before, after))
            reloads.append(_until_served(server, after, traffic))
            traffic.allowed, before = frozenset((before, after)), after
            if number in (1, 5) or number % max(1, count // samples) == 0:
                uses[number] = used(server.pid)
            if progress is not None:
                progress(number, uses.get(number))
    finally:
        traffic.stop.set()
        thread.join()
    if traffic.failure:
        raise SoakFailed(traffic.failure)
    return Soaked(uses, reloads, traffic.seconds, len(traffic.by_hash))


def _write(rules: Path, number: int) -> str:
    """A new version of the rule, put in place at once; the hash of the rulebook that it makes."""
    path = rules / RULE
    fresh = path.with_suffix(".new")
    fresh.write_text(re.sub(r"(?m)^version: .*", f"version: 1.0.{number}", path.read_text(encoding="utf-8")), encoding="utf-8")
    fresh.replace(path)
    return rulebook.content_hash([rules])


def _until_served(server: servers.Server, wanted: str, traffic: Traffic) -> float:
    started = time.perf_counter()
    while time.perf_counter() - started < PATIENCE:
        told = server.get("/readyz")
        if traffic.failure:
            raise SoakFailed(traffic.failure)
        if told["rulebook"]["hash"] == wanted and wanted in traffic.by_hash:  # it is in force, and a request has met it
            return time.perf_counter() - started
        time.sleep(0.05)
    raise SoakFailed(f"a change was not in force after {PATIENCE:g} s; /readyz says {told['reload']}")


def show(console: Console, found: Soaked) -> bool:
    """The figures as a table; whether use stayed level after the first reloads."""
    table = Table("reloads", "memory MB", "open files", "threads", "child processes", title="Use of the service", title_justify="left")
    for number, one in found.uses.items():
        table.add_row(str(number), f"{one.resident / 1e6:.1f}", str(one.files), str(one.threads), str(one.children))
    console.print(table)
    first, last = [*found.uses.values()][len(found.uses) // 3], [*found.uses.values()][-1]
    reloads, responses = sorted(found.reloads), sorted(found.responses)
    console.print(f"{len(reloads)} reloads, median {reloads[len(reloads) // 2]:.2f} s from write to service, slowest {reloads[-1]:.2f} s.")
    console.print(f"{len(responses)} responses from {found.rulebooks} rulebooks, none lost, none mixed; median "
                  f"{responses[len(responses) // 2] * 1000:.1f} ms, 99.9 % under {responses[int(len(responses) * 0.999)] * 1000:.0f} ms, "
                  f"slowest {responses[-1] * 1000:.0f} ms.")
    growth = last.resident / first.resident - 1
    level = growth <= GROWTH_BUDGET and last.files <= first.files + 2 and last.threads <= first.threads + 2
    console.print(f"Memory {growth:+.1%} over the last two thirds (budget {GROWTH_BUDGET:.0%}): {'level' if level else 'NOT level'}.")
    return level


def _step(bar: Progress, task: TaskID, number: int, use: Used | None) -> None:
    bar.update(task, completed=number)
    if use is not None:
        bar.console.print(f"after {number} reloads: {use.resident / 1e6:.1f} MB, {use.files} files, {use.threads} threads, {use.children} children")


def benchmark(
    reloads: Annotated[int, typer.Option(min=3, max=10_000, help="How many times the rule changes.")] = 1000,
    samples: Annotated[int, typer.Option(min=3, max=100, help="How many times use is read.")] = 20,
) -> None:
    """Reload under traffic many times and show what the service uses."""
    console = Console()
    try:
        refuse_unmeasurable()
        with tempfile.TemporaryDirectory() as folder, Progress(console=console, transient=True) as bar:
            rules = Path(shutil.copytree(rulebook.shipped(), Path(folder, "rules")))
            task = bar.add_task("reloads", total=reloads)
            with servers.product(rules) as server:
                found = soak(server, rules, reloads, samples, partial(_step, bar, task))
    except (NotMeasurable, servers.ServerFailed, SoakFailed) as failed:
        Console(stderr=True).print(f"benchmark: {failed}", markup=False)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if show(console, found) else 1)


if __name__ == "__main__":
    typer.run(benchmark)
