"""The schemas editors use and the linter are of one mind: what a schema refuses the linter refuses, and in matters of shape the reverse."""

from __future__ import annotations

import copy
import re
from functools import lru_cache
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from test_linter import cds

from cds import clock, rulebook
from cds.authoring.schema import kinds, published
from cds.examples import chart
from cds.rulefile import shape, source
from cds.rulefile.check import Known, build
from cds.rulefile.language import FOLDERS, VERBS
from cds.rulefile.problems import Place
from cds.rulefile.source import Node

RULES = rulebook.shipped()
FILES = [("rule", path) for folder in FOLDERS for path in sorted((RULES / folder).glob("*.yaml"))]
FILES += [("terms", path) for path in sorted((RULES / "terms").glob("*.yaml"))]
FILES += [(path.stem, path) for path in sorted(RULES.glob("*.yaml"))] + [("site", path) for path in sorted((RULES / "sites").glob("*.yaml"))]
SHAPE = {"missing-key", "unknown-key", "unknown-verb", "unknown-word", "no-comparison", "not-a-choice", "bad-form", "too-long", "exception-without-because",
         "unknown-chart-word"}
ODD: list[object] = ["", "nonsense", "above", "above 3 mg", "3 days", "true", "no", "none", [], ["x"], {}, {"x": "y"}, {"at": "order-sign"}, {"all": []},
                     {"finding": "theophylline"}, {"age": "above 65 years", "if_absent": "no"}, [{"at": "order-sign"}], "x" * 700]


@lru_cache
def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(published(kind))


@lru_cache
def plain(path: Path) -> object:
    node = source.read(path, [])
    assert node is not None
    return node.plain()


@lru_cache
def book() -> tuple[rulebook.Rulebook, Known]:
    found = rulebook.load([RULES], clock.now().date(), drafts=True)
    return found, Known({name: term.kind for name, term in found.terms.items()}, frozenset(found.sources), frozenset(found.reasons))


class Core(yaml.SafeLoader):
    """YAML 1.2 as editors read it: only true, false, null and numbers are more than text."""

    yaml_implicit_resolvers = {}


for tag, form, first in (("bool", "true|True|TRUE|false|False|FALSE", "tTfF"), ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
                         ("int", "[-+]?[0-9]+", "-+0123456789"), ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789")):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^({form})$"), list(first))


def node(value: object, line: int = 1) -> Node:
    """A value as if it stood in a file: examples on line 2, all else on line 1."""
    place = Place(Path("x.yaml"), line)
    if isinstance(value, dict):
        return Node({key: node(child, 2 if key == "examples" else line) for key, child in value.items()}, place, {key: place for key in value})
    return Node([node(child, line) for child in value], place) if isinstance(value, list) else Node(str(value), place)


def linted(value: object) -> list:
    """What the linter names in one rule file."""
    found: list = []
    rule = node(value)
    if shape.check("rule", rule, found):
        its, known = book()
        made = build(rule, known, found, set())
        for example in made.examples if made else ():
            chart.facts(example, its.recogniser, its.terms, its.book.scope, found)
    return [one for one in found if one.level == "error"]


