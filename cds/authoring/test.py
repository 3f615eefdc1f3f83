"""`cds test`: the examples and the deliberate breaks of every rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds.authoring.breaks import broken, problems
from cds.authoring.check import Checked, check
from cds.authoring.read import chosen
from cds.examples.breaks import Tried


def test(folders: Sequence[Path], name: str | None = None) -> int:
    """Run the examples of every rule (or of one), break it in every way, and show what passed and what went unnoticed.  1 when an error was found."""
    console, progress = Console(), Console(stderr=True)
    found = check(folders, progress)
    if found.book is not None and name is not None:
        found = _of(found, name)
    errors = [one for one in found.problems if one.level == "error" and one.name != "index-out-of-date"]  # that is for `cds lint`
    done = broken(found.book, found.outcomes, progress) if found.book is not None else []
    about_breaks = sorted(one for each, examples in done for one in problems(each, examples))
    tried = [each for each, _ in done]
    for one in (*errors, *about_breaks):
        print(one)
    if found.book is None:
        return 1
    for text in _accepted(tried):
        print(text)
    console.print(_table(found, tried))
    count, quiet = sum(each.count for each in tried), sum(len(each.unnoticed) for each in tried)
    accepted = sum(len(each.accepted) for each in tried)
    print(f"{sum(one.passed for one in found.outcomes)} of {len(found.outcomes)} examples passed. "
          f"{count - quiet - accepted} of {count} breaks noticed, {accepted} accepted, {quiet} unnoticed.")
    return 1 if errors or any(one.level == "error" for one in about_breaks) else 0


def _of(found: Checked, name: str) -> Checked:
    """What concerns one rule: its outcomes, and the problems of its file and of all that is no rule."""
    assert found.book is not None
    (rule,), paths = chosen(found.book, name), {rule.node.place.path for rule in found.book.rules}
    mine = tuple(one for one in found.problems if one.place.path == rule.node.place.path or one.place.path not in paths)
    return Checked(replace(found.book, rules=(rule,)), mine, tuple(one for one in found.outcomes if one.rule.id == rule.id))


def _accepted(tried: Sequence[Tried]) -> Iterator[str]:
    """The accepted breaks with their reasons; those of one rule for one reason stand together."""
    for each in tried:
        reasons: dict[str, list[str]] = {}
        for entry in each.accepted:
            reasons.setdefault(" ".join(entry.because.split()), []).append(entry.name)
        for because, names in reasons.items():
            yield "\n".join([f"accepted in {each.rule.id}: {because}", *(f"  {name}" for name in names)])


def _table(found: Checked, tried: Sequence[Tried]) -> Table:
    table = Table("rule", "version", "examples\npassed", "breaks\nnoticed", "breaks\naccepted")
    for each in tried:
        rule = each.rule
        mine = [one for one in found.outcomes if one.rule.id == rule.id]
        passed = sum(one.passed for one in mine)
        table.add_row(Text(rule.id, overflow="fold"), rule.version if rule.status == "active" else rule.status,
                      Text(f"{passed} of {len(mine)}", "green" if passed == len(mine) else "red"),
                      Text(f"{each.noticed} of {each.count}", "red" if each.unnoticed else "green"), str(len(each.accepted)))
    return table
