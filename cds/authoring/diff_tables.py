"""What `cds diff` shows: requests with changed findings, answer trees side by side, counts per rule; or the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cds.authoring.compare import NO_RULE, Change, Comparison, Difference, Row, Tally, Trees
from cds.engine.decide import MET, NOT_APPLICABLE, NOT_MET, UNDECIDED
from cds.engine.explain import WORDS, Step
from cds.engine.formula import NO
from cds.pipeline import Ready

ANSWERS = (MET, NOT_MET, UNDECIDED, NOT_APPLICABLE)
_COLOURS = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_PLAIN_WIDTH = 160
Names = tuple[str, str]
Unread = Sequence[tuple[str, str]]


def show(found: Comparison, names: Names, unreadable: Unread, others: int, most: int) -> None:
    """Print the whole comparison; `most` lines of requests, the rest is counted."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PLAIN_WIDTH)
    for side, name, ready in zip(("old", "new"), names, (found.sides.old, found.sides.new)):
        console.print(f"{side}: [bold]{escape(name)}[/], {_described(ready)}", highlight=False)
    if found.differences:
        console.print(_requests(found.differences, most))
    for trees in found.trees:
        shown = _telling(trees.rows)
        if shown:
            console.print(_trees(trees, shown))
    changed = {rule: tally for rule, tally in found.tallies.items() if tally.changed}
    if changed:
        console.print(_counts(found, changed))
    for name, why in unreadable:
        console.print(f"[red]not compared[/] {escape(name)}: {escape(why)}", highlight=False)
    same = len(found.tallies) - len(changed)
    console.print(f"{same} {'rule answers' if same == 1 else 'rules answer'} every request as before." if same else "Every rule answers some request otherwise.")
    console.print(_summary(found, unreadable, others), highlight=False)


def _described(ready: Ready) -> str:
    book = ready.rulebook
    return f"rulebook {book.book.version}, {len(book.rules)} rules, {book.hash[:19]}…" + (f", site {book.site.name}" if book.site else "")


def _summary(found: Comparison, unreadable: Unread, others: int) -> str:
    cards = sum(one.cards_differ for one in found.differences)
    hidden = len(found.differences) - cards
    words = sum(not one.changes for one in found.differences)
    said = f"{cards} of {found.requests} requests get other cards" + (f" ({words} only in their words)" if words else "")
    said += f", {hidden} more get other answers behind the same cards" if hidden else ""
    said += f"; {len(unreadable)} could not be compared" if unreadable else ""
    return said + (f"; {others} JSON files are no request" if others else "") + "."


def _requests(differences: Sequence[Difference], most: int) -> Table:
    table = Table("request", "rule", "old", "new", "shown", title="Requests with other findings", title_justify="left", title_style="bold")
    lines = [(one.request, change) for one in differences for change in one.changes]
    lines += [(one.request, None) for one in differences if not one.changes]
    for name, change in lines[:most]:
        told = (change.rule, str(change.old), str(change.new), _severities(change)) if change else ("", "", "", "the same, in other words")
        table.add_row(Text(name, overflow="fold"), *told)
    if len(lines) > most:
        table.caption = f"and {len(lines) - most} more lines; --most {len(lines)} or --json shows them all"
    return table


def _severities(change: Change) -> Text:
    old, new = change.old.severity or "nothing", change.new.severity or "nothing"
    if old == new:
        return Text(old, _COLOURS.get(old, "dim"))
    return Text.assemble((old, _COLOURS.get(old, "dim")), " → ", (new, _COLOURS.get(new, "dim")))


def _trees(trees: Trees, shown: Sequence[Row]) -> Table:
    change = trees.change
    title = Text(f"{change.rule}: {change.old} → {change.new}, {trees.request}", "bold")
    table = Table("asked", "old", "new", "why", title=title, title_justify="left")
    if len(shown) < len(trees.rows):
        table.caption = f"{len(trees.rows) - len(shown)} lines that make no difference left out; --json holds them all"
    for row in shown:
        old, new = _answer(row.old), _answer(row.new)
        style = "bold" if old != new else "dim"
        table.add_row(_asked(row), Text(old, style), Text(new, style), Text(_why(row), overflow="fold"))
    return table


def _telling(rows: Sequence[Row]) -> list[Row]:
    """The lines in which the trees part, each below the groups it stands in; what both answer with no decides nothing."""
    kept: list[Row] = []
    wanted = 0  # groups above a kept line are kept while they stand further out
    for row in reversed(_not_no(rows)):
        depth = _depth(row)
        if _parts(row) or depth < wanted:
            wanted = depth
            kept.append(row)
    return kept[::-1]


