"""Deliberate breaks: each kind is made, noticed or named, and accepted only where nothing notices it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console
from test_linter import BY_TEST, EXPECTED, R, broken, edit, shipped

from cds.authoring import breaks as command
from cds.authoring.check import check
from cds.rulefile.problems import Problem

__all__ = ["broken", "shipped"]
THREE_DAYS = ("  - name: dyphylline stopped three days ago still counts\n    chart:\n      - ordering: ketamine\n"
              "      - took: dyphylline\n        stopped: 3 days ago\n    expect: met warning\n")
ACCEPTED = "accepted_breaks:\n  - break: {}\n    because: a test\n"
MORE = "".join(f"  - break: met_when / drop / has {one}\n    because: x\n" for one in ("liver-severe", "heart-failure"))

# problem, case, file, text of the shipped file, what stands there instead ("": at its end)
CASES = [
    ("break-not-noticed", "expected", R, THREE_DAYS, ""),
    ("unknown-break", "expected", R, "", ACCEPTED.format("met_when / drop / has liver-diseases")),
    ("break-noticed", "expected", R, "", ACCEPTED.format("met_when / drop / has liver-disease")),
    ("too-many-accepted", "expected", R, "", ACCEPTED.format("met_when / drop / has liver-disease") + MORE),
]


def problems(folder: Path) -> list[Problem]:
    quiet = Console(file=io.StringIO())
    found = check([folder], quiet)
    assert found.book is not None and not [one for one in found.problems if one.level == "error"]
    return sorted(one for done in command.broken(found.book, found.outcomes, quiet) for one in command.problems(*done))


@pytest.mark.parametrize("problem, case, file, old, new", CASES, ids=[f"{one[0]}-{one[1]}" for one in CASES])
def test_a_gap_in_the_examples_is_named_with_its_place_and_fix(broken, problem, case, file, old, new):
    edit(broken, file, old, new)
    shown = problems(broken)
    found = "\n".join(map(str, shown)).replace(f"{broken}{os.sep}", "") + "\n"
    expected = EXPECTED / problem / f"{case}.txt"
    if os.environ.get("CDS_WRITE_EXPECTED"):
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(found, "utf-8")
    assert problem in [one.name for one in shown]
    assert found == expected.read_text("utf-8")


def test_every_problem_of_breaks_has_a_broken_file():
    assert BY_TEST == {problem for problem, *_ in CASES}
