"""A rulebook as one site wants it, for commands that show rules: what the site changes of a rule, in words."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from cds import rulebook
from cds.rulebook import Rulebook
from cds.rulefile.problems import Problem, RulesRefused
from cds.rulefile.rule import Rule


def at_site(book: Rulebook, path: Path | None, today: date) -> Rulebook:
    """The rulebook with the site's changes (itself without a site file); RulesRefused names what is wrong with the file, warnings are printed."""
    if path is None:
        return book
    problems: list[Problem] = []
    found = rulebook.at_site(book, path, today, problems)
    if found is None:
        raise RulesRefused([one for one in problems if one.level == "error"])
    for warning in found.site.warnings if found.site else ():
        sys.stderr.write(f"{warning}\n")
    return found


def changes(book: Rulebook, rule: Rule) -> list[str]:
    """What the site of a rulebook changes of a rule, one sentence for each change; empty without a site or a change."""
    mine = [one for one in book.site.changes if one.rule == rule.id] if book.site else []
    shipped = next((one for one in book.as_shipped if one.id == rule.id), rule)
    found = []
    for change in mine:
        said = [f"{name} is {amount} instead of {shipped.settings[name].amount}" for name, amount in change.settings]
        said += ["the rule is switched off and answers no request"] if change.off else []
        said += ["the rule is silent: it is evaluated and counted, and shows nothing"] if change.silent else []
        found.append(f"{', '.join(said)}, until {change.until} (reason: {' '.join(change.because.split()).rstrip('.')})")
    return found
