"""A rulebook with its drafts, every problem it has, and how its examples went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from cds import clock, rulebook
from cds.authoring.docs import outdated
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


def check(folders: Sequence[Path], console: Console) -> Checked:
    """Read a rulebook with its drafts and what is not yet in force, run every example, and gather all problems."""
    problems: list[Problem] = []
    book = rulebook.read(folders, clock.now().date(), problems, whole=True)
    if book is None:
        return Checked(None, tuple(sorted(set(problems))), ())
    problems += [problem for folder in folders for problem in outdated(book, folder)]
    book = replace(book, rules=tuple(rule for rule in book.rules if rule.status != "retired"))
    outcomes: list[Outcome] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for rule in progress.track(book.rules, description="Examples"):
            try:
                mine = list(run((rule,), book, problems))
            except CompileLimit as limit:
                problems.append(Problem(rule.node.key_place("met_when"), "too-long", str(limit), "Split the rule into smaller rules."))
                continue
            outcomes += mine
            problems += [one.problem() for one in mine if not one.passed]
            if rule.status == "active":
                problems += uncovered(rule, mine)
    return Checked(book, tuple(sorted(set(problems))), tuple(outcomes))
