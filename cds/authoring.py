"""Commands for people who write rules: lint, test, read, explain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from cds import clock, pipeline, rulebook
from cds.engine.durable import CompileLimit
from cds.engine.explain import SOFT, UNKNOWN, WORDS, YES, Step, steps
from cds.engine.plan import plan
from cds.examples.run import Outcome, run, uncovered
from cds.hooks.request import parse, request
from cds.rulebook import Rulebook
from cds.rulefile.english import aloud
from cds.rulefile.problems import Problem, RulesRefused
from cds.rulefile.rule import Rule

_COLOURS = {YES: "green", SOFT: "yellow", UNKNOWN: "magenta"}


@dataclass(frozen=True, slots=True)
class Checked:
    """A rulebook (None when it cannot be read), every problem found, and how its examples went."""

    book: Rulebook | None
    problems: tuple[Problem, ...]
    outcomes: tuple[Outcome, ...]


def check(folders: Sequence[Path], console: Console) -> Checked:
    """Read a rulebook with its drafts, run every example, and gather all problems."""
    problems: list[Problem] = []
    book = rulebook.read(folders, clock.now().date(), problems, drafts=True)
    if book is None:
        return Checked(None, tuple(sorted(set(problems))), ())
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


def lint(folders: Sequence[Path], form: str) -> int:
    """Print every problem; nothing when there is none.  1 when an error was found."""
    found = check(folders, Console(stderr=True)).problems
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps([_as_json(one) for one in found], option=orjson.OPT_INDENT_2) + b"\n")
    for one in found if form != "json" else ():
        print(_as_github(one) if form == "github" else one)
    return 1 if any(one.level == "error" for one in found) else 0


def _as_json(one: Problem) -> dict[str, object]:
    return {"file": str(one.place.path), "line": one.place.line, "column": one.place.column, "level": one.level, "name": one.name,
            "what": one.what, "fix": one.fix}


def _as_github(one: Problem) -> str:
    said = f"{one.what}. {one.fix}".replace("%", "%25").replace("\n", "%0A")
    return f"::{one.level} file={one.place.path},line={one.place.line},col={one.place.column},title={one.name}::{said}"


def test(folders: Sequence[Path]) -> int:
    """Run the examples of every rule and show how many passed.  1 when one failed."""
    console = Console()
    found = check(folders, Console(stderr=True))
    errors = [one for one in found.problems if one.level == "error"]
    for one in errors:
        print(one)
    if found.book is None:
        return 1
    table = Table("rule", "version", "status", "examples", "passed", "answers and levels shown")
    for rule in found.book.rules:
        mine = [one for one in found.outcomes if one.rule.id == rule.id]
        passed = sum(one.passed for one in mine)
        shown = ", ".join(sorted({one.said for one in mine}))
        table.add_row(rule.id, rule.version, rule.status, str(len(mine)), Text(str(passed), "green" if passed == len(mine) else "red"), shown)
    console.print(table)
    console.print(f"{sum(one.passed for one in found.outcomes)} of {len(found.outcomes)} examples passed.")
    return 1 if errors else 0


def read(folders: Sequence[Path], name: str | None) -> int:
    """Say one rule, or all of them, in English."""
    book = rulebook.load(folders, clock.now().date(), drafts=True)
    says = {term.name: term.says for term in book.terms.values()}
    sources = {source.id: f"{source.label} ({source.year})" if source.year else source.label for source in book.sources.values()}
    print("\n\n".join(aloud(rule, says, sources) for rule in _rules(book, name)))
    return 0


def _rules(book: Rulebook, name: str | None) -> tuple[Rule, ...]:
    chosen = tuple(rule for rule in book.rules if name in (None, rule.id))
    if not chosen:
        raise LookupError(f"`{name}` is not a rule of this rulebook; it has {', '.join(rule.id for rule in book.rules)}")
    return chosen


def explain(folders: Sequence[Path], name: str, case: str | None, as_of: datetime | None) -> int:
    """Show the answer tree of a rule for an example (by name or number) or for a request file."""
    book = rulebook.load(folders, clock.now().date(), drafts=True)
    (rule,) = _rules(book, name)
    if case is not None and (case.endswith(".json") or Path(case).exists()):
        return _explain_request(folders, rule, Path(case), as_of)
    problems: list[Problem] = []
    chosen = [one for number, one in enumerate(run((rule,), book, problems), 1) if case in (None, one.example.name, str(number))]
    if problems:
        raise RulesRefused(problems)
    if not chosen:
        raise LookupError(f"`{case}` is neither a request file nor an example of {rule.id}; run `cds explain {rule.id}` to see them all")
    compiled = plan((rule,))
    for one in chosen:
        heading = f"{one.example.name}: {one.said}" + ("" if one.passed else f" (expected {one.example.answer} {one.example.show or ''})")
        _show(heading, steps(rule, compiled, one.evaluation.answers, _says(book)) if one.evaluation else ())
    return 0


def _explain_request(folders: Sequence[Path], rule: Rule, path: Path, as_of: datetime | None) -> int:
    ready = pipeline.prepare(folders, clock.now().date(), drafts=True)
    asked = request(parse(path.read_bytes()))
    decision = pipeline.decide(asked, ready, as_of or clock.now(), timezone.utc, clock.new_identifier)
    planned = next(one for one in ready.plan.rules if one.rule.id == rule.id)
    if not decision.evaluations:
        print(f"{rule.id}: {decision.answers[rule.id]['answer']} (no order of this request is in scope)")
    for one in decision.evaluations:
        verdict = next(found for found in one.verdicts if found.rule.id == rule.id)
        _show(f"{one.order.ref}, {one.order.text}: {verdict.answer} {verdict.show}".strip(), steps(planned.rule, ready.plan, one.answers, _says(ready.rulebook)))
    return 0


def _says(book: Rulebook) -> dict[str, str]:
    return {term.name: term.says for term in book.terms.values()}


def _show(heading: str, found: Sequence[Step] | object) -> None:
    console = Console()
    table = Table("asked", "answer", "why", title=heading, title_justify="left", title_style="bold")
    for step in found:
        table.add_row("  " * step.depth + step.asked, Text(WORDS[step.value], _COLOURS.get(step.value, "dim")), Text(step.why, overflow="fold"))
    console.print(table)
