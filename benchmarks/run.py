"""`python -m benchmarks.run`: what a request costs beside the floor, with more rules, at the start and over many requests.

Needs nothing but this machine: every server is a child process on a loopback port and ends with the run.
"""

from __future__ import annotations

import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Optional

import orjson
import typer
from rich.console import Console

from benchmarks import measure, rules, servers, tables
from benchmarks.requests import KINDS
from benchmarks.tables import Figures
from benchmarks.usage import NotMeasurable, refuse_unmeasurable

BUDGETS = {"small": 4.0, "large": 2.5, "other": 2.0}
RULES_BUDGET, START_BUDGET, GROWTH_BUDGET = 3.0, 2.0, 0.03
FEW_RULES, MANY_RULES = 100, 1000
_LARGE_IS = 8  # a large request counts as so many small ones
_EARLY = 1000


def benchmark(
    requests: Annotated[int, typer.Option(min=50, max=100_000, help="Small requests to each server; large ones are fewer.")] = 2000,
    rounds: Annotated[int, typer.Option(min=2, max=500, help="Rounds; the median of their ratios counts.")] = 40,
    memory: Annotated[int, typer.Option(min=1500, max=100_000, help="Requests after which memory is read for the last time.")] = 20_000,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer requests, and no rulebook of 1,000 rules.")] = False,
    json: Annotated[Optional[Path], typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Measure CPU per request against a bare server, growth with rules, start-up and memory."""
    console, now = Console(), datetime.now(timezone.utc)
    found = Figures(start_up_budget=START_BUDGET, growth_budget=GROWTH_BUDGET)
    try:
        refuse_unmeasurable()
        pairs, rounds, memory = (min(requests, 600), min(rounds, 20), min(memory, 4000)) if quick else (requests, rounds, memory)
        _kinds(console, found, now, pairs, rounds)
        with console.status("start-up"):
            found.start_ups = measure.start_ups(3)
        if not quick:
            with console.status(f"rulebooks of {FEW_RULES} and {MANY_RULES} rules"):
                _rulebooks(found, now, max(50, pairs // 8), min(rounds, 10))
        with console.status(f"memory over {memory} requests"):
            found.memory = measure.memory(KINDS["small"], now, _EARLY, memory)
    except (NotMeasurable, servers.ServerFailed) as failed:
        Console(stderr=True).print(f"benchmark: {failed}", markup=False)
        raise typer.Exit(2) from None
    tables.show_rest(console, found)
    if json is not None:
        json.write_bytes(orjson.dumps(found.document(), option=orjson.OPT_INDENT_2) + b"\n")


def _kinds(console: Console, found: Figures, now: datetime, pairs: int, rounds: int) -> None:
    with servers.floor() as floor, servers.product() as ours:
        measure.refuse_without_cross_check(ours)
        for kind in KINDS.values():
            with console.status(f"{kind.name} requests"):
                measure.refuse_silence(ours, kind, now)
                count = pairs // _LARGE_IS if kind.name == "large" else pairs
                found.kinds.append(measure.compared(kind.name, floor, ours, kind, now, count, rounds, BUDGETS[kind.name]))
        measure.refuse_without_cross_check(ours)
    tables.show_kinds(console, found.kinds)


def _rulebooks(found: Figures, now: datetime, pairs: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as few, tempfile.TemporaryDirectory() as many:
        found.rules = measure.rulebooks(rules.write(Path(few), FEW_RULES), rules.write(Path(many), MANY_RULES), KINDS["small"], now, pairs,
                                        rounds, RULES_BUDGET)


if __name__ == "__main__":
    typer.run(benchmark)
