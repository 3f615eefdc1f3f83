"""`cds diff`: which requests get other cards from another rulebook, and why."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import Progress

from cds import clock, pipeline
from cds.authoring import diff_tables, request_files
from cds.authoring.compare import Comparison, Sides
from cds.authoring.revisions import rulebook_folder
from cds.pipeline import Ready
from cds.rulefile.problems import RulesRefused


@dataclass(frozen=True, slots=True)
class Asked:
    """What to compare: two rulebooks with their sites, folders that stand beside both, the requests, and the instant."""

    old: str
    new: str
    requests: Path
    site_old: Path | None = None
    site_new: Path | None = None
    beside: tuple[Path, ...] = ()
    as_of: datetime | None = None
    drafts: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """How to tell it: as JSON or tables, how many lines, and trees for every change or for each kind of change."""

    json: bool = False
    most: int = 50
    all_trees: bool = False
    check: bool = False


def diff(asked: Asked, form: Form) -> int:
    """Compare and print; 1 where something changed and that was to be checked, 2 where a rulebook, or every request, cannot be used.

    With `check` one request that could not be compared is enough for 2: it might have changed.
    """
    now = asked.as_of or clock.now()
    files = request_files.json_files(asked.requests)
    sides = []
    for name, site in ((asked.old, asked.site_old), (asked.new, asked.site_new)):
        try:
            sides.append(_prepared(name, site, asked, now))
        except RulesRefused as refused:
            sys.stderr.write(f"{refused}\ncds: `{name}` cannot be used, {len(refused.problems)} problem(s) above\n")
            return 2
    found = Comparison(Sides(sides[0], sides[1], now), form.all_trees)
    unreadable, others = run(found, files, asked.requests)
    if not found.requests and not unreadable:
        sys.stderr.write(f"cds: --requests: `{asked.requests}` holds no CDS Hooks request ({len(files)} JSON files)\n")
        return 2
    if form.json:
        told = diff_tables.as_json(found, (asked.old, asked.new), unreadable, others)
        sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        diff_tables.show(found, (asked.old, asked.new), unreadable, others, form.most)
    if unreadable and (form.check or not found.requests):
        return 2
    return 1 if form.check and found.differences else 0


def _prepared(name: str, site: Path | None, asked: Asked, now: datetime) -> Ready:
    with tempfile.TemporaryDirectory(prefix="cds-diff-") as room:
        folders = (rulebook_folder(name, Path(room)), *asked.beside)
        return pipeline.prepare_at(folders, now, None, site, use_engine=False, drafts=asked.drafts)


def run(found: Comparison, files: Sequence[Path], folder: Path) -> tuple[list[tuple[str, str]], int]:
    """Every file through both rulebooks; the unreadable ones with what is wrong, and how many are no request."""
    unreadable: list[tuple[str, str]] = []
    others = 0
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for path in progress.track(files, description="Requests"):
            name = path.name if path == folder else path.relative_to(folder).as_posix()
            try:
                found.add(name, request_files.read(path))
            except request_files.NoRequest:
                others += 1
            except request_files.Unreadable as error:
                unreadable.append((name, str(error)))
            except Exception as error:  # one odd request must not hide what became of the others
                unreadable.append((name, f"could not be evaluated: {type(error).__name__}"))
    return unreadable, others
