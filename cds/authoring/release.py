"""`cds release`: versions raised by how far old answers changed, and the clinicians' list of changes."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds import clock, rulebook
from cds.authoring import changelog, docs
from cds.authoring.changelog import Release
from cds.authoring.check import check
from cds.authoring.places import own
from cds.authoring.released import released
from cds.authoring.versions import MAJOR, MINOR, NEW, SAME, Changed, compare, gone, numbers
from cds.options import stop
from cds.rulebook import Rulebook

_COLOURS = {MAJOR: "bold red", MINOR: "yellow", NEW: "green"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the author said: the released rules, the first day, the reason, whether it is the first release or a look only."""

    since: str | None = None
    start: str | None = None
    because: str | None = None
    first: bool = False
    dry_run: bool = False


def release(folders: Sequence[Path], asked: Asked) -> int:
    """Show what changed since the released rules, then write versions, the list of changes and the index.  1 where rules have errors."""
    if len(folders) > 1:
        stop(f"a release is made of one rule folder; name one with --rules, not {len(folders)}")
    folder = own(folders[0])
    if asked.first and asked.since:
        stop("--first and --since exclude each other: a first release has nothing to compare with")
    start = None if asked.start is None else _day(asked.start)
    if _errors(folder):
        return 1
    today = clock.now().date()
    book = rulebook.load_whole([folder], today)
    if asked.first:
        changes, name, before = [Changed(rule, None, NEW, rule.version, ("new rule",)) for rule in book.rules if rule.status != "draft"], "", None
    else:
        with released(asked.since, folder, today) as old:
            missing = gone(old.book, book)
            if missing:
                stop(f"{', '.join(missing)}: released at `{old.name}` and now missing or a draft again; a released rule stays: "
                     "give it `status: retired` and `until`")
            changes, name, before = compare(old.book, book), old.name, old.book.book.version
    moved = [one for one in changes if one.size != SAME or one.version != one.rule.version]
    _table(changes, moved, name)
    if not moved or asked.dry_run:
        return 0
    start, because = start or _day(_answer("--from", "First day on which clinicians meet the change (YYYY-MM-DD)")), asked.because or _answer(
        "--because", "Why the rules change, in one or two sentences for clinicians")
    if not because.strip():
        stop("--because is empty; say in one or two sentences for clinicians why the rules change")
    _write(folder, book, moved, Release(_next(before, book.book.version, start), start, because))
    return 0


def _errors(folder: Path) -> bool:
    """Print what keeps the rules from being released: every error but an outdated index and the open examples of drafts."""
    checked = check([folder], Console(stderr=True))
    drafts = {rule.node.place.path for rule in checked.book.rules if rule.status == "draft"} if checked.book else set()
    errors = [one for one in checked.problems if one.level == "error" and one.name != "index-out-of-date" and one.place.path not in drafts]
    for one in errors:
        print(one)
    if errors:
        sys.stderr.write(f"cds: {len(errors)} problem(s) above; nothing was released\n")
    return bool(errors)


def _table(changes: Sequence[Changed], moved: Sequence[Changed], name: str) -> None:
    console = Console()
    same = len(changes) - len(moved)
    if moved:
        table = Table("rule", "old", "new", "why")
        for one in moved:
            table.add_row(one.rule.id, one.old.version if one.old else "", Text(one.version, _COLOURS.get(one.size, "")), Text("; ".join(one.why), overflow="fold"))
        console.print(table)
    unchanged = "1 rule is unchanged" if same == 1 else f"{same} rules are unchanged"
    console.print(f"{unchanged} since {name}." if name else f"{len(moved)} rules, all new.", highlight=False)


def _answer(option: str, question: str) -> str:
    """What the author types at a terminal; stops where there is none to ask."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        stop(f"nothing was written: {option} is needed. {question}")
    return typer.prompt(question)


def _day(text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()):
            raise ValueError
        return date.fromisoformat(text.strip())
    except ValueError:
        stop(f"--from: `{text}` is not a day; write for example 2026-12-01")


def _next(before: str | None, now: str, start: date) -> str:
    """The version of the rulebook: year, month of the first day, and a counter; never lower than the one it has."""
    if before is None:
        return now
    year, month, counter = numbers(before)
    if (start.year, start.month) < (year, month):
        stop(f"--from: {start} lies before the released rulebook {before}; choose a later day")
    needed = (start.year, start.month, counter + 1 if (start.year, start.month) == (year, month) else 1)
    return ".".join(map(str, max(needed, numbers(now))))


def _write(folder: Path, book: Rulebook, moved: Sequence[Changed], made: Release) -> None:
    path = folder / changelog.FILE
    text = changelog.updated(path.read_text(encoding="utf-8") if path.exists() else "", made, moved, book)
    files = {one.rule.node.place.path: _raised(one.rule.node.place.path, one.rule.version, one.version) for one in moved}
    files[folder / "book.yaml"] = _raised(folder / "book.yaml", book.book.version, made.version)
    for file, data in files.items():
        file.write_bytes(data)
    path.write_text(text, encoding="utf-8", newline="\n")
    docs.write(rulebook.load_whole([folder], clock.now().date()), folder)
    print(f"Rulebook {made.version}: versions, {path} and {folder / docs.FILE} written. Read them, then commit.")


def _raised(path: Path, old: str, new: str) -> bytes:
    """The content of a file with another version in its own line, and nothing else changed, not even line ends."""
    pattern = rb"(?m)^((?:\xef\xbb\xbf)?version:[ \t]*[\"']?)" + re.escape(old.encode())
    changed, count = re.subn(pattern, lambda match: match[1] + new.encode(), path.read_bytes(), count=1)
    if not count:
        stop(f"{path}: no line `version: {old}` to change; nothing was written")
    return changed
