"""What `cds lint` says about broken rulebooks: one small edit of a shipped file each, and the exact words.

The words stand in tests/linter/<problem>/<case>.txt; `CDS_WRITE_EXPECTED=1 python -m pytest tests/test_linter.py`
writes them anew, for reading before they are kept.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from linter_cases import BY_TEST, CASES, SPARE, WEIGHT, M, R
from small_rulebook import broken, edit, errors, problems, shipped  # noqa: F401 (fixtures)
from site_files import CASES as SITE_CASES

from cds.authoring.lint import lint

HOME = Path(__file__).resolve().parent
EXPECTED = HOME / "linter"
ELSEWHERE = {"index-out-of-date", "version-not-raised"}  # tests/test_authoring_docs.py and tests/test_authoring_release.py


def emitted() -> set[str]:
    """Every problem name that the code writes down."""
    found = set()
    for path in (HOME.parent / "cds").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("Problem", "_Slip", "Slip", "reader.problem"):
                name = call.args[1]
                choices = [name.body, name.orelse] if isinstance(name, ast.IfExp) else [name]
                found |= {one.value for one in choices if isinstance(one, ast.Constant)}
    return found


def test_every_problem_the_code_can_name_has_a_broken_file():
    named = {problem for problem, *_ in CASES + SITE_CASES} | BY_TEST
    assert emitted() == named | ELSEWHERE == {folder.name for folder in EXPECTED.iterdir()} | ELSEWHERE


@pytest.mark.parametrize("problem, case, file, old, new", CASES, ids=[f"{one[0]}-{one[1]}" for one in CASES])
def test_a_broken_file_is_named_with_its_place_and_fix(broken, problem, case, file, old, new):
    edit(broken, file, old, new)
    shown = [one for one in problems(broken) if one.level == "error" or one.name == problem]
    found = "\n".join(map(str, shown)).replace(f"{broken}{os.sep}", "") + "\n"
    expected = EXPECTED / problem / f"{case}.txt"
    if os.environ.get("CDS_WRITE_EXPECTED"):
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(found, "utf-8")
    assert problem in [one.name for one in shown]
    assert found == expected.read_text("utf-8")


def test_a_summary_that_grows_too_long_with_its_settings_is_named(broken):
    edit(broken, R, "hooks: [", SPARE.replace("1 day", "1000.001 milliliter").replace("2 days", "2 L") + "hooks: [")
    edit(broken, R, '"Dyphylline on', '"Dyphylline {spare} {spare} {spare} on')
    assert errors(broken) == ["too-long"]
    assert "with its settings filled in, this has 146 characters; at most 139 fit" in str(problems(broken)[0])


def test_all_problems_of_a_file_are_named_at_once_in_the_order_of_its_lines(broken):
    for old, new in (("- has: heart-failure", "- hass: heart-failure"), ("source: chest-1978", "source: chest"),
                     ("kind: interaction", "kind: dosing"), ("[theophylline-stopped,", "[stopped,")):
        edit(broken, R, old, new)
    found = [one for one in problems(broken) if one.level == "error"]
    assert [one.name for one in found] == ["name-differs-from-file", "unknown-verb", "no-such-override-reason",
                                           "unknown-source"]
    assert [one.place.line for one in found] == sorted(one.place.line for one in found)


@pytest.mark.parametrize("old, new, name", [
    ("- has: heart-failure", "- hass: heart-failure", "unknown-verb"),
    ("status: active", "status: activ", "not-a-choice"),
    ("or_stopped_within: washout", "or_stopped_within: wash", "unknown-setting"),
    ("      - taking: aminophylline", "      - takes: aminophylline", "unknown-chart-word")])
def test_one_slip_in_a_rule_is_one_error(broken, old, new, name):
    edit(broken, R, old, new)
    assert errors(broken) == [name]


GAPS = {"a rule that cannot be read makes its terms look unused": ("title: Theophylline or", "title: Theophylline: or"),
        "a bad setting looks like a missing one": ("    is: 3 days", "    is: three days"),
        "a setting of a wrong unit spoils every clause": ("    is: 3 days", "    is: 3 mg")}


@pytest.mark.parametrize("gap", GAPS)
def test_one_slip_is_one_problem(broken, gap):
    edit(broken, R, *GAPS[gap])
    assert len(problems(broken)) == 1


@pytest.mark.parametrize("old, new", [("from: 2024-01-01", "from: 2024-02-30"), ("3 days ago", "9000 years ago"),
                                      ("or_stopped_within: slow_washout", "or_stopped_within: 9000 years")])
def test_a_date_that_no_calendar_holds_is_a_problem_and_no_crash(broken, old, new):
    edit(broken, R, old, new)
    assert errors(broken)


@pytest.mark.parametrize("name", ["interactions/theophylline.yml", "interaction/theophylline.yaml",
                                  "interactions/lungs/theophylline.yaml"])
def test_a_rule_file_that_would_never_run_is_named(broken, name):
    (broken / name).parent.mkdir(exist_ok=True)
    (broken / R).rename(broken / name)
    assert any("theophylline" in str(one.place) for one in problems(broken) if one.level == "error")


@pytest.mark.parametrize("change, names_, line", [
    (lambda data: b"\xef\xbb\xbf" + data, [], None), (lambda data: data.replace(b"\n", b"\r\n"), [], None),
    (lambda data: b"", ["empty-file"], 1), (lambda data: b"# nothing but words\n", ["empty-file"], 1),
    (lambda data: data.replace(b"Theophylline and", b"Th\xe9ophylline and"), ["yaml-syntax"], 12),
    (lambda data: data.decode().encode("utf-16"), ["yaml-syntax"], 1),
    (lambda data: data.replace(b"title", b"ti\0tle"), ["yaml-syntax"], 5),
    (lambda data: data + b"#" * 1_000_001, ["too-long"], 1), (lambda data: b"- a\n", ["bad-form"], 1),
    (lambda data: b"x: " + b"[" * 900 + b"]" * 900, ["yaml-syntax"], 1)],
    ids=["BOM", "CRLF", "empty", "comment", "not-UTF-8", "UTF-16", "NUL", "over-1-MB", "list", "very-deep"])
def test_odd_bytes_are_read_or_named_and_never_end_in_a_traceback(broken, change, names_, line):
    path = broken / R
    path.write_bytes(change(path.read_bytes()))
    found = [one for one in problems(broken) if one.level == "error"]
    assert [one.name for one in found] == names_ and all(one.place.line == line for one in found)


def test_json_and_github_forms_carry_the_same_place_problem_and_fix(broken, capsys):
    edit(broken, R, "status: active", "status: activ")
    fix, what = "Did you mean `active`?", "`status` cannot be `activ`"
    assert lint([broken], "json") == 1
    (told,) = [one for one in orjson.loads(capsys.readouterr().out) if one["level"] == "error"]
    assert told == {"file": str(broken / R), "line": 3, "column": 9, "level": "error", "name": "not-a-choice",
                    "what": what, "fix": fix}
    assert lint([broken], "github") == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::error")]
    assert lines == [f"::error file={broken / R},line=3,col=9,title=not-a-choice::{what}. {fix}"]


def test_warnings_alone_leave_the_exit_code_at_zero(broken, capsys):
    edit(broken, M, "", WEIGHT.replace("29463-8", "29463-7"))
    assert lint([broken], "text") == 0
    assert "warning[unused-term]" in capsys.readouterr().out


def cds(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "cds", *words]
    return subprocess.run(command, cwd=HOME.parent, capture_output=True, text=True, timeout=60)


def test_the_shipped_rulebook_has_nothing_to_name():
    done = cds("lint")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("command", [("lint",), ("test",)])
def test_a_problem_ends_lint_and_test_with_exit_code_1(broken, command):
    edit(broken, R, "or_stopped_within: slow_washout", "or_stopped_within: 30 days")
    done = cds(*command, "--rules", str(broken))
    assert done.returncode == 1 and "error[example-fails]" in done.stdout and not done.stderr


def test_a_rulebook_that_cannot_be_used_ends_other_commands_with_exit_code_2_and_no_traceback(broken, tmp_path):
    edit(broken, R, "status: active", "status: activ")
    for done in (cds("read", "--rules", str(broken)), cds("lint", "--rules", str(tmp_path / "nowhere"))):
        assert done.returncode == 2 and done.stderr.strip() and "Traceback" not in done.stderr and not done.stdout