def spots(value: object, path: tuple = ()):
    """Every path in a value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from spots(child, (*path, key))


def at(value, path: tuple):
    for step in path:
        value = value[step]
    return value


class Mutated(dict):
    """A changed rule that shows only where it was changed."""

    def __repr__(self) -> str:
        return str(self.told)


@st.composite
def mutated(draw) -> Mutated:
    """A shipped rule with one thing in it dropped, renamed, added or replaced, also by another part of the file."""
    rule = Mutated(copy.deepcopy(plain(draw(st.sampled_from([path for kind, path in FILES if kind == "rule"])))))
    paths = [path for path in spots(rule) if path]
    path = draw(st.sampled_from(draw(st.sampled_from([[one for one in paths if one[0] == key] for key in rule]))))
    parent, key = at(rule, path[:-1]), path[-1]
    how = draw(st.sampled_from(["drop", "rename", "add", "odd", "other", "odd", "other"]))
    rule.told = f"{rule['rule']} {path} {how}"
    if how == "drop":
        del parent[key]
    elif how in ("rename", "add") and isinstance(parent, dict):
        renamed = {f"{one}x" if one == key and how == "rename" else one: value for one, value in parent.items()}
        parent.clear()
        parent.update(renamed | ({draw(st.sampled_from(["extra", "within", "because", "unless", "at", "all"])): "x"} if how == "add" else {}))
    elif how == "other":
        parent[key] = copy.deepcopy(at(rule, draw(st.sampled_from(paths))))
    else:
        parent[key] = draw(st.sampled_from(ODD))
    if isinstance(parent, dict) and how not in ("drop", "rename", "add"):
        rule.told += f" {parent[key]!r:.200}"
    return rule


def beyond_schemas(one) -> bool:
    """What JSON Schema cannot say: what counts only for the last of a list, what days there are, how texts grow; and amounts in charts."""
    return ("level" in one.what or "calendar" in one.what or "lies before" in one.what or "settings filled in" in one.what or "but has no" in one.what
            or one.place.line == 2 and one.name in ("not-a-choice", "missing-key"))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_schema_and_linter_refuse_the_same_rules(rule):
    refused, told = not validator("rule").is_valid(rule), linted(rule)
    if refused:
        assert told, best_match(validator("rule").iter_errors(rule)).message[:500]
    wrong = [one for one in told if one.name in SHAPE and not beyond_schemas(one)]
    if wrong:
        assert refused, f"{wrong[0].name}: {wrong[0].what}"


@pytest.mark.parametrize("kind, path", FILES, ids=[path.relative_to(RULES).as_posix() for _, path in FILES])
def test_every_shipped_file_fits_its_schema_also_as_editors_read_it(kind, path):
    typed = yaml.load(path.read_text("utf-8"), Loader=Core)
    for read in (plain(path), typed):
        assert [error.message for error in validator(kind).iter_errors(read)] == []


@pytest.mark.parametrize("kind", kinds())
def test_every_schema_is_printed_and_is_one(kind):
    done = cds("schema", kind)
    assert done.returncode == 0 and orjson.loads(done.stdout) == published(kind)
    Draft202012Validator.check_schema(published(kind))


def test_every_key_and_every_word_has_a_description():
    def silent(part: object, path: str = ""):
        if isinstance(part, dict):
            for key, value in part.get("properties", {}).items() if isinstance(part.get("properties"), dict) else ():
                if "description" not in value and "/line" not in path:
                    yield f"{path}/{key}"
        for key, child in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
            yield from silent(child, f"{path}/{key}")
    assert [one for kind in kinds() for one in silent(published(kind), kind)] == []


def test_every_word_of_the_language_stands_in_the_schema():
    shapes = {tuple(one["properties"]) for one in published("rule")["$defs"]["clause"]["anyOf"]}
    for verb, its in VERBS.items():
        assert any({verb, *its.words} <= set(one) for one in shapes), verb


CLIENT = {"client": "epic-north", "issuer": "https://ehr.example.org", "jwks_url": "https://ehr.example.org/jwks.json", "aliases": {"probs": "conditions"},
          "when_nothing_can_be_checked": "card"}


@pytest.mark.parametrize("change, valid", [({}, True), ({"jwks_url": "http://ehr.example.org/jwks.json"}, False), ({"keys": [{"kty": "oct", "kid": "1"}]}, False),
                                           ({"aliases": {"probs": "problems"}}, False), ({"secret": "x"}, False)])
def test_a_clients_file_names_who_may_call_and_by_which_keys(change, valid):
    assert validator("clients").is_valid({"clients": [CLIENT | change]}) is valid


def test_an_unknown_kind_is_one_clear_line_and_exit_code_2():
    done = cds("schema", "rules")
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1 and "choose one of" in done.stderr
