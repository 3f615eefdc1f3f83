"""What .pre-commit-hooks.yaml declares does what it says: each entry is run as pre-commit runs it, in a repository with a rulebook."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from linter_cases import R
from small_rulebook import broken, edit, shipped  # noqa: F401 (fixtures)

HOME = Path(__file__).resolve().parent.parent
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((HOME / ".pre-commit-hooks.yaml").read_text("utf-8"))}


def run(hook: dict, repository: Path) -> subprocess.CompletedProcess:
    """The entry with its arguments and, unless it wants none, the names of the files that match."""
    command, *words = shlex.split(hook["entry"])
    assert command == "cds", "pre-commit installs the distribution, which brings the command `cds`"
    names = sorted(path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file())
    matching = [name for name in names if re.search(hook["files"], name)]
    assert f"rules/{R}" in matching
    given = matching if hook.get("pass_filenames", True) else []
    return subprocess.run([sys.executable, "-m", "cds", *words, *hook.get("args", []), *given], cwd=repository, capture_output=True, text=True, timeout=60,
                          env={"PYTHONPATH": str(HOME), "PATH": "/usr/bin:/bin"})


def test_lint_and_fmt_are_offered():
    assert HOOKS.keys() == {"cds-lint", "cds-fmt"} and all(hook["language"] == "python" for hook in HOOKS.values())


def test_the_lint_hook_passes_a_sound_rulebook_and_stops_at_a_problem(broken):
    assert run(HOOKS["cds-lint"], broken.parent).returncode == 0
    edit(broken, R, "status: active", "status: activ")
    done = run(HOOKS["cds-lint"], broken.parent)
    assert done.returncode == 1 and f"rules/{R}:3:9: error[not-a-choice]" in done.stdout


@pytest.mark.parametrize("old, new", [("kind: interaction", "kind:   interaction")])
def test_the_fmt_hook_lays_out_the_files_named_and_then_has_nothing_left_to_do(broken, old, new):
    run(HOOKS["cds-fmt"], broken.parent)
    before = (broken / R).read_text("utf-8")
    edit(broken, R, old, new)
    assert run(HOOKS["cds-fmt"], broken.parent).stdout == f"rules/{R} laid out anew\n"
    assert (broken / R).read_text("utf-8") == before
    done = run(HOOKS["cds-fmt"], broken.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
