"""`cds docs`: INDEX.md of every rule folder, written or held against the rules."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from cds import clock, rulebook
from cds.authoring.index import index
from cds.authoring.places import own
from cds.rulebook import Rulebook
from cds.rulefile.problems import Place, Problem

FILE = "INDEX.md"


def docs(folders: Sequence[Path], check: bool) -> int:
    """Write INDEX.md into every folder that has rules; with `check` write nothing and return 1 where one is missing or outdated."""
    book = rulebook.load_whole(folders, clock.now().date())
    found = [problem for folder in folders for problem in outdated(book, folder, wanted=True)]
    if check:
        sys.stdout.write("".join(f"{problem}\n" for problem in found))
        return 1 if found else 0
    for problem in found:
        write(book, own(problem.place.path.parent))
        print(f"{problem.place.path} written")
    if not found:
        print(f"{FILE} says what the rules say; nothing to write.")
    return 0


def write(book: Rulebook, folder: Path) -> None:
    """Write the index of one folder; `book` holds every rule, in force or not."""
    (folder / FILE).write_text(index(book, folder), encoding="utf-8", newline="\n")


def outdated(book: Rulebook, folder: Path, wanted: bool = False) -> list[Problem]:
    """The problem of an index that does not say what the rules say; none where there is no index, unless one is wanted."""
    path = folder / FILE
    if not path.exists() and not wanted:
        return []
    expected = index(book, folder).splitlines()
    there = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    number = next((number for number, (one, other) in enumerate(zip_longest(expected, there), 1) if one != other), 0)
    if not number:
        return []
    what = "this index does not say what the rules say" if path.exists() else "this folder has no index of its rules"
    return [Problem(Place(path, number), "index-out-of-date", what, "Run `cds docs`.")]
