"""What `cds lint` says about broken rulebooks: one small edit of a shipped file each, and the exact words.

The words stand in tests/linter/<problem>/<case>.txt; `CDS_WRITE_EXPECTED=1 python -m pytest tests/test_linter.py`
writes them anew, for reading before they are kept.
"""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from cds import rulebook
from cds.authoring.check import check
from cds.authoring.lint import lint
from cds.rulefile.problems import Problem

HOME = Path(__file__).resolve().parent
EXPECTED = HOME / "linter"
R, B, E, O = "interactions/theophylline.yaml", "book.yaml", "evidence.yaml", "override-reasons.yaml"
M, C, S = "terms/medications.yaml", "terms/conditions.yaml", "terms/snomed/conditions.yaml"
TERMS = {"ketamine", "esketamine", "any-ketamine", "xanthines", "dyphylline", "theophylline-clearance-inhibitors",
         "liver-disease", "liver-severe", "heart-failure"}
WEIGHT = """body-weight:
  says: body weight
  kind: measurement
  version: 2026-11-23
  provenance: a test
  licence: loinc
  includes:
    loinc: ["29463-8 Body weight"]
"""
BY_TEST = {"break-not-noticed", "unknown-break", "break-noticed", "too-many-accepted"}  # of `cds test`: tests/test_breaks.py
SOURCES = {"fda-ketalar", "no-ketanest", "chest-1978", "mims-ketamine"}
HOOKS = "hooks: [patient-view, order-select, order-sign]"
SPARE = "  spare:\n    is: 1 day\n    site_may_use: 1 day to 2 days\n    what: x\n"
COPY = WEIGHT.replace("body-weight", "xanthines").replace("measurement", "medication").replace("29463-8", "29463-7")

