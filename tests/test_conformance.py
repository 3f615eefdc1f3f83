"""docs/conformance: every item says how it stands, every test it names exists, and the page is what the list says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from service import ROOT, environment

from cds.selftest.conformance import PAGE, SOURCE, items, page, slips

DOCS = ROOT / "docs"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cds.selftest.conformance", *words], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=30)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of the list, and of the tests it names, to change."""
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.copytree(DOCS, tmp_path / "docs"))


def test_every_item_says_how_it_stands_and_every_test_it_names_exists() -> None:
    found = items(DOCS / SOURCE)
    assert [*slips(found, ROOT)] == []
    assert all(one.tests if one.state == "met" else one.why for one in found)


def test_the_page_is_what_the_list_says() -> None:
    assert (DOCS / PAGE).read_text(encoding="utf-8") == page(items(DOCS / SOURCE))
    ended = run("--check")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_page_shows_every_item_with_its_tests_and_what_is_not_met_first() -> None:
    text, found = (DOCS / PAGE).read_text(encoding="utf-8"), items(DOCS / SOURCE)
    first = text[:text.index("## Use of JSON")]
    for one in found:
        row = next(line for line in reversed(text.splitlines()) if line.startswith(f"| {one.number} |"))
        assert row.count("](../tests/") == len(one.tests) and (one.state == "met" or f"**{one.state}**" in row)
        assert (f"| {one.number} |" in first) == (one.state == "not met")


@pytest.mark.parametrize(("old", "new", "said"), [
    ("test_discovery_offers_one_service", "test_discovery_offers_two_service", "DISC-01: there is no test `tests/test_http.py::test_discovery_offers_two_service"),
    ("- item: JSON-02", "- item: JSON-01", "JSON-01: stands 2 times"), ("- item: JSON-02", "- item: ODD-02", "ODD-02: belongs to no section"),
    ("asks: \"FHIR", "asks: \"Our FHIR", "is not what conformance.yaml says; run")])
def test_a_list_that_is_wrong_or_newer_than_its_page_is_named(docs: Path, old: str, new: str, said: str) -> None:
    text = (docs / SOURCE).read_text()
    assert old in text
    (docs / SOURCE).write_text(text.replace(old, new))
    ended = run(str(docs), "--check")
    assert ended.returncode == 1 and said in ended.stdout


@pytest.mark.parametrize(("text", "said"), [
    ("- {item: X-1, level: may, asks: a}", "entry 1 (X-1): name a test"), ("- {item: X-1, asks: a}", "entry 1: needs item"), ("{}", "not a list"), ("- [", "conformance: "),
    ("- {item: X-1, level: may, asks: a, not_met: b, does_not_apply: c}", "keep one"), ("- {item: X-1, level: may, asks: a, not_met: ''}", "name a test"), (None, "No such file")])
def test_a_list_that_cannot_be_read_is_one_message_and_exit_code_2(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / SOURCE).write_text(text)
    ended = run(str(tmp_path))
    assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr


def test_the_page_is_written_where_it_is_outdated_and_left_alone_where_it_is_not(docs: Path) -> None:
    (docs / PAGE).write_text("old")
    assert run(str(docs)).stdout == f"{docs / PAGE} written\n" and (docs / PAGE).read_bytes() == (DOCS / PAGE).read_bytes()
    assert run(str(docs)).stdout == ""
