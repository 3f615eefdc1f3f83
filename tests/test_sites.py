"""Sites: what a site file changes, what it cannot, what is said about it, and that nothing is switched off or silent unsaid."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from charts import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from service import ROOT, asked, cds, order, pressure, theophylline
from site_files import CASES, ENDED, OFF, PRESSURE, SILENT, WASHOUT, write

from cds import pipeline, rulebook
from cds.engine.plan import plan
from cds.hooks.request import request
from cds.rulefile.problems import Problem, RulesRefused

EXPECTED = Path(__file__).parent / "linter"
TODAY = date(2026, 6, 30)
BOOK = rulebook.load([rulebook.shipped()], TODAY)
VERSIONS = {rule.id: rule.version for rule in BOOK.rules}
GOOD = asked(statements=(theophylline(),))
STOPPED = asked(statements=(theophylline(status="completed", effectivePeriod={"start": "2026-03-01", "end": "2026-06-25"}),))
FINDINGS = "org.ketamine-cds.findings"


def decide(document: dict, site: Path | None = None) -> pipeline.Decision:
    return answered(document, rulebook.at_site(BOOK, site, TODAY, []) if site else BOOK)


def answered(document: dict, book: rulebook.Rulebook) -> pipeline.Decision:
    return pipeline.decide(request(document), pipeline.Ready(book, plan(book.rules), None), NOW, None, lambda: "id")


def told(decision: pipeline.Decision) -> dict[str, str]:
    """Rule -> severity of everything on the cards."""
    return {one["rule"]: one["indicator"] for card in decision.cards for one in card["extension"].get(FINDINGS, [])}


# ---- what the linter says


@pytest.mark.parametrize("problem, case, text", CASES, ids=[f"{one[0]}-{one[1]}" for one in CASES])
def test_a_broken_site_file_is_named_with_its_place_and_fix(tmp_path, problem, case, text):
    problems: list[Problem] = []
    at_site = rulebook.at_site(BOOK, write(tmp_path, text), TODAY, problems)
    found = "\n".join(map(str, sorted(problems))).replace(f"{tmp_path}{os.sep}", "").replace(BOOK.book.version, "VERSION") + "\n"
    expected = EXPECTED / problem / f"{'-'.join(filter(None, ('site', case)))}.txt"
    if os.environ.get("CDS_WRITE_EXPECTED"):
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(found, "utf-8")
    assert [one.name for one in problems] == [problem] and found == expected.read_text("utf-8")
    assert (at_site is None) == (problems[0].level == "error")


def test_every_slip_of_a_site_file_is_named_at_once(tmp_path):
    problems: list[Problem] = []
    slips = WASHOUT.replace("7 days", "2 days") + OFF.replace("theophylline", "x") + PRESSURE.replace("    because: No emergency team.\n", "") + ENDED.replace("washout", "slow_washout")
    assert rulebook.at_site(BOOK, write(tmp_path, slips), TODAY, problems) is None
    assert [one.name for one in sorted(problems)] == ["setting-outside-range", "unknown-rule", "change-without-because", "change-expired"]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.sampled_from([one for rule in BOOK.rules for one in ((rule.id, name) for name in rule.settings)]), st.fractions(0, 2, max_denominator=100))
def test_a_value_is_used_where_it_lies_in_the_range_and_refused_elsewhere(tmp_path_factory, which, share):
    rule, name = which
    setting = next(one for one in BOOK.rules if one.id == rule).settings[name]
    low = setting.lowest.value / setting.highest.value
    number = f"{float(setting.highest.number * share):.6f}"
    path = write(tmp_path_factory.mktemp("site"), f"  - rule: {rule}\n    set: {{{name}: {number} {setting.highest.unit}}}\n    because: x\n    until: 2027-01-01\n")
    problems: list[Problem] = []
    found = rulebook.at_site(BOOK, path, TODAY, problems)
    if found is None:
        assert [one.name for one in problems] == ["setting-outside-range"] and not low + 0.001 < share < 1
    else:
        assert low - 0.001 <= share <= 1 and setting.lowest.value <= next(one for one in found.rules if one.id == rule).settings[name].amount.value <= setting.highest.value


def test_the_example_sites_fit_the_shipped_rulebook_and_lint_reads_them_always(tmp_path):
    paths = rulebook.site_files([ROOT / "rules"])
    assert len(paths) >= 2
    for path in paths:
        problems: list[Problem] = []
        found = rulebook.at_site(BOOK, path, TODAY, problems)
        assert found is not None and found.site is not None and found.site.changes and not problems and "EXAMPLE" in found.site.approved_by
    for path, level in ((write(tmp_path, WASHOUT.replace("7 days", "2 days")), 1), (write(tmp_path, ENDED, "two"), 0)):
        done = cds("lint", "--site", str(path))
        assert done.returncode == level and str(path).encode() in done.stdout and (b"error[" in done.stdout) == bool(level)


# ---- what a site changes


def test_a_setting_of_the_site_decides_and_the_card_says_so(tmp_path):
    high = asked(observations=[*pressure(165, 80)])
    assert told(decide(high))["blood-pressure"] == "warning"
    at_site = decide(high, write(tmp_path, PRESSURE))
    (card,) = [card for card in at_site.cards if card["indicator"] == "critical"]
    assert told(at_site)["blood-pressure"] == "critical" and "above 160 mmHg" in card["summary"]
    assert f"**Rule:** blood-pressure {VERSIONS['blood-pressure']}, awaiting clinical sign-off, site setting: severe systolic 160 mmHg (rulebook: 180 mmHg)\n" in card["detail"]
    assert told(decide(asked(observations=[*pressure(160, 80)]), write(tmp_path, PRESSURE)))["blood-pressure"] == "warning"
    assert "site setting" not in decide(high).cards[0]["detail"]


def test_a_rule_without_a_changed_setting_shows_no_note(tmp_path):
    same = WASHOUT.replace("7 days", "72 hours")
    assert "site setting" not in json.dumps(decide(GOOD, write(tmp_path, same)).cards)
    assert "site setting" not in json.dumps(decide(GOOD, write(tmp_path, PRESSURE)).cards)


def test_a_rule_that_is_off_answers_does_not_apply_and_its_place_in_the_answers_stays(tmp_path):
    shipped, at_site = decide(GOOD), decide(GOOD, write(tmp_path, OFF))
    assert shipped.answers["theophylline"]["answer"] == "met" and told(at_site) == {rule: show for rule, show in told(shipped).items() if rule != "theophylline"}
    assert at_site.answers["theophylline"] == {"answer": "does not apply", "shown": False, "version": VERSIONS["theophylline"], "switched_off": True}
    assert list(at_site.answers) == list(shipped.answers)
    without = asked(orders=[])
    assert decide(without, write(tmp_path, OFF)).answers["theophylline"]["answer"] == "does not apply"


@pytest.mark.parametrize("document", [GOOD, asked(conditions=(), statements=()) | {"prefetch": {}}, asked(orders=[])], ids=["met", "nothing read", "no order"])
def test_a_silent_rule_answers_and_shows_nothing_anywhere(tmp_path, document):
    shipped, at_site = decide(document), decide(document, write(tmp_path, SILENT))
    assert at_site.answers["theophylline"] == shipped.answers["theophylline"] | {"shown": False, "silent": True}
    assert "heophylline" not in json.dumps([(card["summary"], card["extension"].get(FINDINGS), card["source"]) for card in at_site.cards])
    others = {rule: answered for rule, answered in shipped.answers.items() if rule != "theophylline"}
    assert others == {rule: answered for rule, answered in at_site.answers.items() if rule != "theophylline"}
    assert told(at_site) == {rule: show for rule, show in told(shipped).items() if rule != "theophylline"}


def test_a_silent_rule_takes_no_other_card_away():
    both = asked(orders=[order(mg=250)], statements=(theophylline(),))
    for silent in (False, True):
        rules = tuple(replace(rule, replaces=("theophylline",), silent=silent) if rule.id == "dose-and-rate" else rule for rule in BOOK.rules)
        shown = told(answered(both, replace(BOOK, rules=rules)))
        assert ("theophylline" in shown, "dose-and-rate" in shown) == (silent, not silent)


def test_a_change_that_ended_leaves_the_rule_as_shipped_and_one_on_its_last_day_does_not(tmp_path):
    assert decide(STOPPED).answers["theophylline"]["answer"] == "not met"
    assert decide(STOPPED, write(tmp_path, WASHOUT)).answers["theophylline"]["answer"] == "met"
    assert decide(STOPPED, write(tmp_path, WASHOUT.replace("2027-06-30", "2026-06-30"))).answers["theophylline"]["answer"] == "met"
    assert decide(STOPPED, write(tmp_path, ENDED)).answers["theophylline"]["answer"] == "not met"


def test_a_site_sets_how_much_a_card_tells_in_full_and_the_time_zone(tmp_path):
    path = write(tmp_path, "site: one\napproved_by: nobody\ntime_zone: America/Phoenix\nfull_findings: 1\n")
    ready = pipeline.prepare([rulebook.shipped()], TODAY, use_engine=False, site=path)
    assert str(ready.zone) == "America/Phoenix" and str(pipeline.prepare([rulebook.shipped()], TODAY, use_engine=False).zone) == "UTC"
    several = asked(orders=[order(mg=250)], statements=(theophylline(),))
    full = [[card["detail"].count("**Rule:**") for card in decide(several, site).cards if card["indicator"] == "critical"] for site in (None, path)]
    assert full[0][0] >= 2 and full[1] == [1] and told(decide(several)) == told(decide(several, path))


def test_the_hash_tells_sites_apart_and_leaves_out_files_that_are_not_in_force(tmp_path):
    folder = rulebook.shipped()
    one, two = write(tmp_path, OFF), write(tmp_path, SILENT, "two")
    hashes = {rulebook.load([folder], TODAY, site=site).hash for site in (None, one, two)}
    assert len(hashes) == 3 and rulebook.load([folder], TODAY, site=one).hash in hashes
    copied = tmp_path / "rules"
    (copied / "sites").mkdir(parents=True)
    (copied / "book.yaml").write_bytes((folder / "book.yaml").read_bytes())
    before = rulebook.content_hash([copied])
    write(copied / "sites", OFF)
    assert rulebook.content_hash([copied]) == before


def test_a_site_that_leaves_no_rule_is_refused(tmp_path):
    off = "".join(OFF.replace("theophylline", rule.id) for rule in BOOK.rules)
    with pytest.raises(RulesRefused, match="no rule of this rulebook is in force"):
        rulebook.load([rulebook.shipped()], TODAY, site=write(tmp_path, off))
