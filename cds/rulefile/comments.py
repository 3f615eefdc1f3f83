"""A YAML file as entries, each with the comments that stand at it, so that both can move together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml


_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")


@dataclass(slots=True)
class Entry:
    """A key with its value or an entry of a list; the root has neither key nor place.

    `key` is the key as written; `lead` holds the comment lines above (None: a blank line), `note` the comment behind it,
    `tail` the comment lines after its last child, `blank` whether a blank line stands directly above it.
    """

    node: yaml.Node | None
    key: str | None = None
    name: str = ""
    index: int = -1
    column: int = 0
    parent: Entry | None = None
    children: list[Entry] = field(default_factory=list)
    lead: list[str | None] = field(default_factory=list)
    note: str = ""
    tail: list[str | None] = field(default_factory=list)
    blank: bool = False

    def above(self) -> Iterator[Entry]:
        """The entries it stands in, from the inside out, the root last."""
        entry = self.parent
        while entry is not None:
            yield entry
            entry = entry.parent


def is_block(node: yaml.Node | None) -> bool:
    """Whether a value is a list or a mapping with one line or more for each entry."""
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def entries(text: str, root: yaml.Node) -> Entry:
    """The entries of a parsed text; its line ends are `\\n`."""
    top = Entry(root)
    _grow(top, text)
    flat = list(_flat(top))
    for start, comment in _comments(text, root):
        line = text.rfind("\n", 0, start) + 1
        before = [entry for entry in flat if entry.index < start]
        after = next((entry for entry in flat if entry.index > start), None)
        if text[line:start].strip() and before:
            before[-1].note = f"{before[-1].note} {comment}".strip()
        else:
            place = _place(start - line, before[-1] if before else None, after, top)
            if _blank_above(text, start):
                place.append(None)
            place.append(comment)
    return top


def remarks(entry: Entry) -> Iterator[str]:
    """Every comment at an entry and below it."""
    yield from (one for one in (*entry.lead, *entry.tail, entry.note) if one)
    for child in entry.children:
        yield from remarks(child)


def _grow(entry: Entry, text: str) -> None:
    node = entry.node
    if not is_block(node):
        return
    end = node.start_mark.index
    for part in node.value:
        if isinstance(node, yaml.MappingNode):
            key, value = part
            index, written, name = key.start_mark.index, text[key.start_mark.index:key.end_mark.index], str(key.value)
        else:
            value, written, name = part, None, ""
            index = end + _COMMENT.sub(lambda found: " " * len(found[0]), text[end:value.start_mark.index]).rindex("-")
        child = Entry(value, written, name, index, index - text.rfind("\n", 0, index) - 1, entry, blank=_blank_above(text, index))
        entry.children.append(child)
        _grow(child, text)
        end = value.end_mark.index


def _flat(entry: Entry) -> Iterator[Entry]:
    for child in entry.children:
        yield child
        yield from _flat(child)


def _comments(text: str, root: yaml.Node) -> Iterator[tuple[int, str]]:
    """Every comment with where it starts; those inside a scalar are text, those inside a flow list stay in it."""
    at = 0
    for start, end in [*sorted(_closed(root)), (len(text), len(text))]:
        for found in _COMMENT.finditer(text[at:start]):
            yield at + found.start(), found.group().rstrip()
        at = max(at, end)


def _closed(node: yaml.Node) -> Iterator[tuple[int, int]]:
    """The stretches of text in which a `#` starts no comment of ours."""
    if not is_block(node):
        yield node.start_mark.index, node.end_mark.index
        return
    for part in node.value:
        for child in part if isinstance(part, tuple) else (part,):
            yield from _closed(child)


def _place(column: int, before: Entry | None, after: Entry | None, top: Entry) -> list[str | None]:
    """Where a comment line belongs: over the next entry, or, where it stands deeper than that, after the block it closes."""
    if before is not None and (after is None or column > after.column):
        open_ = list(after.above()) if after is not None else []
        for entry in (before, *before.above()):
            if entry.parent is not None and entry.column <= column and entry.parent not in open_:
                return entry.parent.tail
    return after.lead if after is not None else top.tail


def _blank_above(text: str, index: int) -> bool:
    """Whether what starts at an index is the first of its line, and the line above is blank."""
    line = text.rfind("\n", 0, index) + 1
    return line > 0 and not text[line:index].strip() and not text[text.rfind("\n", 0, line - 1) + 1:line].strip()
