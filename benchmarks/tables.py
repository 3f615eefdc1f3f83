"""The figures as tables for the terminal and as one JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Compared, Memory


@dataclass(slots=True)
class Figures:
    """Everything one run measured, filled in as it goes."""

    kinds: list[Compared] = field(default_factory=list)
    rules: Compared | None = None
    start_ups: list[float] = field(default_factory=list)
    start_up_budget: float = 0.0
    memory: Memory | None = None
    growth_budget: float = 0.0

    def document(self) -> dict[str, Any]:
        """All figures for machines."""
        told = asdict(self)
        for one, shown in zip((*self.kinds, self.rules), (*told["kinds"], told["rules"])):
            if one is not None:
                shown["met"] = one.met
        if self.memory is not None:
            told["memory"]["growth"] = self.memory.growth
        return told


def show_kinds(console: Console, found: Sequence[Compared]) -> None:
    """What a request costs beside the floor."""
    rows = [(one.name, f"{one.first_cpu:.2f}", f"{one.second_cpu:.2f}", f"{one.ratio:.2f}", f"{one.lower:.2f}-{one.upper:.2f}",
             f"<= {one.budget:g}", _met(one.met), f"{one.p50:.2f}", f"{one.p95:.2f}", str(one.pairs)) for one in found]
    _show(console, "CPU ms per request beside a bare server, and wall ms of ours",
          ("request", "floor", "ours", "ratio", "mid half", "budget", "result", "p50", "p95", "pairs"), rows)


def show_rest(console: Console, found: Figures) -> None:
    """Rules, start and memory."""
    rows = []
    if found.rules is not None:
        one = found.rules
        rows.append((one.name, f"{one.first_cpu:.2f}, {one.second_cpu:.2f} ms CPU", f"{one.ratio:.2f}", f"<= {one.budget:g}", _met(one.met)))
    if found.start_ups:
        middle = median(found.start_ups)
        rows.append(("start to ready", ", ".join(f"{one:.2f}" for one in found.start_ups) + " s", f"{middle:.2f}",
                     f"< {found.start_up_budget:g}", _met(middle < found.start_up_budget)))
    if found.memory is not None:
        held = found.memory
        figures = f"{held.early / 1e6:.1f}, {held.late / 1e6:.1f} MB"
        name = f"memory at {held.early_requests:,}, {held.late_requests:,}"
        rows.append((name, figures, f"{held.growth:+.1%}", f"< {found.growth_budget:.0%}", _met(held.growth < found.growth_budget)))
    _show(console, "Growth with rules, start, memory", ("what", "figures", "value", "budget", "result"), rows)


def _show(console: Console, title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _met(met: bool) -> str:
    return "[green]met[/]" if met else "[red]not met[/]"
