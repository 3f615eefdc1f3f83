"""Whatever stands in a rulebook folder, `cds lint` names it once, at its place, and never ends in a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from linter_cases import R
from small_rulebook import broken, edit, errors, problems, shipped  # noqa: F401 (fixtures)
from test_linter import cds

from cds.authoring.lint import lint

SLIPS = [("status: active", "status: activ", "not-a-choice"), ("    is: 3 days", "    iss: 3 days", "unknown-key"),
         ("has: heart-failure", "hass: heart-failure", "unknown-verb"), ("[theophylline-stopped,", "[stopped,", "no-such-override-reason"),
         ("source: chest-1978", "source: chest-1987", "unknown-source"), ("    expect: met critical", "    expect: met crit", "bad-form"),
         ("      - taking: aminophylline", "      - takes: aminophylline", "unknown-chart-word")]


def test_problems_of_every_kind_in_one_file_are_named_in_one_go_and_nothing_that_only_follows(broken):
    """Shape, clauses, references and charts; the setting whose shape is wrong is not missed in the clauses that use it."""
    for old, new, _ in SLIPS:
        edit(broken, R, old, new)
    assert errors(broken) == [name for *_, name in SLIPS]
    found = [one for one in problems(broken) if one.level == "error"]
    assert [one.place.line for one in found] == sorted(one.place.line for one in found)


def test_problems_of_several_files_are_named_in_one_go(broken):
    edit(broken, R, "status: active", "status: activ")
    edit(broken, "override-reasons.yaml", "  text: Theophylline", "  txt: Theophylline")
    edit(broken, "evidence.yaml", "  year: 1978", "  year: 78")
    assert sorted(errors(broken)) == ["bad-form", "not-a-choice", "unknown-key"]


@pytest.mark.parametrize("file, old, new", [
    ("evidence.yaml", "  title: Theo", "  title: x: Theo"), ("evidence.yaml", "  organisation: Chest", "  organization: Chest"),
    ("terms/medications.yaml", "xanthines:\n  says: ", "xanthines:\n  says: *x #"), ("terms/conditions.yaml", "heart-failure:\n", "heart-failure:\n  extra: x\n"),
    ("terms/medications.yaml", "  kind: medication", "  kind: drug"), ("override-reasons.yaml", "theophylline-stopped:", "theophylline-stopped: x #"),
    (R, "rule: theophylline", "rule: Theophylline"), (R, "kind: interaction", "kind: interactions"), (R, "review: pending", "reviews: pending"),
    (R, "if_unknown: not-checked", "if_unknwon: not-checked"), (R, "settings:\n  washout:", "settings:\n  Washout:")])
def test_what_a_broken_file_holds_is_not_missed_in_the_others(broken, file, old, new):
    edit(broken, file, old, new)
    assert len([one for one in problems(broken) if one.level == "error"]) == 1


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_are_counted_alike_however_they_end(broken, end):
    path = broken / R
    text = path.read_text("utf-8").replace("has: heart-failure", "has: heart-failur", 1)
    lines = text.split("\n")
    path.write_bytes(("\n".join(lines[:20]) + end + end.join(lines[20:])).encode())
    (found,) = [one for one in problems(broken) if one.level == "error"]
    assert found.place.line == text[:text.index("heart-failur\n")].count("\n") + 1 and "has: heart-failur\n" in str(found)


def test_links_that_lead_in_circles_or_nowhere_and_things_that_are_no_files_are_named(broken):
    (broken / "terms" / "again").symlink_to(broken, target_is_directory=True)
    (broken / "interactions" / "loop.yaml").symlink_to(broken / "interactions" / "loop.yaml")
    (broken / "interactions" / "nowhere.yaml").symlink_to(broken / "nothing")
    (broken / "interactions" / "folder.yaml").mkdir()
    os.mkfifo(broken / "interactions" / "pipe.yaml")
    done = cds("lint", "--rules", str(broken))
    assert done.returncode == 1 and not done.stderr
    for name in ("loop", "nowhere", "folder", "pipe"):
        assert f"interactions/{name}.yaml:1:1: error[yaml-syntax]" in done.stdout


def test_a_source_file_that_is_a_dead_link_is_one_problem(broken):
    (broken / "evidence.yaml").unlink()
    (broken / "evidence.yaml").symlink_to(broken / "nothing")
    assert errors(broken) == ["yaml-syntax"]


def test_signs_that_steer_a_terminal_are_named_at_their_place_and_not_printed(broken):
    edit(broken, R, "title: Theophylline", "title: Theo\x1b[31mphylline")
    (found,) = [one for one in problems(broken) if one.level == "error"]
    assert (found.place.line, found.place.column) == (5, 12) and "U+001B" in str(found) and "\x1b" not in str(found)


def test_a_very_long_line_is_shown_around_the_problem_only(broken):
    edit(broken, R, "title: Theophylline", f"{{title: {'x' * 400_000}, title: y}} #")
    assert all(len(line) < 400 for one in problems(broken) for line in str(one).splitlines())


@pytest.mark.parametrize("name, content", [("names.csv", b"name,ingredients\nk\xe9tamine,ketamine\n"), ("products.csv", b""),
                                           ("ingredients.csv", b"rxcui;name\n6130;ketamine\n"), ("icd10cm.csv", b"category,continues\nA00\n")])
def test_a_code_table_that_cannot_be_read_is_named(broken, name, content):
    (broken / "terms" / name).write_bytes(content)
    assert errors(broken) == ["bad-form"]


def test_github_gets_paths_from_where_it_runs_and_every_sign_it_needs_masked(broken, capsys, monkeypatch):
    odd = broken / "interactions" / "a,b.yaml"
    odd.write_text("x: [100%", "utf-8")
    monkeypatch.chdir(broken.parent)
    assert lint([broken], "github") == 1
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "a%2Cb" in one]
    assert line.startswith(f"::error file={Path('rules/interactions/a%2Cb.yaml')},line=1,")


def test_the_same_chart_twice_with_the_same_answer_is_no_contradiction(broken):
    edit(broken, R, "      - taking: aminophylline\n        status: on hold\n    expect: met critical", "      - taking: theophylline\n    expect: met")
    assert "examples-contradict" not in errors(broken)
