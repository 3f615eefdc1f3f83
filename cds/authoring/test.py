"""`cds test`: the examples and the deliberate breaks of every rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds.authoring.breaks import broken, problems
from cds.authoring.check import Checked, check
from cds.examples.breaks import Tried


def test(folders: Sequence[Path]) -> int:
    """Run the examples of every rule, break it in every way, and show what passed and what went unnoticed.  1 when an error was found."""
    console, progress = Console(), Console(stderr=True)
    found = check(folders, progress)
    errors = [one for one in found.problems if one.level == "error"]
    done = broken(found.book, found.outcomes, progress) if found.book is not None else []
    about_breaks = sorted(one for each, examples in done for one in problems(each, examples))
    tried = [each for each, _ in done]
    for one in (*errors, *about_breaks):
        print(one)
    if found.book is None:
        return 1
    console.print(_table(found, tried))
    for each in tried:
        for entry in each.accepted:
            console.print(f"accepted in {each.rule.id}: {entry.name}\n  because {entry.because}", markup=False, highlight=False)
    count, quiet = sum(each.count for each in tried), sum(len(each.unnoticed) for each in tried)
    accepted = sum(len(each.accepted) for each in tried)
    console.print(f"{sum(one.passed for one in found.outcomes)} of {len(found.outcomes)} examples passed. "
                  f"{count - quiet - accepted} of {count} breaks noticed, {accepted} accepted, {quiet} unnoticed.")
    return 1 if errors or any(one.level == "error" for one in about_breaks) else 0


def _table(found: Checked, tried: Sequence[Tried]) -> Table:
    table = Table("rule", "version", "status", "examples passed", "breaks noticed", "accepted", "answers and levels shown")
    for each in tried:
        rule = each.rule
        mine = [one for one in found.outcomes if one.rule.id == rule.id]
        passed, noticed = sum(one.passed for one in mine), each.noticed
        shown = ", ".join(sorted({f"{one.answer} {one.show}".strip() for one in mine}))
        table.add_row(rule.id, rule.version, rule.status, Text(f"{passed} of {len(mine)}", "green" if passed == len(mine) else "red"),
                      Text(f"{noticed} of {each.count}", "red" if each.unnoticed else "green"), str(len(each.accepted)), shown)
    return table
