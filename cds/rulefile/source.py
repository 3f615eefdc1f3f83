"""Read YAML into nodes that remember where they came from.

Only the plain part of YAML is accepted: mappings, lists and text.  Every
scalar stays the text its author typed, so `yes`, `1.10` and dates keep their
meaning; duplicate keys, anchors and tags are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from cds.rulefile.problems import Place, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Node:
    """A value from a file (text, list or mapping) with its place and the places of its keys."""

    value: str | list[Node] | dict[str, Node]
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The scalar text; empty for a list or a mapping."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def items(self) -> list[Node]:
        """The entries of a list; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def mapping(self) -> dict[str, Node]:
        """The members of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def get(self, key: str) -> Node | None:
        """A member of a mapping, or None."""
        return self.mapping.get(key)

    def key_place(self, key: str) -> Place:
        """Where a key stands; the place of the mapping when it is absent."""
        return self.keys.get(key, self.place)

    def at(self, path: Iterator[str | int]) -> Node:
        """The node at a path such as `examples`, 0, `expect`."""
        node = self
        for step in path:
            node = node.mapping[step] if isinstance(step, str) else node.items[step]
        return node

    def plain(self) -> object:
        """The value with every place stripped."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


def read(path: Path, problems: list[Problem]) -> Node | None:
    """Parse a file; add to `problems` and return None when it cannot be used."""
    text = _text(path, problems)
    if text is None:
        return None
    try:
        tree = _composed(path, text, problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(path, mark.line + 1, mark.column + 1) if mark else Place(path)
        problems.append(Problem(place, "yaml-syntax", str(error.problem or error.context),
                                "Check indentation (spaces, never tabs), colons and quotes near here."))
        return None
    except (yaml.YAMLError, RecursionError) as error:
        problems.append(Problem(Place(path), "yaml-syntax", f"the file cannot be parsed: {type(error).__name__}",
                                "Check for characters that are not printable and for very deep nesting."))
        return None
    if tree is None:
        problems.append(Problem(Place(path), "empty-file", "the file is empty", "Write the rule, or delete the file."))
        return None
    before = len(problems)
    node = _convert(tree, path, problems, 0)
    return node if len(problems) == before else None


def _text(path: Path, problems: list[Problem]) -> str | None:
    place = Place(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        problems.append(Problem(place, "yaml-syntax", f"the file cannot be read: {error.strerror}", "Check its permissions."))
        return None
    if len(data) > MAX_BYTES:
        problems.append(Problem(place, "too-long", f"the file has {len(data)} bytes; at most {MAX_BYTES} are read",
                                "Split it; one file holds one rule."))
        return None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b"\n") + 1
        problems.append(Problem(Place(path, line), "yaml-syntax", "the file is not UTF-8 text", "Save it as UTF-8."))
        return None


def _composed(path: Path, text: str, problems: list[Problem]) -> yaml.Node | None:
    """The tree of a text: by libyaml where it is there, several times as fast; what it refuses is read again for the better words."""
    found: list[Problem] = []
    try:
        _refuse_fancy(path, text, found, _FAST)
        tree = yaml.compose(text, Loader=_FAST)
    except yaml.YAMLError:
        found = []
        _refuse_fancy(path, text, found, yaml.SafeLoader)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    problems += found
    return tree


def _refuse_fancy(path: Path, text: str, problems: list[Problem], loader: type) -> None:
    for event in yaml.parse(text, Loader=loader):
        fancy = ("alias" if isinstance(event, yaml.AliasEvent) else "anchor" if getattr(event, "anchor", None)
                 else "tag" if getattr(event, "tag", None) else None)
        if fancy:
            mark = event.start_mark
            problems.append(Problem(Place(path, mark.line + 1, mark.column + 1), "fancy-yaml",
                                    f"a YAML {fancy} is not allowed here", "Write the value out in full."))


def _convert(tree: yaml.Node, path: Path, problems: list[Problem], depth: int) -> Node:
    place = _place(tree, path)
    if depth > MAX_DEPTH:
        problems.append(Problem(place, "yaml-syntax", f"nested more than {MAX_DEPTH} levels deep", "Use fewer levels."))
        return Node("", place)
    if isinstance(tree, yaml.MappingNode):
        return _mapping(tree, path, problems, depth)
    if isinstance(tree, yaml.SequenceNode):
        return Node([_convert(child, path, problems, depth + 1) for child in tree.value], place)
    return Node(str(tree.value).strip(), place)


def _mapping(tree: yaml.MappingNode, path: Path, problems: list[Problem], depth: int) -> Node:
    members: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for key_tree, value_tree in tree.value:
        place = _place(key_tree, path)
        if not isinstance(key_tree, yaml.ScalarNode):
            problems.append(Problem(place, "fancy-yaml", "a key must be plain text", "Write the key as one word."))
            continue
        key = str(key_tree.value)
        if key in members:
            problems.append(Problem(place, "duplicate-key", f"`{key}` is already given on line {keys[key].line}",
                                    "Keep one. Plain YAML would silently use the last."))
        members[key] = _convert(value_tree, path, problems, depth + 1)
        keys[key] = place
    return Node(members, _place(tree, path), keys)


def _place(tree: yaml.Node, path: Path) -> Place:
    start, end = tree.start_mark, tree.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Place(path, start.line + 1, start.column + 1, max(width, 1))
