"""`cds release`: versions follow from old answers, only version lines change, and clinicians read who is affected, from when and why."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import typer
from rulefolders import change, committed, git, small
from service import ROOT, cds, environment

from cds import rulebook
from cds.authoring.lint import lint
from cds.authoring.release import Asked, release
from cds.authoring.released import released
from cds.authoring.versions import compare, not_raised

EXPECTED = Path(__file__).parent / "linter" / "version-not-raised" / "expected.txt"
RULE, TODAY = "interactions/heart-failure-ketamine.yaml", date(2026, 6, 30)
SAID = {"start": "2026-12-01", "because": "A review of <2026> asked for it."}
WINDOW = ("    is: 14 days", "    is: 7 days")
SUMMARY = ("summary: Heart failure on the problem list.", "summary: Heart failure stands on the problem list.")
SHORTER = (WINDOW, ("        began: 10 days ago\n    expect: met", "        began: 10 days ago\n    expect: not met"))
ENDED = (("status: active", "status: retired"), ("  from: 2024-01-01", "  from: 2024-01-01\n  until: 2026-11-20"))
SIZES = {
    "an old answer": (SHORTER, "2.0.0", "1 of 5 old answers changed; changed: settings"),
    "the severity of an old answer": ((("show: warning", "show: critical"), ("expect: met warning", "expect: met critical")),
                                      "2.0.0", "2 of 5 old answers"),
    "retired": (ENDED, "2.0.0", "retired, was active"),
    "a setting without an old answer": ((("    is: 14 days", "    is: 13 days"),), "1.1.0", "changed: settings"),
    "the range of a setting": ((("to 30 days", "to 60 days"),), "1.1.0", "changed: settings"),
    "the text of a card": ((SUMMARY,), "1.1.0", "changed: if_met"),
    "a hook": ((("hooks: [order-sign]", "hooks: [order-select, order-sign]"),), "1.1.0", "changed: hooks"),
    "the strength of evidence": ((("strength: X", "strength: D"),), "1.1.0", "changed: evidence"),
    "title, reason, words": ((("title: Heart", "title: The heart"), ("Written for", "Kept for"), ("says: Nothing.", "says: Little."),
                              ("How far", "So far")),
                             "1.0.1", "words only: title, why, settings, evidence"),
    "an example": ((("name: heart failure\n", "name: a weak heart\n"),), "1.0.1", "words only: examples"),
    "a comment": ((("# a comment", "# another comment"),), "1.0.0", ""),
    "a version already raised": ((SUMMARY, ("version: 1.0.0", "version: 1.4.0")), "1.4.0", "changed: if_met"),
    "a version raised too little": ((SUMMARY, ("version: 1.0.0", "version: 1.0.1")), "1.1.0", "changed: if_met"),
}


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The released rulebook in a folder."""
    return small(tmp_path_factory.mktemp("old") / "rules")


@pytest.fixture
def rules(tmp_path):
    """The same rulebook, released as `v1` in a git repository, to be changed."""
    folder = small(tmp_path / "clinic" / "rules")
    committed(folder.parent, "v1")
    return folder


def edit(folder: Path, *changes: tuple[str, str]) -> None:
    for before, after in changes:
        change(folder / RULE, before, after)


def compared(old: Path, new: Path):
    return compare(rulebook.load_whole([old], TODAY), rulebook.load_whole([new], TODAY))


@pytest.mark.parametrize("changes, version, why", SIZES.values(), ids=SIZES)
def test_the_version_follows_from_what_changed(old, tmp_path, changes, version, why):
    new = small(tmp_path / "rules")
    edit(new, *changes)
    (found,) = compared(old, new)
    assert found.version == version and ("; ".join(found.why).startswith(why) if why else not found.why)


def test_a_term_that_includes_something_else_raises_every_rule_that_uses_it(old, tmp_path):
    new = small(tmp_path / "rules")
    change(new / "terms" / "conditions.yaml", "says: heart failure\n", "says: failure of the heart\n")
    assert compared(old, new)[0].version == "1.0.0"
    text = (new / "terms" / "conditions.yaml").read_text("utf-8")
    start = text.index("\nheart-failure:")
    (new / "terms" / "conditions.yaml").write_text(text[:start] + text[start:].replace("names: [", 'names: ["weak heart", ', 1), "utf-8")
    (found,) = compared(old, new)
    assert (found.version, found.why) == ("1.1.0", ("terms changed: heart-failure",))


