"""`cds explain`: the answer tree of a rule for an example or a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds import clock, pipeline, rulebook
from cds.authoring.read import chosen
from cds.engine.explain import SOFT, UNKNOWN, WORDS, YES, Step, steps
from cds.engine.plan import plan
from cds.examples.run import run
from cds.hooks.request import parse, request
from cds.rulebook import Rulebook
from cds.rulefile.problems import Problem, RulesRefused
from cds.rulefile.rule import Rule

_COLOURS = {YES: "green", SOFT: "yellow", UNKNOWN: "magenta"}


def explain(folders: Sequence[Path], name: str, case: str | None, as_of: datetime | None) -> int:
    """Show the answer tree of a rule for an example (by name or number) or for a request file."""
    book = rulebook.load(folders, clock.now().date(), drafts=True)
    (rule,) = chosen(book, name)
    if case is not None and (case.endswith(".json") or Path(case).exists()):
        return _explain_request(folders, rule, Path(case), as_of)
    problems: list[Problem] = []
    shown = [one for number, one in enumerate(run((rule,), book, problems), 1) if case in (None, one.example.name, str(number))]
    if problems:
        raise RulesRefused(problems)
    if not shown:
        raise LookupError(f"`{case}` is neither a request file nor an example of {rule.id}; run `cds explain {rule.id}` to see them all")
    compiled = plan((rule,))
    for one in shown:
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
