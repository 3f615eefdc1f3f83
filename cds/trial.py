"""What a child process does with changed rule files before they may serve: check, compile, and prove on the examples.

`python -m cds.trial DAY files`, or `… DAY day` where only the day is new, with the settings in the environment, writes the outcome to standard output.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from contextlib import redirect_stdout
from datetime import date

from rich.console import Console

from cds import rulebook
from cds.authoring.check import check
from cds.engine.durable import CompileLimit, compiled
from cds.engine.plan import plan
from cds.examples.run import prove
from cds.pipeline import Ready
from cds.rulefile.problems import Place, Problem, RulesRefused
from cds.settings import Settings, from_environment
from cds.web.ready import prepared, watched
from cds.web.trying import Tried, kept, pack
from cds.web.watching import fingerprint


def trial(settings: Settings, day: date, same_files: bool) -> Tried:
    """The rulebook as it stands on disk, or every problem of it; `again` when it changed while it was read.

    Changed files must pass all that the linter checks of what may be served; files in service already must pass for a new day what they passed at the start.
    """
    key = fingerprint(watched(settings), day)
    ready, problems = _prepared(settings, day)
    if ready is not None:
        problems += _proved(ready) if same_files else _checked(settings, day, ready)
    if fingerprint(watched(settings), day) != key:
        return Tried(key, day, problems=("the files kept changing while they were read",), again=True)
    if ready is None or problems:
        return Tried(key, day, problems=tuple(_line(one, settings) for one in problems))
    return kept(key, day, ready)


def _checked(settings: Settings, day: date, ready: Ready) -> list[Problem]:
    found = check(settings.rules, Console(stderr=True), day, ready.inference is not None, settings.site, serving=True)
    return [one for one in found.problems if one.level == "error"]


def _proved(ready: Ready) -> list[Problem]:
    try:
        prove(ready.rulebook, ready.inference is not None)
    except RulesRefused as refused:
        return list(refused.problems)
    return []


def _prepared(settings: Settings, day: date) -> tuple[Ready | None, list[Problem]]:
    try:
        return prepared(settings, day), []
    except RulesRefused as refused:
        return None, list(refused.problems)
    except CompileLimit as limit:
        return None, _too_large(settings, day) or [Problem(Place(settings.rules[0]), "too-long", str(limit), "Split the rule into smaller rules.")]


def _too_large(settings: Settings, day: date) -> list[Problem]:
    """The rules that are too large for the engine, with their place."""
    found = []
    for rule in rulebook.load(settings.rules, day, site=settings.site).rules:
        try:
            compiled(plan((rule,)).conclusions)
        except CompileLimit as limit:
            found.append(Problem(rule.node.key_place("met_when"), "too-long", str(limit), "Split the rule into smaller rules."))
    return found


def _line(one: Problem, settings: Settings) -> str:
    """A problem on one line, its file named from the rulebook folder on."""
    folder = next((folder for folder in settings.rules if one.place.path.is_relative_to(folder)), None)
    path = one.place.path.relative_to(folder.parent) if folder else one.place.path
    what = one.what.rstrip(".")
    return f"{path.as_posix()}:{one.place.line}:{one.place.column}: {one.level}[{one.name}] {what}. {one.fix}"


def main() -> None:
    """Try the rulebook of the settings; nothing but the outcome goes to standard output, and nothing outlives the time limit."""
    settings = from_environment(os.environ)
    faulthandler.dump_traceback_later(settings.check_limit + 5, exit=True)  # the service ends it sooner, unless it is gone
    with redirect_stdout(sys.stderr):
        outcome = pack(trial(settings, date.fromisoformat(sys.argv[1]), sys.argv[2] == "day"))
    sys.stdout.buffer.write(outcome)


if __name__ == "__main__":
    main()
