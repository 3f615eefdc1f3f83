"""`cds fmt`: every rule, term and source file in the one layout."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cds.authoring.schema import kinds, published
from cds.rulefile import source
from cds.rulefile.language import FOLDERS
from cds.rulefile.layout import WouldChange, formatted
from cds.rulefile.problems import Problem
from cds.rulefile.source import Node

_FIRST_KEYS = {"rule": "rule", "site": "site", "clients": "clients"}


def fmt(folders: Sequence[Path], files: Sequence[Path], check: bool) -> int:
    """Lay out files, or the whole rulebook when none is named, and tell which changed; with `check` only tell.

    1 when `check` finds one that would change, 2 when one cannot be read; such a file is left as it is.
    """
    changed = refused = 0
    for path in _wanted(folders, files):
        problems: list[Problem] = []
        node = source.read(path, problems)
        if node is None:
            if [one.name for one in problems] != ["empty-file"]:
                refused += 1
                sys.stderr.write("".join(f"{one}\n" for one in sorted(problems)))
            continue
        before = path.read_bytes()
        kind = _kind(path, node)
        try:
            after = formatted(before.decode("utf-8-sig"), published(kind) if kind else None, kind == "rule").encode()
        except WouldChange as error:
            refused += 1
            sys.stderr.write(f"{path}: {error}; it is left as it is\n")
            continue
        if after != before:
            changed += 1
            print(f"{path} {'would be laid out anew' if check else 'laid out anew'}")
            if not check:
                _replace(path, after)
    return 2 if refused else 1 if check and changed else 0


def _wanted(folders: Sequence[Path], files: Sequence[Path]) -> Iterator[Path]:
    """The files named, and every YAML file below the folders named; those of the rulebook when nothing is named."""
    for one in files or folders:
        if one.is_dir():
            yield from sorted(path for path in one.rglob("*.yaml") if path.is_file() or path.is_symlink())
        else:
            yield one


def _kind(path: Path, node: Node) -> str | None:
    """Which kind of file this is, by its place and else by its first keys."""
    if path.parent.name in FOLDERS:
        return "rule"
    named = "terms" if path.parent.name == "terms" else "site" if path.parent.name == "sites" else path.stem
    if named not in kinds() or named == "rule":
        named = next((kind for key, kind in _FIRST_KEYS.items() if key in node.mapping), "")
    return named if named in kinds() else None


def _replace(path: Path, content: bytes) -> None:
    """Write a file in one step, so that a reader sees the old one or the new one; its mode and links to it stay."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, target.stat().st_mode & 0o7777)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
