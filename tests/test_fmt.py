"""`cds fmt` lays out any rule file alike, never changes what it says, and keeps every comment where it belongs."""

from __future__ import annotations

import os
import random
import re
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from linter_cases import R
from small_rulebook import broken, shipped  # noqa: F401 (fixtures)
from test_linter import cds
from test_schemas import FILES, RULES

from cds.authoring.schema import published
from cds.rulefile.layout import formatted
from cds.rulefile.rewrap import LONGEST


def laid_out(text: str, kind: str = "rule") -> str:
    return formatted(text, published(kind), kind == "rule")


def said(text: str) -> object:
    """What a file says, by a reader of its own: every value as its text, keys in any order."""
    return yaml.load(text, Loader=yaml.BaseLoader)


def stripped(value: object) -> object:
    if isinstance(value, dict):
        return {key: stripped(child) for key, child in value.items()}
    return [stripped(child) for child in value] if isinstance(value, list) else str(value).strip()


def test_the_shipped_rulebook_is_laid_out():
    done = cds("fmt", "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("kind, path", FILES, ids=[path.relative_to(RULES).as_posix() for _, path in FILES])
def test_a_shuffled_file_comes_back_as_it_was(kind, path):
    """Blocks of keys with the comments above them, in any order, also those inside examples and cards."""
    text, chance = path.read_text("utf-8"), random.Random(7)
    if kind == "rule":
        blocks = re.split(r"(?m)^(?=[a-z_]+:)", text)[1:]
        chance.shuffle(blocks)
        shuffled = "".join(f"# about {block.split(':')[0]}\n{block}" for block in blocks)
        shuffled = re.sub(r"(?m)^( +)(is: .*\n)((?: +site_may_use.*\n)(?: +what: .*\n))", r"\g<3>\1\2", shuffled)
        assert re.sub(r"(?m)^# about .*\n", "", laid_out(shuffled)) == text
        assert all(f"# about {key}\n{key}:" in laid_out(shuffled) for key in said(text))
    else:
        entries = re.sub(r"(?m)^(  [a-z_]+: (?!>).*\n)(  [a-z_]+: (?!>).*\n)", r"\2\1", text)
        assert stripped(said(laid_out(entries, kind))) == stripped(said(text))


WORDS = st.text("abc d:'\"#-é{}[],&*!|>%@`\\\n\t ", min_size=1, max_size=12)
PLAIN = st.from_regex(r"[a-z][a-z0-9 ]{0,8}[a-z]", fullmatch=True)
KEYS = st.sampled_from(["rule", "why", "examples", "chart", "name", "expect", "when", "summary", "taking", "zebra", "all", "unless", "because"])


@st.composite
def scalar(draw, indent: int) -> str:
    """A text in one of the ways YAML has, with what stands behind the key or the dash."""
    how = draw(st.sampled_from(["plain", "plain", "single", "double", "folded", "literal", "flow", "wrapped", "empty"]))
    text, pad = draw(PLAIN), " " * (indent + draw(st.integers(1, 5)))
    if how == "single":
        return f" '{draw(WORDS).replace(chr(39), chr(39) * 2).replace(chr(10), ' ').replace(chr(9), ' ')}'"
    if how == "double":
        return ' "' + "".join(f"\\x{ord(char):02x}" if char in '"\\\n\t' else char for char in draw(WORDS)) + '"'
    if how in ("folded", "literal"):
        lines = draw(st.lists(st.one_of(PLAIN, st.sampled_from(["", "  deeper", "# no comment"]), st.just("long words " * 20 + "end")), min_size=1, max_size=4))
        sign = (">" if how == "folded" else "|") + draw(st.sampled_from(["", "-", "+"]))
        return f" {sign}\n" + "\n".join(pad + line if line else "" for line in [text, *lines])
    if how == "flow":
        items = draw(st.lists(PLAIN, min_size=0, max_size=30))
        return f" [{draw(st.sampled_from([', ', ',' + chr(10) + pad])).join(items)}]"
    return f" {text}\n{pad}{draw(PLAIN)}" if how == "wrapped" else "" if how == "empty" else f" {text}"


@st.composite
def block(draw, indent: int = 0, depth: int = 0) -> list[str]:
    """The lines of a mapping or a list, with comments and blank lines anywhere they may stand."""
    lines: list[str] = []
    pad, listed = " " * indent, depth > 0 and draw(st.booleans())
    for key in draw(st.lists(KEYS, min_size=1, max_size=3, unique=True)):
        mark = f"{depth}-{key}-{draw(st.integers(0, 10**6))}"
        lines += draw(st.sampled_from([[], [], [""], [f"{pad}# above {mark}"], ["", f"{pad}# above {mark}", *([""] if depth else [])], [f"{pad}# one", f"{pad}# two"]]))
        head = f"{pad}-" if listed else f"{pad}{key}:"
        if depth < 3 and draw(st.integers(0, 2)) == 0:
            inner = draw(block(indent + draw(st.sampled_from([2, 2, 4])), depth + 1))
            lines += [head + draw(st.sampled_from(["", "", "  # behind"])), *inner]
        else:
            value = draw(scalar(indent))
            behind = draw(st.sampled_from(["", "", f" # behind {depth}-{key}-b{mark[-1]}{len(lines)}{draw(st.integers(0, 10**9))}"])) if "\n" not in value else ""
            lines += (head + value + behind).split("\n")
    return lines + draw(st.sampled_from([[], [], [f"{pad}# the end"], ["", f"{pad}# the end"]]))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(block(), st.sampled_from(["\n", "\n", "\r\n", "\r"]))
def test_any_file_keeps_what_it_says_and_every_comment_and_is_laid_out_once(lines, end):
    text = "\n".join(lines) + "\n"
    try:
        before = said(text)
    except yaml.YAMLError:
        return
    once = laid_out(text.replace("\n", end))
    assert stripped(said(once)) == stripped(before)
    assert laid_out(once) == once
    assert not re.search(r"[ \t]$|\n\n\n|\r", re.sub(r"(?ms)[|>][-+]?\n.*?(?=^\S|\Z)", "x\n", once), re.MULTILINE)
    for mark in re.findall(r"# (?:above|behind) (\S+)", text):
        assert once.count(mark) == text.count(mark)
        key = mark.split("-")[1]
        after = once[once.index(mark):].split("\n")
        if f"# behind {mark}" in once:
            line = once[:once.index(mark)].split("\n")[-1]
            assert re.match(rf" *(- )*({key}:|-)", line) or line.rstrip(" #behind").endswith("]")
        else:
            following = next(line for line in after[1:] if line.strip() and not line.strip().startswith("#"))
            assert re.match(rf" *(- )*({key}:|-)", following)


RULE = """# yaml-language-server: $schema=rule.json
version: 1.0.0   # raised by hand
rule: x
# why it is needed
why:    >
   {long}

   Second paragraph.
met_when:
    any:
    - or_stopped_within: 3 days
      taking: b
    # about the first
    - taking: a
      unless:
      - because: y
        has: c
      or_stopped_within: 3 days
    # nothing more
hooks: [ order-sign,
   patient-view ]


examples: []
"""
LAID_OUT = """# yaml-language-server: $schema=rule.json

rule: x
version: 1.0.0  # raised by hand

# why it is needed
why: >
  {long}

  Second paragraph.

hooks: [order-sign,
        patient-view]

met_when:
  any:
    - or_stopped_within: 3 days
      taking: b
    # about the first
    - taking: a
      or_stopped_within: 3 days
      unless:
        - because: y
          has: c
    # nothing more

examples: []
"""


def test_keys_comments_lists_and_texts_find_their_place():
    """A clause that does not start with its word is not put right: that would change what the linter reads."""
    long = "Words enough for a line. " * 5
    assert laid_out(RULE.format(long=long.strip())) == LAID_OUT.format(long=long.strip()).replace("[order-sign", "[ order-sign").replace("view]", "view ]")


@pytest.mark.parametrize("text, laid", [
    ("a: |2\n    x\n   y\nb: c\n", "a: |2\n    x\n   y\nb: c\n"), ("- - a\n  -  b\n", "- - a\n  - b\n"), ("---\na: {b: c,\n d: e}\n", "a: {b: c,\n    d: e}\n"),
    ("a:   # first\n- b\n-\n  # second\n  c: d\n  # third\n", "a:  # first\n  - b\n  # second\n  - c: d\n    # third\n"),
    ('a: "x\\\n     y"\n', 'a: "x\\\n  y"\n'), ("# only words", "# only words\n")])
def test_odd_ways_to_write_it_are_laid_out_too(text, laid):
    assert formatted(text, None) == laid


def test_only_what_is_too_long_is_filled_anew():
    words = "word " * 60
    listed = ", ".join(f"item-{number}" for number in range(40))
    text = laid_out(f"rule: x\nwhy: >\n  {words.strip()}\n  short\nhooks: [{listed}]\n")
    assert max(map(len, text.splitlines())) <= LONGEST and stripped(said(text)) == {"rule": "x", "why": f"{words.strip()} short", "hooks": listed.split(", ")}
    short = f"rule: x\n\nwhy: >\n  {'word ' * 20}end\n  short\n"
    assert laid_out(short) == short


def test_a_file_is_written_in_one_step_and_keeps_its_mode_and_its_links(broken, tmp_path):
    path, link = broken / R, tmp_path / "link.yaml"
    before = path.read_text("utf-8")
    path.write_bytes(b"\xef\xbb\xbf" + before.replace("version: 1.0.0\nstatus: active", "status: active\nversion: 1.0.0").replace("\n", "\r\n").encode())
    path.chmod(0o640)
    link.symlink_to(path)
    done = cds("fmt", str(link))
    assert done.returncode == 0 and "link.yaml laid out anew" in done.stdout
    assert path.read_bytes() == before.encode() and link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(path.parent) == [path.name]


def test_check_changes_nothing_and_ends_with_1(broken):
    path = broken / R
    path.write_text(path.read_text("utf-8").replace("kind: interaction", "kind:   interaction"), "utf-8")
    before = path.read_bytes()
    cds("fmt", str(broken / "terms"))
    done = cds("fmt", "--check", "--rules", str(broken))
    assert done.returncode == 1 and done.stdout == f"{path} would be laid out anew\n" and path.read_bytes() == before


def test_what_cannot_be_read_is_refused_in_the_words_of_the_linter_and_the_rest_is_laid_out(broken):
    path, other = broken / R, broken / "evidence.yaml"
    path.write_text(path.read_text("utf-8").replace("title: Theophylline or", "title: Theophylline: or"), "utf-8")
    other.write_text(other.read_text("utf-8") + "\n\n\n", "utf-8")
    before = path.read_bytes()
    cds("fmt", str(broken / "terms"))
    done = cds("fmt", "--rules", str(broken))
    assert done.returncode == 2 and "error[yaml-syntax]" in done.stderr and "fix: " in done.stderr and path.read_bytes() == before
    assert done.stdout == f"{other} laid out anew\n"
    missing = cds("fmt", str(broken / "nothing.yaml"))
    assert missing.returncode == 2 and "Traceback" not in missing.stderr and Path("nothing.yaml").name in missing.stderr
