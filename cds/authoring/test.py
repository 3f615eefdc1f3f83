"""`cds test`: the examples of every rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds.authoring.check import check


def test(folders: Sequence[Path]) -> int:
    """Run the examples of every rule and show how many passed.  1 when one failed."""
    console = Console()
    found = check(folders, Console(stderr=True))
    errors = [one for one in found.problems if one.level == "error"]
    for one in errors:
        print(one)
    if found.book is None:
        return 1
    table = Table("rule", "version", "status", "examples", "passed", "answers and levels shown")
    for rule in found.book.rules:
        mine = [one for one in found.outcomes if one.rule.id == rule.id]
        passed = sum(one.passed for one in mine)
        shown = ", ".join(sorted({one.said for one in mine}))
        table.add_row(rule.id, rule.version, rule.status, str(len(mine)), Text(str(passed), "green" if passed == len(mine) else "red"), shown)
    console.print(table)
    console.print(f"{sum(one.passed for one in found.outcomes)} of {len(found.outcomes)} examples passed.")
    return 1 if errors else 0
