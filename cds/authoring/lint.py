"""`cds lint`: every problem of the rule files, as text, JSON or GitHub annotations."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
from rich.console import Console

from cds import clock
from cds.authoring.check import check
from cds.authoring.released import released
from cds.authoring.versions import not_raised
from cds.rulefile.problems import Problem


def lint(folders: Sequence[Path], form: str, site: Path | None = None, since: str | None = None) -> int:
    """Print every problem; nothing when there is none.  1 when an error was found.  `since` names released rules to compare with."""
    checked = check(folders, Console(stderr=True), site=site)
    found = checked.problems
    if since is not None and checked.book is not None:
        with released(since, folders[0], clock.now().date()) as before:
            found = tuple(sorted({*found, *not_raised(before.book, checked.book)}))
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps([_as_json(one) for one in found], option=orjson.OPT_INDENT_2) + b"\n")
    for one in found if form != "json" else ():
        print(_as_github(one) if form == "github" else one)
    return 1 if any(one.level == "error" for one in found) else 0


def _as_json(one: Problem) -> dict[str, object]:
    return {"file": str(one.place.path), "line": one.place.line, "column": one.place.column, "level": one.level, "name": one.name,
            "what": one.what, "fix": one.fix}


def _as_github(one: Problem) -> str:
    path = one.place.path.resolve()
    here = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else one.place.path
    said = _escaped(f"{one.what}. {one.fix}", "")
    return f"::{one.level} file={_escaped(here.as_posix(), ':,')},line={one.place.line},col={one.place.column},title={one.name}::{said}"


def _escaped(text: str, further: str) -> str:
    """A text as GitHub's workflow commands take it."""
    return "".join(f"%{ord(char):02X}" if char in f"%\r\n{further}" else char for char in text)
