"""Changed rule files come into service while it runs, or are refused and change nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from service import AS_OF, ROOT, Document, Service, accepted, asked, cds, drug, running, theophylline

from cds import rulebook

GOOD = asked(statements=(theophylline(),))
RULE, TERMS = "interactions/theophylline.yaml", "terms/medications.yaml"
WAIT = 60.0


def write(path: Path, text: str) -> None:
    """As many editors do: a new file takes the place of the old one."""
    fresh = path.with_name(f"{path.name}~")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def edit(path: Path, old: str, new: str) -> str:
    """Change the first place that fits; the text before."""
    text = path.read_text(encoding="utf-8")
    assert re.search(old, text)
    write(path, re.sub(old, new, text, count=1))
    return text


def state(service: Service) -> Document:
    return service.get("/readyz").json()


def until(service: Service, reached: Callable[[Document], bool], wait: float = WAIT) -> Document:
    """What /readyz says once it says what is waited for."""
    end = time.monotonic() + wait
    while not reached(told := state(service)):
        assert time.monotonic() < end, f"not reached: {told}\n{service.log()[-2000:]}"
        time.sleep(0.1)
    return told


def served(service: Service, rules: Path) -> Document:
    """Wait until the files as they stand are in force."""
    wanted = rulebook.content_hash([rules])
    return until(service, lambda told: told["rulebook"]["hash"] == wanted and told["reload"]["state"] == "current")


def refused(service: Service) -> Document:
    return until(service, lambda told: told["reload"]["state"] == "refused")


def hashes(cards: list[Document]) -> set[str]:
    return {card["extension"]["org.ketamine-cds.rulebook"]["hash"] for card in cards}


def metric(service: Service, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in service.get("/metrics").text.splitlines() if line.startswith(name))


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(ROOT / "rules", tmp_path_factory.mktemp("reload") / "rules"))


@pytest.fixture(scope="module")
def service(rules: Path) -> Iterator[Service]:
    with running("--as-of", AS_OF, "--rules", str(rules)) as one:
        yield one
        assert "Traceback" not in one.log()


def test_a_good_edit_comes_into_force_in_cards_discovery_and_readyz(service: Service, rules: Path) -> None:
    before = state(service)["rulebook"]["hash"]
    edit(rules / RULE, "version: 1.0.0", "version: 1.1.0")
    edit(rules / RULE, "title: .*", "title: Theophylline and its kin")
    told = served(service, rules)
    (card,) = [one for one in accepted(service.ask(GOOD)) if one["indicator"] == "critical"]
    assert hashes([card]) == {told["rulebook"]["hash"]} != {before}
    assert [one["version"] for one in card["extension"]["org.ketamine-cds.findings"]] == ["1.1.0"]
    assert all("Theophylline and its kin" in one["description"] for one in service.get("/cds-services").json()["services"])
    assert "theophylline 1.0.0 -> 1.1.0" in service.log() and metric(service, 'cds_reloads_total{kind="loaded"}') >= 1


def test_a_broken_edit_changes_nothing_says_why_everywhere_and_clears_when_it_is_repaired(service: Service, rules: Path) -> None:
    before = state(service)
    text = edit(rules / RULE, "met_when:", "met_wen:")
    told, log = refused(service), service.log()
    assert told["status"] == "ready" and told["rulebook"] == before["rulebook"] and hashes(accepted(service.ask(GOOD))) == {before["rulebook"]["hash"]}
    place = r"rules/interactions/theophylline\.yaml:\d+:\d+: error\[unknown-key\] `met_wen` .* Did you mean `met_when`\?"
    assert any(re.fullmatch(place, one) for one in told["reload"]["problems"]) and told["reload"]["count"] == len(told["reload"]["problems"])
    assert metric(service, "cds_reload_refused") == 1
    asked_for = cds("status", service.base)
    assert asked_for.returncode == 1 and b"changed rule files are refused" in asked_for.stdout and re.search(place[:40].encode(), asked_for.stdout)
    (rules / RULE).touch()
    time.sleep(4)
    assert service.log().count("changed rules refused") == log.count("changed rules refused") and state(service)["reload"]["since"] == told["reload"]["since"]
    write(rules / RULE, text)
    assert "problems" not in served(service, rules)["reload"] and metric(service, "cds_reload_refused") == 0
    assert cds("status", service.base).returncode == 0


def test_a_term_edit_changes_what_is_recognised(service: Service, rules: Path) -> None:
    chart = asked(statements=(drug("ciprofloxacin", "2551", "ms-9"),))
    edit(rules / TERMS, r"(xanthines:\n(.*\n)*?    ingredients:\n)", r"\1      - ciprofloxacin 2551\n")
    before = accepted(service.ask(chart))
    served(service, rules)
    after = accepted(service.ask(chart))
    assert "critical" not in {one["indicator"] for one in before} and "critical" in {one["indicator"] for one in after}
    edit(rules / TERMS, "      - ciprofloxacin 2551\n", "")
    served(service, rules)


def test_an_edit_whose_examples_fail_is_refused(service: Service, rules: Path) -> None:
    before = state(service)["rulebook"]["hash"]
    text = edit(rules / RULE, "expect: met critical", "expect: not met")
    told = refused(service)
    assert told["rulebook"]["hash"] == before and "[example-fails]" in told["reload"]["problems"][0]
    write(rules / RULE, text)
    served(service, rules)


def test_a_rule_too_large_for_the_engine_is_refused_with_its_place(service: Service, rules: Path) -> None:
    has = ["liver-disease", "liver-severe", "heart-failure"]
    parts = "[" + ", ".join(f"{{any: [{{taking: xanthines, or_stopped_within: {n} days}}, {{has: {has[n % 3]}}}, {{taking: dyphylline, or_stopped_within: {n} days}}]}}"
                            for n in range(3, 10)) + "]"
    text = (rules / RULE).read_text(encoding="utf-8")
    edit(rules / RULE, r"met_when:\n(.*\n)*?\nsoft", f"met_when:\n  all: {parts}\n\nsoft")
    told = until(service, lambda told: "conjunctions" in str(told["reload"].get("problems")))
    assert any(re.match(r"rules/interactions/theophylline\.yaml:\d+:\d+: error\[too-long\] .*split the rule", one) for one in told["reload"]["problems"])
    write(rules / RULE, text)
    served(service, rules)


def test_half_of_a_file_is_never_in_force(service: Service, rules: Path) -> None:
    whole, seen = (rules / RULE).read_text(encoding="utf-8"), set()
    new = whole.replace("version: 1.1.0", "version: 1.2.0")
    with (rules / RULE).open("w", encoding="utf-8") as file:
        for start in range(0, len(new), 900):
            file.write(new[start:start + 900])
            file.flush()
            seen.add(state(service)["reload"]["state"])
            time.sleep(0.1)
    assert served(service, rules) and seen == {"current"}


def test_the_mark_an_editor_leaves_beside_an_open_file_is_no_rule(service: Service, rules: Path) -> None:
    (rules / "interactions" / ".#theophylline.yaml").symlink_to("somebody@example.1234")
    edit(rules / RULE, "version: .*", "version: 1.3.0")
    served(service, rules)
    (rules / "interactions" / ".#theophylline.yaml").unlink()


def test_a_rule_file_that_is_deleted_is_out_of_force_and_back_with_its_file(service: Service, rules: Path) -> None:
    number = state(service)["rulebook"]["rules"]
    text = (rules / RULE).read_text(encoding="utf-8")
    (rules / RULE).unlink()
    assert served(service, rules)["rulebook"]["rules"] == number - 1
    assert "theophylline is gone" in service.log()
    write(rules / RULE, text)
    assert served(service, rules)["rulebook"]["rules"] == number


def test_a_rulebook_folder_that_vanishes_leaves_the_rules_in_force_and_is_followed_when_it_is_back(service: Service, rules: Path) -> None:
    before = state(service)["rulebook"]
    away = rules.rename(rules.with_name("away"))
    told = refused(service)
    assert told["rulebook"] == before and "book.yaml" in told["reload"]["problems"][0] and hashes(accepted(service.ask(GOOD))) == {before["hash"]}
    away.rename(rules)
    served(service, rules)
    edit(rules / RULE, "version: .*", "version: 1.4.0")
    served(service, rules)


def test_without_watching_files_are_left_alone_and_status_says_so(tmp_path: Path) -> None:
    rules = Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))
    with running("--as-of", AS_OF, "--rules", str(rules), "--no-watch") as service:
        before = state(service)["rulebook"]
        edit(rules / RULE, "version: .*", "version: 2.0.0")
        time.sleep(4)
        assert state(service)["rulebook"] == before and state(service)["reload"]["state"] == "off"
        told = json.loads(cds("status", "--json", env={"CDS_URL": service.base}).stdout)
        assert told["fine"] and told["workers"][0]["rulebook"] == before


def test_status_of_nothing_is_one_clear_line() -> None:
    for url in ("http://127.0.0.1:9", "nonsense://x", "x y", "http://[::1", "http://127.0.0.1:99999", "http://ümlaut:1"):
        ended = cds("status", url)
        assert ended.returncode == 2 and ended.stdout == b"" and ended.stderr.count(b"\n") == 1 and url.encode() in ended.stderr


def test_what_a_service_would_never_serve_keeps_no_change_out_and_lint_names_it(service: Service, rules: Path) -> None:
    (rules / "sites" / "another-clinic.yaml").write_text("site: another\n")
    assert cds("new", "interaction", "unfinished", "--rules", str(rules)).returncode == 0
    edit(rules / RULE, "title: .*", "title: A title that the index does not hold")
    served(service, rules)
    named = {one["name"] for one in json.loads(cds("lint", "--json", "--rules", str(rules)).stdout)}
    assert {"missing-key", "example-fails"} <= named
    (rules / "sites" / "another-clinic.yaml").unlink()
    (rules / "interactions" / "unfinished.yaml").unlink()
    named = {one["name"] for one in json.loads(cds("lint", "--json", "--rules", str(rules)).stdout)}
    assert named == {"index-out-of-date"} and served(service, rules)


HANG = "import sys, os, time\nif 'cds.trial' in sys.orig_argv:\n    open({pids!r}, 'a').write(f'{{os.getpid()}}\\n')\n    {fault}\n"


@pytest.mark.parametrize(("fault", "said"), [("time.sleep(600)", "did not finish within 2 s"), ("os.abort()", "crashed: Aborted")])
def test_a_check_that_hangs_or_crashes_is_ended_and_changes_nothing(tmp_path: Path, fault: str, said: str) -> None:
    rules, pids = Path(shutil.copytree(ROOT / "rules", tmp_path / "rules")), tmp_path / "pids"
    (tmp_path / "sitecustomize.py").write_text(HANG.format(pids=str(pids), fault=fault))
    with running("--as-of", AS_OF, "--rules", str(rules), "--check-limit", "2", env={"PYTHONPATH": str(tmp_path)}) as service:
        before = state(service)["rulebook"]
        edit(rules / RULE, "version: .*", "version: 2.0.0")
        until(service, lambda told: told["reload"].get("checking") is True or told["reload"]["state"] == "refused")
        assert hashes(accepted(service.ask(GOOD))) == {before["hash"]}
        told = refused(service)
        assert told["rulebook"] == before and said in told["reload"]["problems"][0]
        for pid in pids.read_text().split():
            with pytest.raises(ProcessLookupError):
                os.kill(int(pid), 0)


def test_every_worker_follows_and_one_that_is_replaced_serves_what_passed_and_not_what_is_on_disk(tmp_path: Path) -> None:
    rules = Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))

    def workers(service: Service) -> dict[int, Document]:
        with ThreadPoolExecutor(8) as pool:
            return {told["worker"]: told for told in pool.map(lambda _: state(service), range(32))}

    def everywhere(service: Service, reached: Callable[[Document], bool]) -> dict[int, Document]:
        end = time.monotonic() + WAIT
        while len(found := workers(service)) < 2 or not all(map(reached, found.values())):
            assert time.monotonic() < end, found
            time.sleep(0.2)
        return found

    with running("--as-of", AS_OF, "--rules", str(rules), "--workers", "2") as service:
        edit(rules / RULE, "version: .*", "version: 1.1.0")
        wanted = rulebook.content_hash([rules])
        everywhere(service, lambda told: told["rulebook"]["hash"] == wanted)
        edit(rules / RULE, "expect: met critical", "expect: not met")
        first = everywhere(service, lambda told: told["reload"]["state"] == "refused")
        os.kill(min(first), 9)
        after = everywhere(service, lambda told: told["reload"]["state"] == "refused" and told["worker"] != min(first))
        assert len(after.keys() - first.keys()) == 1 and {told["rulebook"]["hash"] for told in after.values()} == {wanted}
        assert hashes(accepted(service.ask(GOOD))) == {wanted}
