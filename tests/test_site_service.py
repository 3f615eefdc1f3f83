"""A site file with the real commands: `cds serve` and `cds evaluate` say what the site changed, and refuse what it may not."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest
from service import AS_OF, accepted, asked, cds, free_port, listens, running, theophylline
from site_files import ENDED, OFF, PRESSURE, SILENT, WASHOUT, write

from cds import rulebook
from cds.web import site

GOOD = asked(statements=(theophylline(),))
RULEBOOK = "org.ketamine-cds.rulebook"


def rules(cards: list[dict]) -> set[str]:
    """Every rule that the cards name."""
    return {one["rule"] for card in cards for one in card["extension"].get("org.ketamine-cds.findings", [])}


def test_the_service_names_its_site_what_is_off_and_why_and_the_hash_of_its_cards(tmp_path):
    unmeasured = asked(observations=[])
    with running("--as-of", AS_OF, "--site", str(write(tmp_path, OFF + PRESSURE))) as service:
        told, discovery = service.get("/readyz").json(), service.get("/cds-services").json()["services"]
        assert "theophylline" not in rules(accepted(service.ask(GOOD)))
        card = accepted(service.ask(unmeasured))[0]
        log = service.log()
    why = {"rule": "theophylline", "because": "Another system checks it.", "until": "2027-06-30"}
    assert told["site"]["name"] == "one" and told["site"]["switched_off"] == [why] and told["site"]["silent"] == []
    (setting,) = told["site"]["settings"]
    assert (setting["setting"], setting["is"], setting["rulebook"]) == ("severe_systolic", "160 mmHg", "180 mmHg")
    assert card["extension"][RULEBOOK]["hash"] == told["rulebook"]["hash"] and "warnings" not in told["site"]
    for one in discovery:
        assert "Site one shows nothing of theophylline (switched off until 2027-06-30: Another system checks it)." in one["description"]
        assert "Theophylline or aminophylline" not in one["description"]
    assert "Site one, approved by nobody" in log and "theophylline: switched off, until 2027-06-30: Another system checks it." in log


def test_a_silent_finding_is_counted_in_its_own_metric_and_nowhere_else(tmp_path):
    with running("--workers", "2", "--as-of", AS_OF, env={"CDS_SITE": str(write(tmp_path, SILENT))}, wait=90) as service:
        assert not any("theophylline" in rules(accepted(service.ask(GOOD))) for _ in range(5))
        metrics = service.get("/metrics").text
    assert 'cds_silent_findings_total{answer="met",indicator="critical",rule="theophylline"} 5.0' in metrics
    assert not re.search(r'cds_findings_total\{.*theophylline', metrics)


def test_an_ended_change_warns_at_start_on_readyz_and_in_evaluate_and_the_shipped_rule_shows(tmp_path):
    path = str(write(tmp_path, ENDED))
    with running("--as-of", AS_OF, "--site", path) as service:
        assert "theophylline" in rules(accepted(service.ask(GOOD)))
        assert service.get("/readyz").json()["site"]["warnings"] == ["the change of `theophylline` ended on 2026-06-29; the rule is in force as shipped"]
        assert "warning[change-expired]" in service.log()
    done = cds("evaluate", "-", "--as-of", AS_OF, "--site", path, stdin=json.dumps(GOOD).encode())
    assert done.returncode == 0 and b"warning[change-expired]" in done.stderr and "theophylline" in rules(json.loads(done.stdout)["cards"])


@pytest.mark.parametrize(("changes", "name"), [(WASHOUT.replace("7 days", "2 days"), "setting-outside-range"), (OFF.replace("rule: th", "rule: t"), "unknown-rule"),
                                               (OFF.replace("    until: 2027-06-30\n", ""), "change-without-end")])
def test_an_error_in_a_site_file_stops_the_start_with_its_place(tmp_path, changes, name):
    port, path = free_port(), write(tmp_path, changes)
    for command in (("serve", "--port", str(port)), ("evaluate", "-")):
        ended = cds(*command, "--site", str(path), stdin=json.dumps(GOOD).encode())
        assert (ended.returncode, ended.stdout, listens(port)) == (2, b"", False)
        assert re.search(rf"{re.escape(str(path))}:\d+:\d+: error\[{name}\] .*\n(.*\n)+ +fix: ", ended.stderr.decode()) and b"Traceback" not in ended.stderr


def test_a_site_file_that_is_not_there_is_one_clear_line(tmp_path):
    for command in (("serve",), ("evaluate", "-"), ("lint",)):
        ended = cds(*command, "--site", str(tmp_path / "nowhere.yaml"), stdin=json.dumps(GOOD).encode())
        assert ended.returncode == 2 and ended.stderr.decode() == f"cds: --site: `{tmp_path / 'nowhere.yaml'}` is not a file\n"


def test_evaluate_answers_every_rule_also_those_that_are_off(tmp_path):
    def answers(*more: str) -> dict:
        done = cds("evaluate", "-", "--answers", "--as-of", AS_OF, *more, stdin=json.dumps(GOOD).encode())
        return json.loads(done.stdout)["answers"]
    shipped, off = answers(), answers("--site", str(write(tmp_path, OFF)))
    assert shipped.keys() == off.keys()
    assert (shipped["theophylline"]["answer"], off["theophylline"]["answer"], off["theophylline"]["switched_off"]) == ("met", "does not apply", True)


def test_the_day_in_the_time_zone_of_the_site_or_the_one_asked_for_decides_what_is_in_force_in_evaluate(tmp_path):
    path = write(tmp_path, f"site: one\napproved_by: nobody\ntime_zone: Pacific/Kiritimati\nchanges:\n{OFF.replace('2027-06-30', '2026-06-30')}")

    def is_off(*more: str) -> bool:
        done = cds("evaluate", "-", "--answers", "--as-of", "2026-06-30T12:00:00Z", "--site", str(path), *more, stdin=json.dumps(GOOD).encode())
        return "switched_off" in json.loads(done.stdout)["answers"]["theophylline"]
    assert not is_off() and is_off("--time-zone", "UTC")  # in Kiritimati it is the first of July


def test_a_change_that_ends_while_the_service_runs_is_warned_of_on_readyz(tmp_path):
    book = rulebook.load([rulebook.shipped()], date(2027, 6, 30), site=write(tmp_path, OFF))
    assert "warnings" not in site.told(book, date(2027, 6, 30))
    assert site.told(book, date(2027, 7, 1))["warnings"] == ["the change of `theophylline` ended on 2027-06-30 and is in force until the rulebook is read again"]
    assert book.site.ends == date(2027, 6, 30)
