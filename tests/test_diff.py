"""`cds diff` with real folders, sites and git revisions: who gets other cards, why, and what could not be compared."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import orjson
import pytest
from charts import NOW
from clinic_folder import clinic, small_rulebook
from service import AS_OF, ROOT, asked, cds, drug, order, pressure, theophylline
from site_files import OFF, PRESSURE, SILENT, write

from cds import pipeline, rulebook
from cds.authoring import diff as command
from cds.authoring import diff_tables
from cds.authoring.compare import Comparison, Sides
from cds.authoring.request_files import json_files
from cds.pipeline import Ready

STOPPED = theophylline(status="completed", effectivePeriod={"start": "2026-03-01", "end": "2026-06-26"})
REQUESTS = {"stopped": asked(statements=(STOPPED,)), "taken": asked(statements=(theophylline(),)), "plain": asked(), "high": asked(observations=pressure(165, 80))}
RULE = "interactions/theophylline.yaml"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return small_rulebook(tmp_path_factory.mktemp("small") / "rules")


@pytest.fixture
def requests(tmp_path) -> Path:
    """Four requests; the one that is `stopped` took theophylline until four days ago."""
    folder = tmp_path / "requests"
    for name, document in REQUESTS.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "request.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def changed(tmp_path, small) -> Path:
    """The rulebook with a washout of five days instead of three."""
    return edited(Path(shutil.copytree(small, tmp_path / "changed")))


def edited(folder: Path) -> Path:
    path = folder / RULE
    text = path.read_text("utf-8")
    assert "    is: 3 days\n" in text
    path.write_text(text.replace("    is: 3 days\n", "    is: 5 days\n", 1).replace("version: 1.", "version: 7.", 1), "utf-8")
    return folder


@cache
def prepared(folder: Path, site: Path | None = None, beside: tuple[Path, ...] = ()) -> Ready:
    return pipeline.prepare([folder, *beside], NOW.date(), use_engine=False, site=site)


def compared(old: Ready, new: Ready, requests: Path) -> tuple[Comparison, list, int]:
    found = Comparison(Sides(old, new, NOW))
    return found, *command.run(found, json_files(requests), requests)


def diff(old: Ready, new: Ready, requests: Path) -> dict:
    """What `--json` prints, read back."""
    found, unreadable, others = compared(old, new, requests)
    return orjson.loads(orjson.dumps(diff_tables.as_json(found, ("old", "new"), unreadable, others)))


def shown(old: Ready, new: Ready, requests: Path, capsys) -> str:
    """What the tables say."""
    found, unreadable, others = compared(old, new, requests)
    diff_tables.show(found, ("old", "new"), unreadable, others, 50)
    return capsys.readouterr().out


def test_a_longer_washout_names_the_patient_it_reaches_with_old_and_new_answer(requests, changed, small):
    told = diff(prepared(small), prepared(changed), requests)
    (one,) = told["changed"]
    assert one["request"] == "stopped/request.json" and one["cards_differ"]
    assert one["rules"] == [{"rule": "theophylline", "old": {"answer": "not met", "severity": None, "shown": False}, "new": {"answer": "met", "severity": "critical", "shown": True}}]
    tally = told["rules"]["theophylline"]
    assert (tally["old"]["met"], tally["new"]["met"], tally["old"]["not met"], tally["new"]["not met"], tally["changed"]) == (1, 2, 3, 2, 1)
    assert told["requests"] == 4 and all(rule["changed"] == 0 for name, rule in told["rules"].items() if name != "theophylline")


def test_the_trees_stand_side_by_side_and_part_where_the_rule_was_changed(requests, changed, small):
    (trees,) = diff(prepared(small), prepared(changed), requests)["trees"]
    both = [step for step in trees["steps"] if step["old"] and step["new"]]
    parted = [step for step in both if step["old"]["answer"] != step["new"]["answer"] and "theophylline" in step["new"]["why"]]
    assert parted and all("within the last 3 days" in step["old"]["asked"] and "within the last 5 days" in step["new"]["asked"] for step in parted)
    assert "2026-06-26" in parted[0]["new"]["why"] and (parted[0]["old"]["answer"], parted[0]["new"]["answer"]) == ("no", "yes")


def test_the_tables_name_request_rule_answers_severity_and_counts(requests, changed, small, capsys):
    text = shown(prepared(small), prepared(changed), requests, capsys)
    assert "1 of 4 requests get other cards." in text and "nothing → critical" in text and "1 → 2" in text and "3 → 2" in text
    assert "theophylline: not met → met, stopped/request.json" in text and "→ the patient takes" in text


def test_versions_and_identifiers_alone_are_no_change_and_check_says_so_by_its_exit_code(requests, changed, tmp_path, small):
    path = small / RULE
    copied = Path(shutil.copytree(small, tmp_path / "copied"))
    (copied / RULE).write_text(path.read_text("utf-8").replace("version: 1.", "version: 7.", 1), "utf-8")
    assert diff(prepared(small), prepared(copied), requests)["changed"] == []
    for new, code, said in ((copied, 0, b"0 of 4 requests get other cards."), (changed, 1, b"1 of 4 requests get other cards.")):
        done = cds("diff", str(small), str(new), "--requests", str(requests), "--as-of", AS_OF, "--check")
        assert done.returncode == code and said in done.stdout and not done.stderr
    done = cds("diff", str(small), str(changed), "--requests", str(requests), "--as-of", AS_OF, "--json")
    assert done.returncode == 0 and [one["request"] for one in json.loads(done.stdout)["changed"]] == ["stopped/request.json"]


def test_other_words_alone_are_named_as_such(requests, tmp_path, small, capsys):
    copied = Path(shutil.copytree(small, tmp_path / "copied"))
    text = (copied / RULE).read_text("utf-8")
    (copied / RULE).write_text(text.replace("US ketamine label says", "the US ketamine label says"), "utf-8")
    told = diff(prepared(small), prepared(copied), requests)
    assert [(one["request"], one["rules"]) for one in told["changed"]] == [("taken/request.json", [])]
    assert "1 of 4 requests get other cards (1 only in their words)" in shown(prepared(small), prepared(copied), requests, capsys)


def test_a_site_on_one_side_shows_what_it_changes_and_on_both_sides_nothing(requests, tmp_path, small, capsys):
    at_site = prepared(small, write(tmp_path, PRESSURE + OFF))
    told = diff(prepared(small), at_site, requests)
    found = {(one["request"], change["rule"]): (change["old"]["severity"], change["new"]["severity"], change["new"].get("note")) for one in told["changed"] for change in one["rules"]}
    assert found == {("high/request.json", "blood-pressure"): ("warning", "critical", None), ("taken/request.json", "theophylline"): ("critical", None, "switched off")}
    assert told["new"]["site"] == "one" and told["old"]["site"] is None and told["old"]["hash"] != told["new"]["hash"]
    assert diff(at_site, at_site, requests)["changed"] == []
    assert "met, silent" in shown(prepared(small), prepared(small, write(tmp_path, SILENT, "two")), requests, capsys)
    options = ("--requests", str(requests), "--as-of", AS_OF, "--json")
    done = cds("diff", str(small), str(small), *options, "--site", str(tmp_path / "two.yaml"), "--site-new", str(tmp_path / "one.yaml"))
    assert [json.loads(done.stdout)[side]["site"] for side in ("old", "new")] == ["two", "one"]


def test_a_rule_that_comes_changes_only_the_requests_it_speaks_about(requests, tmp_path, small):
    own = {"medicationCodeableConcept": {"text": "Housabrand 5 mg"}}
    (requests / "own.json").write_text(json.dumps(asked(statements=(drug("x", "", "own-1") | own,))))
    with_it = Path(shutil.copytree(small, tmp_path / "with"))
    for path in clinic(tmp_path / "clinic").rglob("*.*"):
        if path.parent.name == "interactions" or path.name == "house.yaml":
            shutil.copy(path, with_it / path.parent.name / path.name)
    for name in ("evidence.yaml", "override-reasons.yaml", "terms/ingredients.csv", "terms/names.csv"):
        rows = (tmp_path / "clinic" / name).read_text("utf-8")
        (with_it / name).write_text((with_it / name).read_text("utf-8").rstrip("\n") + "\n" + (rows.partition("\n")[2] if name.endswith("csv") else rows), "utf-8")
    told = diff(prepared(small), prepared(with_it), requests)
    assert [(one["request"], [change["rule"] for change in one["rules"]]) for one in told["changed"]] == [("own.json", ["house-drug"])]
    assert told["changed"][0]["rules"][0]["old"]["answer"] == "no such rule" and told["rules"]["house-drug"]["changed"] == 1
    done = cds("diff", str(small), str(small), "--requests", str(requests), "--as-of", AS_OF, "--json", "--beside", str(tmp_path / "clinic"))
    assert json.loads(done.stdout)["changed"] == [] and json.loads(done.stdout)["rules"]["house-drug"]["new"]["met"] == 1


def test_with_several_orders_the_answer_of_each_is_compared(requests, changed, small):
    two = asked(orders=[order(), order("draft-2", mg=250)], statements=(STOPPED,))
    (requests / "two.json").write_text(json.dumps(two))
    (one,) = [one for one in diff(prepared(small), prepared(changed), requests)["changed"] if one["request"] == "two.json"]
    (change,) = one["rules"]
    assert set(change["old"]["orders"].values()) == {"not met"} and set(change["new"]["orders"].values()) == {"met"}


def test_what_cannot_be_read_is_named_and_counted_and_the_rest_is_compared(requests, changed, small, capsys):
    (requests / "broken.json").write_text('{"hook": "order-sign"')
    (requests / "latin.json").write_bytes(b'{"hook": "\xe9"}')
    (requests / "other-hook.json").write_text('{"hook": "encounter-start", "hookInstance": "1"}')
    (requests / "odd.json").write_text(json.dumps(REQUESTS["plain"] | {"prefetch": []}))
    (requests / "list.json").write_text("[]")
    (requests / "stopped").rename(requests / "[bold]sto[")
    (requests / "patient.json").write_text('{"resourceType": "Patient"}')
    told = diff(prepared(small), prepared(changed), requests)
    assert [one["file"] for one in told["unreadable"]] == ["broken.json", "latin.json", "odd.json", "other-hook.json"] and told["other_files"] == 2
    assert [one["request"] for one in told["changed"]] == ["[bold]sto[/request.json"] and told["requests"] == 4
    text = shown(prepared(small), prepared(changed), requests, capsys)
    assert "not compared odd.json: $.prefetch: it is a JSON array; send an object" in text and "4 could not be compared; 2 JSON files are no request." in text
    assert "theophylline: not met → met, [bold]sto[/request.json" in text


def test_a_git_revision_stands_for_its_rules_folder(requests, tmp_path, small):
    room = tmp_path / "checkout"
    shutil.copytree(small, room / "rules")

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@localhost", *words], cwd=room, check=True, capture_output=True)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    edited(room / "rules")
    run = subprocess.run([*cds("--version").args[:3], "diff", "HEAD", "rules", "--requests", str(requests), "--as-of", AS_OF, "--json"], cwd=room, capture_output=True, timeout=60,
                         env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/local/bin"})
    told = json.loads(run.stdout)
    assert [one["request"] for one in told["changed"]] == ["stopped/request.json"] and told["old"]["name"] == "HEAD"


@pytest.mark.parametrize(("old", "asked_for", "said"), [
    ("nowhere", "", "`nowhere` is neither a rulebook folder nor a git revision"), ("", "empty", "holds no CDS Hooks request (0 JSON files)"),
    (str(ROOT / "tests"), "", "there is no book.yaml in this folder")])
def test_what_cannot_be_compared_at_all_is_one_clear_message(requests, tmp_path, old, asked_for, said, small):
    (tmp_path / "empty").mkdir()
    done = cds("diff", old or str(small), str(small), "--requests", str(tmp_path / asked_for if asked_for else requests))
    assert done.returncode == 2 and said in done.stderr.decode() and b"Traceback" not in done.stderr and not done.stdout


def test_the_shipped_stories_are_all_compared_but_the_one_that_is_no_request():
    told = diff(prepared(rulebook.shipped()), prepared(rulebook.shipped()), ROOT / "fhir_fixtures")
    stories = [path for path in (ROOT / "fhir_fixtures").glob("*/request.json")]
    assert told["requests"] + len(told["unreadable"]) == len(stories) and told["changed"] == []
    assert all(sum(rule["old"].values()) == told["requests"] for rule in told["rules"].values())
