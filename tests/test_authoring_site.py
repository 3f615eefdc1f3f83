"""Site files for people who write them: `cds new site`, and rules read and explained as a site has them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import typer
from rulefolders import change, copied
from service import ROOT, cds
from site_files import OFF, SILENT, WASHOUT, write

from cds import rulebook
from cds.authoring.explain import At, explain
from cds.authoring.fmt import fmt
from cds.authoring.lint import lint
from cds.authoring.new import new_rule, new_site, new_term
from cds.authoring.read import read, wrapped
from cds.settings import instant

SHIPPED = rulebook.shipped()
STOPPED = "stopped four days ago no longer counts"
IN_CIRRHOSIS = str(next((ROOT / "fhir_fixtures").glob("32-*/request.json")))


@pytest.fixture(scope="module")
def drafted(tmp_path_factory) -> Path:
    """A copy of the rulebook with a new site file in it."""
    folder = copied(tmp_path_factory.mktemp("book") / "rules")
    assert new_site([folder], "north-clinic") == 0
    return folder


def test_a_new_site_file_is_accepted_changes_nothing_and_lists_every_number_a_site_may_change(drafted, capsys):
    path = drafted / "sites" / "north-clinic.yaml"
    assert lint([drafted], "text", path) == 0 and capsys.readouterr().out == ""
    as_shipped = rulebook.load([drafted], date(2026, 6, 30))
    there = rulebook.load([drafted], date(2026, 6, 30), site=path)
    assert [one.settings for one in there.rules] == [one.settings for one in as_shipped.rules] and there.site.changes == ()
    text = path.read_text("utf-8")
    for rule in as_shipped.rules:
        assert rule.id in text and all(f"#       {one.name}: {one.amount}  # from {one.lowest} to {one.highest}: " in text for one in rule.settings.values())


def test_all_its_changes_together_are_accepted_once_they_are_no_comment(drafted, tmp_path, capsys):
    path = drafted / "sites" / "north-clinic.yaml"
    text = path.read_text("utf-8")
    start = text.index("# changes:")
    (tmp_path / "all.yaml").write_text(text[:start] + re.sub("(?m)^# ", "", text[start:]), "utf-8")
    assert lint([drafted], "text", tmp_path / "all.yaml") == 0 and capsys.readouterr().out == ""


def test_a_site_is_never_overwritten_and_its_name_is_one(drafted, capsys):
    for name, text in (("north-clinic", "already exists"), ("North Clinic", "Did you mean `north-clinic`?")):
        with pytest.raises(typer.Exit):
            new_site([drafted], name)
        assert text in capsys.readouterr().err


def test_every_draft_stands_as_fmt_would_lay_it_out(tmp_path, capsys):
    new_rule([SHIPPED, tmp_path], "dosing", "new-dosing", None)
    new_site([SHIPPED, tmp_path], "north-clinic")
    for kind in ("medication", "condition", "measurement", "procedure", "reaction"):
        new_term([SHIPPED, tmp_path], f"new-{kind}", kind, None)
    capsys.readouterr()
    assert fmt([tmp_path], (), check=True) == 0 and capsys.readouterr().out == ""


@pytest.mark.parametrize("changes, said", [
    (WASHOUT, "  washout is 7 days instead of 3 days, until 2027-06-30 (reason: A longer washout)"),
    (OFF, "  the rule is switched off and answers no request, until 2027-06-30 (reason: Another system checks it)"),
    (SILENT, "  the rule is silent: it is evaluated and counted, and shows nothing, until 2027-06-30 (reason: A trial run)")])
def test_a_rule_is_read_as_the_site_has_it_with_every_change_and_its_reason(tmp_path, capsys, changes, said):
    assert read([SHIPPED], "theophylline", write(tmp_path, changes)) == 0
    text = capsys.readouterr().out
    assert text.endswith(f"\n\nAt one, approved by nobody:\n{said}\n")
    assert f"stopped it within the last {7 if changes == WASHOUT else 3} days" in text


def test_a_rule_the_site_leaves_alone_is_said_to_be_as_it_is(tmp_path, capsys):
    assert read([SHIPPED], "weight", write(tmp_path, OFF)) == 0
    assert capsys.readouterr().out.endswith("At one, approved by nobody:\n  nothing of this rule is changed\n")


def test_an_example_and_a_request_are_explained_with_the_numbers_of_the_site(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    at = At(instant("2026-06-30T10:00:00Z"), site=write(tmp_path, WASHOUT))
    for case in (STOPPED, IN_CIRRHOSIS):
        assert explain([SHIPPED], "theophylline", case, at) == 0
        assert "stopped it within the last 7 days" in capsys.readouterr().out
    explain([SHIPPED], "theophylline", STOPPED, at)
    assert "met, at one; the example, written for the rule as shipped, expects: not met" in capsys.readouterr().out


def test_a_rule_that_the_site_switched_off_is_explained_by_that(tmp_path, capsys):
    assert explain([SHIPPED], "theophylline", IN_CIRRHOSIS, At(site=write(tmp_path, OFF))) == 0
    assert capsys.readouterr().out.startswith("theophylline: the rule is switched off and answers no request, until 2027-06-30")


def test_a_broken_site_file_is_named_and_nothing_is_read(tmp_path):
    path = write(tmp_path, WASHOUT)
    change(path, "7 days", "2 days")
    for words in (("read", "theophylline"), ("explain", "theophylline", "1")):
        done = cds(*words, "--site", str(path))
        assert done.returncode == 2 and not done.stdout and b"error[setting-outside-range]" in done.stderr


def test_on_a_terminal_lines_break_between_words_and_hang_below_their_own_words(capsys):
    read([SHIPPED], "weight")
    text = capsys.readouterr().out
    lines = wrapped(text, 80).split("\n")
    assert max(map(len, lines)) <= 80 and " ".join(wrapped(text, 80).split()) == " ".join(text.split())
    assert sum(line.lstrip().startswith("- ") for line in lines) == sum(line.lstrip().startswith("- ") for line in text.split("\n"))
    at = next(place for place, line in enumerate(lines) if line.startswith("    - the newest “body weight” and another"))
    assert lines[at + 1].startswith("      ") and not lines[at + 1].startswith("       ")
