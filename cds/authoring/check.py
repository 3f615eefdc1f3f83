"""A rulebook with its drafts, every problem it has, and how its examples went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from cds import clock, rulebook
from cds.engine.durable import CompileLimit
from cds.examples.run import Outcome, run, uncovered
from cds.rulebook import Rulebook
from cds.rulefile.problems import Problem


@dataclass(frozen=True, slots=True)
class Checked:
    """A rulebook (None when it cannot be read), every problem found, and how its examples went."""

    book: Rulebook | None
    problems: tuple[Problem, ...]
    outcomes: tuple[Outcome, ...]


def check(folders: Sequence[Path], console: Console, today: date | None = None, use_engine: bool = True) -> Checked:
    """Read a rulebook with its drafts, run every example, and gather all problems; the rules are those of `today`."""
    problems: list[Problem] = []
    book = rulebook.read(folders, today or clock.now().date(), problems, drafts=True)
    if book is None:
        return Checked(None, tuple(sorted(set(problems))), ())
    outcomes: list[Outcome] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for rule in progress.track(book.rules, description="Examples"):
            try:
                mine = list(run((rule,), book, problems, use_engine))
            except CompileLimit as limit:
                problems.append(Problem(rule.node.key_place("met_when"), "too-long", str(limit), "Split the rule into smaller rules."))
                continue
            outcomes += mine
            problems += [one.problem() for one in mine if not one.passed]
            if rule.status == "active":
                problems += uncovered(rule, mine)
    return Checked(book, tuple(sorted(set(problems))), tuple(outcomes))