def test_a_changed_rule_of_the_same_version_is_a_problem_with_its_place(rules, capsys):
    edit(rules, SUMMARY)
    assert lint([rules], "text") == 0 and "version-not-raised" not in capsys.readouterr().out
    assert lint([rules], "text", since="v1") == 1
    (found,) = [part + "\n" for part in re.split(r"\n(?=\S)", capsys.readouterr().out) if "version-not-raised" in part]
    found = found.replace(f"{rules}{os.sep}", "")
    if os.environ.get("CDS_WRITE_EXPECTED"):
        EXPECTED.parent.mkdir(exist_ok=True)
        EXPECTED.write_text(found, "utf-8")
    assert found == EXPECTED.read_text("utf-8")
    edit(rules, ("version: 1.0.0", "version: 1.1.0"))
    assert lint([rules], "text", since="v1") == 0


def test_a_release_changes_only_version_lines_and_writes_changes_and_index(rules, capsys):
    edit(rules, *SHORTER)
    before = {path: path.read_bytes() for path in rules.rglob("*.*")}
    assert release([rules], Asked(**SAID)) == 0
    shown = capsys.readouterr().out
    assert "heart-failure-ketamine" in shown and "1 of 5 old" in shown and "Rulebook 2026.12.1" in shown
    after = {path: path.read_bytes() for path in rules.rglob("*.*")}
    assert {path.name for path in after.keys() - before.keys()} == {"CHANGELOG.md", "INDEX.md"}
    changed = {path: (before[path].splitlines(), after[path].splitlines()) for path in before if before[path] != after[path]}
    lines = {path.name: [(one, other) for one, other in zip(*both, strict=True) if one != other] for path, both in changed.items()}
    assert lines == {"heart-failure-ketamine.yaml": [(b"version: 1.0.0", b"version: 2.0.0")],
                     "book.yaml": [(b"version: 2026.11.1", b"version: 2026.12.1")]}
    text = (rules / "CHANGELOG.md").read_text("utf-8")
    for words in ("## 2026.12.1, from 1 December 2026", r"**Why:** A review of \<2026\> asked for it.",
                  "Who is affected: clinicians, when an order is signed",
                  "so far a card (warning), from now on no card", "How far back a hypertensive crisis counts: 7 days, so far 14 days"):
        assert words in text
    assert lint([rules], "text", since="v1") == 0


def test_a_second_release_of_the_same_state_writes_the_same_and_the_next_one_stands_on_top(rules, capsys):
    edit(rules, SUMMARY)
    assert release([rules], Asked(**SAID)) == 0
    once = {path: path.read_bytes() for path in rules.rglob("*.*")}
    assert release([rules], Asked(**SAID)) == 0 and {path: path.read_bytes() for path in rules.rglob("*.*")} == once
    committed(rules.parent, "v2")
    edit(rules, ("title: Heart", "title: The heart"))
    assert release([rules], Asked(start="2026-12-20", because="Clearer words.")) == 0
    text = (rules / "CHANGELOG.md").read_text("utf-8")
    assert text.index("## 2026.12.2, from 20 December 2026") < text.index("## 2026.12.1, from 1 December 2026") and text.count("\n## ") == 2
    assert "Nobody is affected: wording only" in text and "1.1.0 to 1.1.1" in text


