"""The figures as tables for the terminal and as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

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
    table = Table(title="CPU per request beside a bare server, asked in turn; p50 and p95 are wall times of ours")
    for heading in ("request", "floor ms", "ours ms", "ratio", "budget", "result", "p50 ms", "p95 ms", "pairs"):
        table.add_column(heading, justify="left" if heading == "request" else "right", no_wrap=True)
    for one in found:
        table.add_row(one.name, f"{one.first_cpu:.3f}", f"{one.second_cpu:.3f}", f"{one.ratio:.2f}", f"≤ {one.budget:g}",
                      _met(one.met), f"{one.p50:.2f}", f"{one.p95:.2f}", str(one.pairs))
    console.print(table)


def show_rest(console: Console, found: Figures) -> None:
    """Rules, start and memory."""
    table = Table(title="Growth, start and memory")
    for heading in ("what", "figures", "value", "budget", "result"):
        table.add_column(heading, justify="left" if heading in ("what", "figures") else "right")
    if found.rules is not None:
        one = found.rules
        table.add_row("small request, 100 and 1,000 rules", f"{one.first_cpu:.2f} and {one.second_cpu:.2f} ms CPU", f"{one.ratio:.2f} times",
                      f"≤ {one.budget:g} times", _met(one.met))
    if found.start_ups:
        middle = sorted(found.start_ups)[len(found.start_ups) // 2]
        table.add_row("start to ready", ", ".join(f"{one:.2f}" for one in found.start_ups) + " s", f"{middle:.2f} s",
                      f"< {found.start_up_budget:g} s", _met(middle < found.start_up_budget))
    if found.memory is not None:
        held = found.memory
        table.add_row(f"memory after {held.early_requests:,} and {held.late_requests:,} requests",
                      f"{held.early / 1e6:.1f} and {held.late / 1e6:.1f} MB", f"{held.growth:+.1%}", f"< {found.growth_budget:.0%}",
                      _met(held.growth < found.growth_budget))
    console.print(table)


def _met(met: bool) -> str:
    return "[green]met[/]" if met else "[red]not met[/]"
