"""rules/README.md holds: every command prints what it shows, and every word of the rule language stands in its table.

`CDS_WRITE_EXPECTED=1 python -m pytest tests/test_manual.py` writes the outputs and the table anew, for reading before they are kept.
"""

from __future__ import annotations

import os
import re

import pytest
from manual_session import DECLARED, MANUAL, Command, Edit, Reader, agrees, moved, moved_back, steps

from cds import clock
from cds.authoring.clause_schema import SAID
from cds.rulefile.language import CHOICES, GROUPS, ROUTES, VERBS

WRITE = bool(os.environ.get("CDS_WRITE_EXPECTED"))
CHANGING = ("cds status",)
TABLE = re.compile(r"(?s)(<!-- clause words -->\n).*?(<!-- end of clause words -->)")


def _one_of(choices: tuple[str, ...]) -> str:
    return f" It may be: {', '.join(f'`{one}`' for one in choices)}." if choices else ""


def table() -> str:
    """Every word that starts a clause with its meaning and the words that may follow it, then what those mean."""
    first = ["| word | says | may be followed by |", "|---|---|---|"]
    first += [f"| `{word}` | {SAID[word]} | |" for word in GROUPS]
    first += [f"| `{verb}` | {SAID[verb]}{_one_of(its.choices)} | {', '.join(f'`{word}`' for word in its.words if word != 'because')} |" for verb, its in VERBS.items()]
    choices = {"by_route": ROUTES, **CHOICES}
    further = dict.fromkeys(word for its in VERBS.values() for word in (*its.words, "unless", "because"))
    second = ["| further word | says |", "|---|---|", *(f"| `{word}` | {SAID[word]}{_one_of(choices.get(word, ()))} |" for word in sorted(further))]
    return "\n".join([*first, "", *second]) + "\n"


def test_every_word_of_the_rule_language_stands_in_the_table_with_its_further_words():
    text = MANUAL.read_text("utf-8")
    if WRITE:
        MANUAL.write_text(TABLE.sub(lambda found: found[1] + table() + found[2], text), "utf-8")
    assert TABLE.search(MANUAL.read_text("utf-8"))[0].split("\n", 1)[1].startswith(table())


def test_a_reader_who_does_what_the_manual_says_sees_what_it_shows(tmp_path):
    text, reader, anew = MANUAL.read_text("utf-8"), Reader(tmp_path, clock.now().date()), []
    try:
        for step in steps(text):
            if isinstance(step, Edit):
                reader.edit(step)
                continue
            printed = reader.settle(step) if step.line in CHANGING and not WRITE else reader.run(step)
            if not agrees(step.shown, printed):
                assert WRITE, f"`{step.line}` prints\n\n{printed}\nwhere the manual shows\n\n{step.shown}"
                anew.append((step, "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())))
    finally:
        reader.close()
    for step, printed in reversed(anew):
        text = text[:step.start] + printed + text[step.end:]
    if anew:
        MANUAL.write_text(text, "utf-8")


def test_the_manual_shows_each_command_for_rule_authors():
    typed = {found for line in re.findall(r"(?m)^\$ (.*)$", MANUAL.read_text("utf-8")) for found in re.findall(r"\bcds (\w+)", line)}
    assert {"lint", "test", "read", "explain", "fmt", "new", "docs", "release", "schema", "diff", "serve", "status"} <= typed


@pytest.mark.parametrize("shown, printed, same", [
    ("a\nb\n", "a\nb  \n", True), ("a\n", "a\nb\n", False), ("a\n…\nc\n", "a\nb\nb\nc\n", True), ("…\nc\n", "a\nc\n", True), ("a\n…\n", "a\nb\n", True),
    ("a\n…\nd\n", "a\nb\nc\n", False), ("3 of 5 requests get other cards.\n", "4 of 9 requests get other cards.\n", True), ("sha256:ab…\n", "sha256:cd…\n", True),
    ("9 of 9 examples passed.\n", "8 of 9 examples passed.\n", False), ("", "", True), ("", "a\n", False)])
def test_only_what_is_declared_may_differ(shown, printed, same):
    assert agrees(shown, printed) is same


def test_days_after_the_manual_was_written_move_along_with_today():
    text = "from 2024-01-01, until 2027-06-30, never 2099-12-31"
    assert moved(text, 400) == "from 2024-01-01, until 2028-08-03, never 2099-12-31" and moved_back(moved(text, 400), 400) == text


def test_edits_and_commands_are_found_in_their_order():
    found = list(steps("In `rules/a.yaml`:\n```diff\n x\n-y\n+z\n@@\n-q\n```\n```console\n$ cds lint\nout\n$ cds fmt\n```\n"))
    assert found[0] == Edit("rules/a.yaml", [("x\ny\n", "x\nz\n"), ("q\n", "")])
    assert [(one.line, one.shown) for one in found[1:] if isinstance(one, Command)] == [("cds lint", "out\n"), ("cds fmt", "")] and DECLARED
