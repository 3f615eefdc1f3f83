"""Break every rule on purpose, and name each break that no example notices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import Progress

from cds.examples.breaks import Tried, attempt
from cds.examples.run import Outcome
from cds.rulebook import Rulebook
from cds.rulefile.breaks import Break
from cds.rulefile.problems import Problem, did_you_mean
from cds.rulefile.rule import Rule
from cds.terms.neighbours import neighbours

SHARE = 20  # one in so many breaks may be accepted, and one in any case


def broken(book: Rulebook, outcomes: Sequence[Outcome], console: Console) -> list[Tried]:
    """Every rule with examples, broken in every way."""
    near = neighbours(book.terms, book.recogniser)
    cases: dict[str, list[Outcome]] = {}
    for one in outcomes:
        cases.setdefault(one.rule.id, []).append(one)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        return [attempt(rule, [(one.example, one.facts) for one in cases.get(rule.id, ())], book.terms, near)
                for rule in progress.track(book.rules, description="Breaks")]


def problems(tried: Tried) -> Iterator[Problem]:
    """What the breaks of one rule show: errors of an active rule, warnings of a draft."""
    level = "error" if tried.rule.status == "active" else "warning"
    for one in tried.unnoticed:
        yield _not_noticed(tried.rule, one, level)
    for entry in tried.stray:
        yield Problem(entry.node.mapping["break"].place, "unknown-break", f"`{entry.name}` is not a break of this rule",
                      did_you_mean(entry.name, tried.names, "Copy the name from `cds test`, or delete the entry."), level)
    for entry in tried.needless:
        yield Problem(entry.node.mapping["break"].place, "break-noticed", f"an example notices `{entry.name}`, so it need not be accepted",
                      "Delete the entry.", level)
    most = max(1, tried.count // SHARE)
    entries = len(tried.rule.accepted_breaks)
    if entries > most:
        yield Problem(tried.rule.node.key_place("accepted_breaks"), "too-many-accepted",
                      f"{entries} of {tried.count} breaks are accepted; at most {most} may be",
                      "Add examples that notice them, or write the rule without the clauses that change nothing.", level)


def _not_noticed(rule: Rule, one: Break, level: str) -> Problem:
    return Problem(one.place, "break-not-noticed", f"no example notices when {one.what} ({one.name})",
                   "Add an example that only this decides; if the break truly changes nothing, accept it under `accepted_breaks`.", level)