def _not_no(rows: Sequence[Row]) -> list[Row]:
    """All lines but those that both trees answer with no, and what stands below them."""
    kept: list[Row] = []
    below: int | None = None
    for row in rows:
        depth = _depth(row)
        if below is None or depth <= below:
            no = all(step.value == NO for step in (row.old, row.new) if step)
            below = depth if no else None
            if not no:
                kept.append(row)
    return kept


def _depth(row: Row) -> int:
    return max(step.depth for step in (row.old, row.new) if step)


def _parts(row: Row) -> bool:
    return row.old is None or row.new is None or (row.old.value, row.old.asked) != (row.new.value, row.new.asked)


def _asked(row: Row) -> Text:
    step = row.old or row.new
    assert step is not None
    indent = "  " * step.depth
    if row.old and row.new:
        same = row.old.asked == row.new.asked
        return Text(indent + row.old.asked + ("" if same else f"\n{'  ' * row.new.depth}→ {row.new.asked}"))
    return Text(indent + step.asked)


def _answer(step: Step | None) -> str:
    return WORDS[step.value] if step else "–"


def _why(row: Row) -> str:
    sides = [(side, _reasons(step)) for side, step in (("old", row.old), ("new", row.new)) if step and step.why]
    return sides[0][1] if len({why for _, why in sides}) == 1 else "\n".join(f"{side}: {why}" for side, why in sides)


def _reasons(step: Step) -> str:
    return "; ".join(step.why)


def _counts(found: Comparison, changed: Mapping[str, Tally]) -> Table:
    table = Table("rule", "version", *ANSWERS, "changed", title="Answers per rule, old → new", title_justify="left", title_style="bold")
    versions = [{rule.id: rule.version for rule in ready.rulebook.as_shipped} for ready in (found.sides.old, found.sides.new)]
    for rule, tally in sorted(changed.items()):
        version = _arrow(*(one.get(rule, "–") for one in versions))
        numbers = [_arrow(*(_number(side, answer) for side in (tally.old, tally.new))) for answer in ANSWERS]
        table.add_row(rule, version, *numbers, Text(str(tally.changed), "bold" if tally.changed else "dim"))
    return table


def _number(side: Any, answer: str) -> str:
    return "–" if side.keys() == {NO_RULE} else str(side[answer])


def _arrow(old: str, new: str) -> str:
    return old if old == new else f"{old} → {new}"


def as_json(found: Comparison, names: Names, unreadable: Unread, others: int) -> dict[str, Any]:
    """The whole comparison as plain JSON values."""
    return {
        **{side: _rulebook(name, ready) for side, name, ready in zip(("old", "new"), names, (found.sides.old, found.sides.new))},
        "as_of": found.sides.now.isoformat(), "requests": found.requests,
        "changed": [{"request": one.request, "cards_differ": one.cards_differ, "rules": [_change(change) for change in one.changes]}
                    for one in found.differences],
        "rules": {rule: _tally(tally) for rule, tally in sorted(found.tallies.items())},
        "trees": [{"request": one.request, **_change(one.change), "steps": [_row(row) for row in one.rows]} for one in found.trees],
        "unreadable": [{"file": name, "why": why} for name, why in unreadable], "other_files": others,
    }


def _rulebook(name: str, ready: Ready) -> dict[str, Any]:
    book = ready.rulebook
    return {"name": name, "version": book.book.version, "hash": book.hash, "rules": len(book.rules), "site": book.site.name if book.site else None}


def _change(change: Change) -> dict[str, Any]:
    return {"rule": change.rule, **{side: {"answer": state.answer, "severity": state.severity or None, "shown": state.shown,
                                           **({"orders": dict(state.orders)} if state.orders else {}), **({"note": state.note} if state.note else {})}
                                    for side, state in (("old", change.old), ("new", change.new))}}


def _tally(tally: Tally) -> dict[str, Any]:
    sides = {side: {answer: counted[answer] for answer in ANSWERS} for side, counted in (("old", tally.old), ("new", tally.new))}
    return {**sides, "changed": tally.changed}


def _row(row: Row) -> dict[str, Any]:
    return {side: {"depth": step.depth, "asked": step.asked, "answer": WORDS[step.value], "why": _reasons(step)} if step else None
            for side, step in (("old", row.old), ("new", row.new))}
