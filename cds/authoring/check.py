"""A rulebook with its drafts, every problem it has, and how its examples went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from cds import clock, rulebook
from cds.authoring.docs import outdated
from cds.engine.durable import CompileLimit
from cds.examples import chart
from cds.examples.run import Outcome, run, uncovered
from cds.rulebook import Rulebook
from cds.rulefile.problems import Problem
from cds.rulefile.together import contradicting, retired_early


@dataclass(frozen=True, slots=True)
class Checked:
    """A rulebook (None when it cannot be read), every problem found, and how its examples went."""

    book: Rulebook | None
    problems: tuple[Problem, ...]
    outcomes: tuple[Outcome, ...]


def check(folders: Sequence[Path], console: Console, today: date | None = None, use_engine: bool = True, site: Path | None = None,
          serving: bool = False) -> Checked:
    """Read a rulebook with its drafts, site files and what is not yet in force, run every example, and gather all problems.

    With `serving` only what a service would serve, now or on a later day: no index, no other site's file, no example of a draft.
    """
    problems: list[Problem] = []
    today = today or clock.now().date()
    book = rulebook.read(folders, today, problems, whole=True)
    if book is None:
        return Checked(None, tuple(sorted(set(problems))), ())
    for example in book.unsound:
        chart.facts(example, book.recogniser, book.terms, book.book.scope, problems)
    for path in [*(() if serving else rulebook.site_files(folders)), *([site] if site else [])]:
        rulebook.at_site(book, path, today, problems)
    retired_early(book.rules, today, problems)
    whole = book
    book = replace(book, rules=tuple(rule for rule in book.rules if rule.status == "active" or not serving and rule.status == "draft"))
    outcomes: list[Outcome] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for rule in progress.track(book.rules, description="Examples"):
            try:
                mine = list(run((rule,), book, problems, use_engine))
            except CompileLimit as limit:
                problems.append(Problem(rule.node.key_place("met_when"), "too-long", str(limit), "Split the rule into smaller rules."))
                continue
            outcomes += mine
            at_odds = contradicting(rule, problems)
            problems += [one.problem() for one in mine if not one.passed and one.example not in at_odds]
            if rule.status == "active" and len(mine) == len(rule.examples):
                problems += uncovered(rule, mine)
    if not serving and not any(one.level == "error" for one in problems):
        problems += [problem for folder in folders for problem in outdated(whole, folder)]
    return Checked(book, tuple(sorted(set(problems))), tuple(outcomes))
