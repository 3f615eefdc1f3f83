"""Rule folders for tests: the shipped rulebook copied, small rules written anew, and a real git repository around them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from cds import rulebook
from cds.rulefile.language import FOLDERS

OWN_RULE = """\
rule: {id}
version: 1.0.0
status: active
kind: interaction
title: Heart failure with ketamine

effective:
  from: 2024-01-01
review: pending

why: Written for a test.

settings:
  window:
    is: 14 days
    site_may_use: 7 days to 30 days
    what: How far back a hypertensive crisis counts.

hooks: [order-sign]
applies_when:
  ordering: any-ketamine
# a comment that has to stay
met_when:
  any:
    - has: heart-failure
    - has_had: hypertensive-crisis
      within: window

if_met:
  show: warning
  summary: Heart failure on the problem list.
if_not_met: nothing
if_unknown: not-checked
evidence:
  - source: project
    at: a test
    says: Nothing.
    strength: X
    verified: project

examples:
  - name: heart failure
    chart:
      - ordering: ketamine
      - has: heart-failure
    expect: met warning
  - name: a crisis ten days ago
    chart:
      - ordering: ketamine
      - has: hypertensive-crisis
        began: 10 days ago
    expect: met
  - name: nothing on the problem list
    chart:
      - ordering: ketamine
    expect: not met
  - name: the problem list could not be read
    chart:
      - ordering: ketamine
      - unavailable: conditions
    expect: unknown
  - name: no order of ketamine
    chart:
      - has: heart-failure
    expect: does not apply
"""


def copied(target: Path) -> Path:
    """The shipped rulebook, without its index and its list of changes."""
    return Path(shutil.copytree(rulebook.shipped(), target, ignore=shutil.ignore_patterns("*.md")))


def small(target: Path) -> Path:
    """A whole rulebook with one small rule of its own; its path leads to the folder."""
    folder = copied(target)
    shutil.rmtree(folder / "sites")
    for path in [one for name in FOLDERS for one in (folder / name).glob("*.yaml")]:
        path.unlink()
    own(folder)
    return folder


def own(folder: Path, name: str = "heart-failure-ketamine", *changes: tuple[str, str]) -> Path:
    """A small rule of its own written into a rule folder, with some texts changed."""
    path = folder / "interactions" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(OWN_RULE.replace("{id}", name), "utf-8")
    for old, new in changes:
        change(path, old, new)
    return path


def change(path: Path, old: str, new: str) -> None:
    """Replace one text in a file; it must be there."""
    text = path.read_text("utf-8")
    assert old in text, f"{path.name} holds no `{old}`"
    path.write_text(text.replace(old, new, 1), "utf-8")


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, independent of anybody's settings."""
    settings = [part for one in ("user.name=Test", "user.email=test@example.invalid", "commit.gpgsign=false", "init.defaultBranch=main",
                                 "core.autocrlf=false") for part in ("-c", one)]
    done = subprocess.run(["git", *settings, *words], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def committed(folder: Path, tag: str = "") -> None:
    """Put everything under a folder into its git repository, made where there is none."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "A state of the rules")
    if tag:
        git(folder, "tag", tag)
