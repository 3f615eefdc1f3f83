"""`cds new`: drafts that the linter accepts but for the examples their author has to make true."""

from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path

import pytest
import typer
from rulefolders import change, copied
from rich.console import Console
from service import cds

from cds import rulebook
from cds.authoring.check import check
from cds.authoring.new import new_rule, new_term
from cds.rulefile.language import FOLDERS, VERBS
from cds.rulefile.shape import schema

SHIPPED = rulebook.shipped()
ODD = "\"Quotes\", 'more': # {not} a *comment* \\ & 日本 \x07"


def problems(folder: Path) -> list[tuple[str, str]]:
    return [(one.level, one.name) for one in check([SHIPPED, folder], Console(file=io.StringIO())).problems]


@pytest.fixture(scope="module")
def drafts(tmp_path_factory):
    """One draft of every kind in a folder of its own."""
    folder = tmp_path_factory.mktemp("drafts")
    for kind in FOLDERS.values():
        assert new_rule([SHIPPED, folder], kind, f"new-{kind}", None) == 0
    return folder


def test_a_draft_of_every_kind_stands_in_its_folder_and_only_its_marked_examples_fail(drafts):
    written = {path.relative_to(drafts).as_posix() for path in drafts.rglob("*.yaml")}
    assert written == {f"{folder}/new-{kind}.yaml" for folder, kind in FOLDERS.items()}
    found = check([SHIPPED, drafts], Console(file=io.StringIO()))
    assert {(one.level, one.name) for one in found.problems} == {("error", "example-fails")}
    failed = [one for one in found.outcomes if not one.passed]
    assert len(failed) == 2 * len(FOLDERS) and all("TODO, make this true" in one.example.name for one in failed)
    assert {rule.status for rule in found.book.rules if rule.id.startswith("new-")} == {"draft"}


def test_a_draft_speaks_of_every_key_and_every_clause_word(drafts):
    text = (drafts / "dosing" / "new-dosing.yaml").read_text("utf-8")
    elsewhere = ("replaced_by", "accepted_breaks")
    missing = [key for key in schema("rule")["properties"] if key not in elsewhere and not re.search(rf"(?m)^(# )?{key}:", text)]
    assert not missing and all(re.search(rf"\b{verb}\b", text) for verb in VERBS)


def test_a_draft_never_finds_anything_before_its_author_says_what_to_look_for(drafts):
    (rule,) = [one for one in rulebook.load_whole([SHIPPED, drafts], date(2026, 6, 30)).rules if one.id == "new-dosing"]
    outcomes = check([SHIPPED, drafts], Console(file=io.StringIO())).outcomes
    assert {one.answer for one in outcomes if one.rule.id == rule.id} == {"not met", "does not apply"}


def test_a_draft_is_finished_by_filling_in_its_criteria(tmp_path):
    new_rule([SHIPPED, tmp_path], "interaction", "heart-failure-watch", None)
    path = tmp_path / "interactions" / "heart-failure-watch.yaml"
    for old, new in (("  age: above 199 years", "  has: heart-failure"), ("      - age: 40 years", "      - has: heart-failure"),
                     ("unavailable: medications", "unavailable: conditions")):
        change(path, old, new)
    assert problems(tmp_path) == []


def test_a_title_may_hold_any_character(tmp_path):
    assert cds("new", "dosing", "odd", "--title", ODD.replace("\x07", "\a"), "--rules", str(SHIPPED), "--rules", str(tmp_path)).returncode == 0
    (rule,) = [one for one in rulebook.load_whole([SHIPPED, tmp_path], date(2026, 6, 30)).rules if one.id == "odd"]
    assert rule.title == ODD.replace("\x07", "").strip()


@pytest.mark.parametrize("kind", ["medication", "condition", "measurement", "procedure", "reaction"])
def test_a_term_of_every_kind_is_accepted_and_only_unused(tmp_path, kind, capsys):
    assert new_term([SHIPPED, tmp_path], "own-term", kind, None) == 0 and "own-term.yaml written" in capsys.readouterr().out
    assert problems(tmp_path) == [("warning", "unused-term")]


@pytest.mark.parametrize("kind, name, title, text", [
    ("interacton", "x", None, "`interacton` is no kind of rule. Did you mean `interaction`?"), ("zzz", "x", None, "Use one of: contraindication, "),
    ("dosing", "My Rule", None, "Did you mean `my-rule`?"), ("dosing", "../x", None, "`../x` is no id"),
    ("dosing", "x" * 61, None, "at most 60 characters"),
    ("dosing", "x-", None, "no id"), ("dosing", "Ä", None, "Write for example theophylline"),
    ("dosing", "sedation", None, "`sedation` already exists: "),
    ("dosing", "x", "x" * 121, "--title has 121 characters"), ("condition", "copd", None, "the term `copd` already exists"),
    ("medication", "A b", None, "Did you mean `a-b`?")])
def test_what_cannot_be_created_is_refused_and_nothing_is_written(tmp_path, kind, name, title, text, capsys):
    of_term = kind in ("medication", "condition")
    with pytest.raises(typer.Exit) as stopped:
        new_term([SHIPPED, tmp_path], name, kind, title) if of_term else new_rule([SHIPPED, tmp_path], kind, name, title)
    said = capsys.readouterr().err
    assert stopped.value.exit_code == 2 and text in said and said.count("\n") == 1 and not any(tmp_path.rglob("*"))


def test_an_unknown_kind_of_term_is_refused_on_the_command_line():
    done = cds("new", "term", "own", "--of", "drug")
    assert done.returncode == 2 and done.stderr.decode() == "cds: `drug` is no kind of term. Use one of: medication, condition, measurement, procedure, reaction.\n"


def test_the_rulebook_of_an_installed_package_is_left_alone(tmp_path):
    folder = copied(tmp_path / "_rulebook")
    for words in (("new", "dosing", "x"), ("docs",)):
        done = cds(*words, "--rules", str(folder))
        assert done.returncode == 2 and b"belongs to the installed package" in done.stderr