# problem, case, file, text of the shipped file, what stands there instead ("": at its end; None: the whole file)
CASES = [
    ("yaml-syntax", "expected", R, "title: Theophylline or", "title: Theophylline: or"),
    ("yaml-syntax", "tab", R, "  from: 2024-01-01", "\tfrom: 2024-01-01"),
    ("yaml-syntax", "quote", R, '(seizures)."', '(seizures).'),
    ("yaml-syntax", "two-documents", R, "why: >", "---\nwhy: >"),
    ("yaml-syntax", "nested", R, HOOKS, "hooks: " + "[" * 31 + "order-sign" + "]" * 31),
    ("duplicate-key", "expected", R, "version: 1.0.0", "version: 1.0.0\nversion: 1.0.1"),
    ("duplicate-key", "term", C, "", COPY),
    ("fancy-yaml", "expected", R, "    is: 3 days", "    is: &days 3 days"),
    ("fancy-yaml", "alias", R, "    at: results\n    says: Theophylline half", "    at: &at results\n    says: *at #"),
    ("fancy-yaml", "tag", R, "version: 1.0.0", "version: !!str 1.0.0"),
    ("fancy-yaml", "key", R, "hooks: [", "? [hooks]\n: x\nhooks: ["),
    ("empty-file", "expected", R, None, ""),
    ("missing-key", "expected", R, "if_unknown: not-checked\n", ""),
    ("missing-key", "review", R, "review: pending\n", ""),
    ("missing-key", "last-level", R, "  - show: warning\n", "  - show: info\n    summary: x\n  - show: warning\n"),
    ("missing-key", "verb", R, "    - taking: dyphylline\n      or_stopped_within: washout",
     "    - taking_classes: [xanthines, dyphylline]"),
    ("missing-key", "group", R, "applies_when:\n  ordering: any-ketamine", "applies_when:\n  any: []"),
    ("missing-key", "unless", R, "  ordering: any-ketamine\n", "  ordering: any-ketamine\n  unless: []\n"),
    ("missing-key", "chart", R, "        stopped: 3 days ago\n", ""),
    ("unknown-key", "expected", R, "review: pending", "reviewed: pending"),
    ("unknown-key", "last-level", R, "  - show: warning\n", "  - when:\n      taking: xanthines\n    show: warning\n"),
    ("key-order", "expected", R, "if_not_met: nothing\nif_unknown: not-checked",
     "if_unknown: not-checked\nif_not_met: nothing"),
    ("not-a-choice", "expected", R, "status: active", "status: activ"),
    ("not-a-choice", "clause", R, "  ordering: any-ketamine", "  ordering: any-ketamine\n  by_route: intravenos"),
    ("not-a-choice", "chart", R, "        status: on hold", "        status: held"),
    ("bad-form", "expected", R, "version: 1.0.0", "version: 1.0"),
    ("bad-form", "list", R, HOOKS, "hooks: order-sign"),
    ("bad-form", "empty", R, HOOKS, "hooks: []"),
    ("bad-form", "day", R, "  from: 2024-01-01", "  from: 1 Jan 2024"),
    ("too-long", "expected", R, "title: Theophylline", "title: " + "Theophylline and " * 8),
    ("name-differs-from-file", "expected", R, "rule: theophylline", "rule: theophyllin"),
    ("name-differs-from-file", "folder", R, "kind: interaction", "kind: dosing"),
    ("unknown-term", "expected", R, "has: heart-failure", "has: heart-failur"),
    ("unknown-term", "kind", R, "has: heart-failure", "has: xanthines"),
    ("unknown-term", "list", R, "    - taking: dyphylline\n      or_stopped_within: washout",
     "    - taking_classes: dyphylline\n      at_least: 2 classes"),
    ("unknown-term", "included", M, "terms: [ketamine, esketamine]", "terms: [ketamine, esketamin]"),
    ("unknown-term", "chart", R, "      - taking: aminophylline", "      - taking: wonderdrug"),
    ("unused-term", "expected", M, "", WEIGHT.replace("29463-8", "29463-7")),
    ("unknown-verb", "expected", R, "- has: heart-failure", "- hass: heart-failure"),
    ("unknown-verb", "text", R, "- has: heart-failure", "- heart failure"),
    ("unknown-word", "expected", R, "has: heart-failure", "has: heart-failure\n              withn: 3 days"),
    ("unknown-word", "group", R, "applies_when:\n  ordering", "applies_when:\n  all: [at: order-sign]\n  ordering"),
    ("no-comparison", "expected", R, "has: liver-severe", "age: 65 years"),
    ("no-comparison", "choices", R, "has: liver-severe", "order_dose: 65 mg"),
    ("bad-amount", "expected", R, "or_stopped_within: slow_washout", "or_stopped_within: 7days and more"),
    ("bad-amount", "setting", R, "hooks: [", SPARE.replace("1 day\n", "one day\n") + "hooks: ["),
    ("bad-amount", "chart", R, "stopped: 3 days ago", "stopped: yesterday"),
    ("wrong-unit", "expected", R, "or_stopped_within: slow_washout", "or_stopped_within: 7 mg"),
    ("wrong-unit", "setting", R, "hooks: [", SPARE.replace("1 day\n", "1 mg\n") + "hooks: ["),
    ("wrong-unit", "chart", R, "stopped: 3 days ago", "stopped: 3 mg ago"),
    ("unknown-setting", "expected", R, "or_stopped_within: slow_washout", "or_stopped_within: slow_wash"),
    ("unknown-setting", "summary", R, '"Dyphylline on list:', '"Dyphylline {wash_out} on list:'),
    ("unused-setting", "expected", R, "hooks: [", SPARE + "hooks: ["),
    ("setting-outside-range", "expected", R, "    is: 3 days", "    is: 2 days"),
    ("exception-without-because", "expected", R, "  ordering: any-ketamine\n",
     "  ordering: any-ketamine\n  unless:\n    - taking: dyphylline\n"),
    ("exception-without-because", "absent", R, "has: liver-severe", "age: above 65 years\n              if_absent: no"),
    ("unknown-source", "expected", R, "source: chest-1978", "source: chest-1987"),
    ("no-such-override-reason", "expected", R, "[theophylline-stopped,", "[theophyline-stopped,"),
    ("retired-without-until", "expected", R, "status: active", "status: retired"),
    ("unknown-chart-word", "expected", R, "      - taking: aminophylline", "      - takes: aminophylline"),
    ("unknown-chart-word", "further", R, "stopped: 3 days ago", "stopped: 3 days ago\n        ended: now"),
    ("example-fails", "expected", R, "or_stopped_within: slow_washout", "or_stopped_within: 30 days"),
    ("answer-without-example", "expected", R, "      - taking: theophylline\n    expect: does not apply",
     "      - ordering: ketamine\n      - taking: theophylline\n    expect: met critical"),
    ("unknown-rule", "expected", R, "\nevidence:\n", "\nreplaces: [theophyline]\nevidence:\n"),
    ("code-unknown", "expected", S, "27405005", "27405006"),
    ("code-unknown", "loinc", M, "", WEIGHT),
]


def trimmed(text: str, keep: set[str]) -> str:
    """The top-level entries of a term file whose names are kept."""
    return "".join(block for block in re.split(r"(?m)^(?=[a-z][a-z0-9-]*:$)", text) if block.split(":")[0] in keep)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A small whole rulebook cut from the shipped one: the theophylline rule with what it uses."""
    folder, source = tmp_path_factory.mktemp("shipped") / "rules", rulebook.shipped()
    for name in (R, B, O, "terms/ingredients.csv", "terms/names.csv", "terms/products.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, folder / name)
    for name, keep in ((M, TERMS), (C, TERMS), (S, {"sleep-disordered-breathing"}), (E, SOURCES)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(trimmed((source / name).read_text("utf-8"), keep), "utf-8")
    return folder


@pytest.fixture
def broken(shipped, tmp_path):
    """The small rulebook, to be broken."""
    return Path(shutil.copytree(shipped, tmp_path / "rules"))


def edit(folder: Path, file: str, old: str | None, new: str) -> None:
    path = folder / file
    text = path.read_text("utf-8")
    assert old is None or old in text, f"{file} holds no `{old}`"
    path.write_text(text.replace(old, new, 1) if old else new if old is None else text + new, "utf-8")


def problems(folder: Path) -> tuple[Problem, ...]:
    return check([folder], Console(file=io.StringIO())).problems


def errors(folder: Path) -> list[str]:
    return [one.name for one in problems(folder) if one.level == "error"]


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
    assert emitted() == {problem for problem, *_ in CASES} | BY_TEST == {folder.name for folder in EXPECTED.iterdir()}


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
    (lambda data: data.replace(b"title", b"ti\0tle"), ["yaml-syntax"], 1),
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