def test_line_ends_and_a_byte_order_mark_survive_a_release(rules):
    for path in (rules / RULE, rules / "book.yaml"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    edit_bytes = (rules / RULE).read_bytes().replace(b"is: 14 days", b"is: 13 days")
    (rules / RULE).write_bytes(edit_bytes)
    assert release([rules], Asked(**SAID)) == 0
    assert (rules / RULE).read_bytes() == edit_bytes.replace(b"version: 1.0.0", b"version: 1.1.0")
    assert (rules / "book.yaml").read_bytes().startswith(b"\xef\xbb\xbfversion: 2026.12.1\r\n")


def test_a_new_a_retired_and_a_draft_rule(rules, capsys):
    edit(rules, *ENDED)
    text = (rules / RULE).read_text("utf-8").replace("heart-failure-ketamine", "heart").replace("retired", "active")
    text = text.replace("  until: 2026-11-20\n", "")
    (rules / "interactions" / "heart.yaml").write_text(text, "utf-8")
    draft = text.replace("rule: heart", "rule: sketch").replace("active", "draft").replace("met warning", "unknown")
    (rules / "interactions" / "sketch.yaml").write_text(draft, "utf-8")
    assert release([rules], Asked(**SAID)) == 0
    said = (rules / "CHANGELOG.md").read_text("utf-8")
    assert "`heart` 1.0.0" in said and "can show as warning: Heart failure on the problem list." in said and "sketch" not in said
    assert "no longer in use: its cards do not show any more. The last day was 20 November 2026." in said and (rules / RULE).exists()


def test_a_look_only_or_nothing_to_release_writes_nothing(rules, capsys):
    assert release([rules], Asked()) == 0 and "1 rule is unchanged since v1." in capsys.readouterr().out
    edit(rules, SUMMARY)
    state = git(rules.parent, "status", "--porcelain")
    assert release([rules], Asked(dry_run=True)) == 0 and "1.1.0" in capsys.readouterr().out
    assert git(rules.parent, "status", "--porcelain") == state


def test_without_a_tag_the_last_commit_is_the_released_state(rules):
    git(rules.parent, "tag", "-d", "v1")
    with released(None, rules, TODAY) as found:
        assert found.name == "HEAD" and [rule.version for rule in found.book.rules] == ["1.0.0"]


def test_the_first_release_names_every_rule_as_new(rules, capsys):
    assert release([rules], Asked(first=True, **SAID)) == 0
    said = (rules / "CHANGELOG.md").read_text("utf-8")
    assert "## 2026.11.1, from 1 December 2026" in said and "### New" in said and "Written for a test." in said
    assert "version: 1.0.0" in (rules / RULE).read_text("utf-8")


@pytest.mark.parametrize("more, text", [
    ({"start": None}, "--from is needed"), ({"because": None}, "--because is needed"), ({"because": " "}, "--because is empty"),
    ({"start": "1.12.2026"}, "`1.12.2026` is not a day"), ({"start": "2026-10-31"}, "lies before the released rulebook 2026.11.1"),
    ({"since": "v9"}, "`v9` is neither a folder nor a revision of the repository"), ({"since": "--all"}, "neither a folder nor a revision"),
    ({"since": "v1", "first": True}, "exclude each other")])
def test_what_is_missing_or_wrong_is_said_and_nothing_is_written(rules, more, text, capsys):
    edit(rules, SUMMARY)
    state = git(rules.parent, "status", "--porcelain")
    with pytest.raises(typer.Exit) as stopped:
        release([rules], Asked(**{**SAID, **more}))
    said = capsys.readouterr().err
    assert stopped.value.exit_code == 2 and text in said and git(rules.parent, "status", "--porcelain") == state


def test_a_released_rule_that_is_gone_is_refused(rules, capsys):
    (rules / RULE).rename(rules / "interactions" / "renamed.yaml")
    change(rules / "interactions" / "renamed.yaml", "rule: heart-failure-ketamine", "rule: renamed")
    with pytest.raises(typer.Exit):
        release([rules], Asked(**SAID))
    assert "heart-failure-ketamine: released at `v1` and now missing or a draft again" in capsys.readouterr().err


def test_rules_with_errors_are_not_released(rules, capsys):
    edit(rules, WINDOW)
    assert release([rules], Asked(**SAID)) == 1
    shown = capsys.readouterr()
    assert "error[example-fails]" in shown.out and "nothing was released" in shown.err and not (rules / "CHANGELOG.md").exists()


def test_without_git_or_a_repository_the_message_names_the_way_out(old, tmp_path):
    outside = cds("release", "--rules", str(old), env={"GIT_CEILING_DIRECTORIES": str(old.parent.parent)})
    no_git = cds("release", "--rules", str(old), env={"PATH": str(tmp_path)})
    for done, text in ((outside, "is in no git repository"), (no_git, "git is not installed")):
        assert done.returncode == 2 and text in done.stderr.decode() and b"--since" in done.stderr and b"Traceback" not in done.stderr


def test_at_a_terminal_the_first_day_and_the_reason_are_asked_for(rules):
    edit(rules, SUMMARY)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cds", "release", "--rules", str(rules)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment())
    os.close(theirs)
    said, answers = "", [("YYYY-MM-DD): ", "2026-12-05\n"), ("for clinicians: ", "Clearer words.\n")]
    try:
        while part := os.read(ours, 4096):
            said += part.decode(errors="replace")
            if answers and said.endswith(answers[0][0]):
                os.write(ours, answers.pop(0)[1].encode())
    except OSError:  # the far end closed
        pass
    assert process.wait(timeout=30) == 0 and not answers
    assert "from 5 December 2026\n\n**Why:** Clearer words." in (rules / "CHANGELOG.md").read_text("utf-8")


def test_an_unchanged_rulebook_has_no_version_to_raise(old):
    book = rulebook.load_whole([old], TODAY)
    assert list(not_raised(book, book)) == []
