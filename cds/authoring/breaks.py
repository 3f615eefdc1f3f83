"""Break every rule on purpose, and name each break that no example notices, with the example that would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.progress import Progress

from cds.examples.breaks import Tried, attempt
from cds.examples.run import Outcome
from cds.examples.suggest import Suggestion, suggestions
from cds.rulebook import Rulebook
from cds.rulefile.breaks import Break
from cds.rulefile.problems import Problem, did_you_mean
from cds.terms.neighbours import neighbours

SHARE = 20  # one in so many breaks may be accepted, and one in any case
Found = list[tuple[Tried, dict[str, Suggestion]]]


def broken(book: Rulebook, outcomes: Sequence[Outcome], console: Console) -> Found:
    """Every rule broken in every way, and the examples that would notice what went unnoticed, by the name of the break."""
    near = neighbours(book.terms, book.recogniser)
    cases: dict[str, list[Outcome]] = {}
    for one in outcomes:
        cases.setdefault(one.rule.id, []).append(one)
    found: Found = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for rule in progress.track(book.rules, description="Breaks"):
            tried = attempt(rule, [(one.example, one.facts) for one in cases.get(rule.id, ())], book, near)
            found.append((tried, suggestions(tried, book, near) if tried.unnoticed else {}))
    return found


def problems(tried: Tried, examples: Mapping[str, Suggestion]) -> Iterator[Problem]:
    """What the breaks of one rule show: errors of an active rule, warnings of a draft."""
    level = "error" if tried.rule.status == "active" else "warning"
    proposed: dict[str, Break] = {}
    for one in sorted(tried.unnoticed, key=lambda one: one.place):
        example = examples.get(one.name)
        first = proposed.setdefault(str(example), one) if example is not None else one
        yield _not_noticed(one, example, level, first)
    for entry in tried.stray:
        yield Problem(entry.node.mapping["break"].place, "unknown-break", f"`{entry.name}` is not a break of this rule",
                      did_you_mean(entry.name, tried.names, "Copy the name from `cds test`, or delete the entry."), level)
    for entry in tried.needless:
        yield Problem(entry.node.mapping["break"].place, "break-noticed", f"an example notices `{entry.name}`, so it need not be accepted",
                      "Delete the entry.", level)
    entries, most = len(tried.rule.accepted_breaks), max(1, tried.count // SHARE)
    if entries > most:
        yield Problem(tried.rule.node.key_place("accepted_breaks"), "too-many-accepted",
                      f"{entries} of {tried.count} breaks are accepted; at most {most} may be",
                      "Add examples that notice them, or write the rule without the clauses that change nothing.", level)


def _not_noticed(one: Break, example: Suggestion | None, level: str, first: Break) -> Problem:
    """One break that went unnoticed; an example that was proposed for an earlier one is not told again."""
    fix = ("No example was found that would; perhaps it changes nothing. Leave the clause out, or accept the break under `accepted_breaks`:\n"
           f"    - break: {one.name}\n      because: …")
    if first is not one:
        fix = f"The example proposed for line {first.place.line} notices this too."
    elif example is not None:
        lines = "\n".join(f"    {line}" for line in str(example).splitlines())
        fix = f"Add this example, tried on the rule and on the broken rule (which answers `{example.otherwise}`), if that is what you mean:\n{lines}"
    return Problem(one.place, "break-not-noticed", f"no example notices when {one.what} ({one.name})", fix, level)
