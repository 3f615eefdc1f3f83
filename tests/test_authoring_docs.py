"""`cds docs`: INDEX.md says what the rules say, as Markdown that renders to exactly that; `cds lint` notices when it does not."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rulefolders import change, copied, own
from service import cds

from cds import rulebook
from cds.authoring.docs import docs, outdated, write
from cds.authoring.index import index
from cds.rulefile.english import bullets
from cds.rulefile.problems import Place
from cds.rulefile.source import Node

SHIPPED = rulebook.shipped()
BOOK = rulebook.load_whole([SHIPPED], date(2026, 6, 30))
SAYS = {term.name: term.says for term in BOOK.terms.values()}
EXPECTED = Path(__file__).parent / "linter" / "index-out-of-date" / "expected.txt"
MARKUP = "*a* _b_ <i>c</i> | [d](e) `f` ~~g~~ $h$ &amp; \\ # 1. x"


@pytest.fixture
def folder(tmp_path):
    """A folder with one rule of its own, beside the shipped rulebook, with its index."""
    found = tmp_path / "own"
    own(found)
    write(whole(found), found)
    return found


def whole(folder: Path):
    return rulebook.load_whole([SHIPPED, folder], date(2026, 6, 30))


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", html))


def listed(text: str) -> list[tuple[int, str]]:
    """Every bullet of a Markdown text with its depth, as a reader sees it."""
    found, depth = [], 0
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        depth += {"bullet_list_open": 1, "bullet_list_close": -1}.get(token.type, 0)
        if token.type == "inline" and depth:
            found.append((depth, "".join("" if part.type.startswith("link") else part.content for part in token.children or ())))
    return found


def test_the_committed_index_says_what_the_rules_say():
    done = cds("docs", "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("rule", BOOK.rules, ids=[rule.id for rule in BOOK.rules])
def test_criteria_render_as_bullets_of_the_same_nesting(rule):
    found = listed(index(BOOK, SHIPPED))
    for asked in (rule.applies_when, rule.met_when, *(level.when for level in rule.levels if level.when)):
        wanted = [((len(one) - len(one.lstrip())) // 2 + 1, one.lstrip()[2:]) for one in bullets(asked, SAYS, 0)]
        assert any(found[start:start + len(wanted)] == wanted for start in range(len(found)))


def test_every_rule_has_an_entry_in_the_contents_and_each_example_and_setting_a_row():
    text = index(BOOK, SHIPPED)
    for rule in BOOK.rules:
        assert f"](#{rule.id})" in text and f'<a id="{rule.id}"></a>' in text
    rows = rendered(text).count("<tr>") - sum(1 + bool(rule.settings) for rule in BOOK.rules)
    assert rows == sum(len(rule.examples) + len(rule.settings) for rule in BOOK.rules)


def test_an_example_reads_as_chart_and_answer(folder):
    text = (folder / "INDEX.md").read_text("utf-8")
    assert "| a crisis ten days ago | the order is for “racemic ketamine”; the patient has “a hypertensive crisis”, began 10 days ago | met |" in text
    assert "| the problem list could not be read | the order is for “racemic ketamine”; the problem list could not be read | unknown |" in text


def test_text_with_markup_is_shown_as_it_was_written(folder):
    for old, new in (("title: Heart failure with ketamine", f"title: '{MARKUP}'"), ("why: Written for a test.", f"why: '{MARKUP}'"),
                     ("summary: Heart failure on the problem list.", f"summary: '{MARKUP}'"), ("    says: Nothing.", f"    says: '{MARKUP}'"),
                     ("name: heart failure\n", f"name: '{MARKUP}'\n"), ("what: How far back a hypertensive crisis counts.", f"what: '{MARKUP}'")):
        change(folder / "interactions" / "heart-failure-ketamine.yaml", old, new)
    html = rendered(index(whole(folder), folder))
    assert words(html).count(MARKUP) == 7 and "<i>" not in html and "<del>" not in html


def test_a_change_of_the_rules_makes_the_index_outdated_until_it_is_written_again(folder, tmp_path, capsys):
    change(folder / "interactions" / "heart-failure-ketamine.yaml", "summary: Heart failure on", "summary: Heart failure stands on")
    (problem,) = outdated(whole(folder), folder)
    found = str(problem).replace(f"{folder}{os.sep}", "") + "\n"
    if os.environ.get("CDS_WRITE_EXPECTED"):
        EXPECTED.parent.mkdir(exist_ok=True)
        EXPECTED.write_text(found, "utf-8")
    assert found == EXPECTED.read_text("utf-8")
    lint = cds("lint", "--rules", str(SHIPPED), "--rules", str(folder))
    assert lint.returncode == 1 and b"error[index-out-of-date]" in lint.stdout
    before, both = (folder / "INDEX.md").read_bytes(), [copied(tmp_path / "book"), folder]
    assert docs(both, check=True) == 1 and (folder / "INDEX.md").read_bytes() == before and not (both[0] / "INDEX.md").exists()
    assert docs(both, check=False) == 0 and capsys.readouterr().out.count("INDEX.md written") == 2
    assert docs(both, check=True) == 0 and not outdated(whole(folder), folder)


def test_a_folder_without_an_index_is_no_problem_until_one_is_asked_for(folder):
    (folder / "INDEX.md").unlink()
    assert not outdated(whole(folder), folder) and docs([SHIPPED, folder], check=True) == 1


def test_an_index_checked_out_with_other_line_ends_is_not_outdated(folder):
    path = folder / "INDEX.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not outdated(whole(folder), folder)


@pytest.mark.parametrize("old, new, shown", [
    ("status: active", "status: retired", "(retired)"), ("status: active", "status: draft", "(draft)"),
    ("from: 2024-01-01", "from: 2090-01-01", "from 2090-01-01")])
def test_the_index_holds_every_rule_whatever_the_day(folder, old, new, shown):
    path = folder / "interactions" / "heart-failure-ketamine.yaml"
    change(path, old, new)
    if "retired" in new:
        change(path, "from: 2024-01-01", "from: 2024-01-01\n  until: 2025-01-01")
    texts = {index(rulebook.load_whole([SHIPPED, folder], date(year, 1, 1)), folder) for year in (2020, 2026, 2099)}
    assert len(texts) == 1 and shown in texts.pop()


def test_keys_and_chart_words_of_later_versions_do_not_break_the_index():
    def node(value: object) -> Node:
        if isinstance(value, dict):
            return Node({key: node(one) for key, one in value.items()}, Place(Path("x")))
        return Node([node(one) for one in value], Place(Path("x"))) if isinstance(value, list) else Node(str(value), Place(Path("x")))
    rule = next(one for one in BOOK.rules if one.id == "theophylline")
    chart = (node({"infused": "ketamine", "doses": ["40 mg", "50 mg"], "each": {"relief": "40 %"}}),)
    changed = replace(rule, examples=(replace(rule.examples[0], chart=chart),), node=replace(rule.node, value={
        **rule.node.mapping, "accepted_breaks": node([{"break": "x", "because": "y"}]),
        "hazards": node([{"cause": "a slip", "control": "a check"}])}))
    text = index(replace(BOOK, rules=(changed,)), SHIPPED)
    assert "infused: “racemic ketamine”, doses: 40 mg; 50 mg, each: relief: 40 %" in text and "cause: a slip; control: a check" in text
