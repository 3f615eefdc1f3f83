"""One layout for every file: keys in the order of the schema, two blanks for each level, comments where they belong.

What a file says never changes: texts keep their quotes and their words, and the result is read again and compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from cds.rulefile.comments import Entry, entries, is_block, remarks
from cds.rulefile.order import Shapes, shapes
from cds.rulefile.rewrap import flow, folded

SECTIONS = (("rule", "version", "status", "kind", "title"), ("effective", "review", "replaced_by"), ("why",), ("settings",), ("hooks", "applies_when"),
            ("met_when",), ("soft_evidence",), ("if_met", "if_not_met", "if_unknown", "replaces"), ("evidence",), ("hazards",), ("examples",))
"""The keys of a rule that stand together, with a blank line before each group; any other key stands alone."""
_SECTION = {key: number for number, keys in enumerate(SECTIONS) for key in keys}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MODELINE = re.compile(r"# *yaml-language-server:")


class WouldChange(ValueError):
    """A text that cannot be laid out without changing what it says."""


def formatted(text: str, schema: Mapping[str, Any] | None, sections: bool = False) -> str:
    """A readable file in the one layout; `schema` gives the order of keys, `sections` the blank lines of a rule.

    WouldChange is raised where the result would not say the same, which is then a fault of this module.
    """
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").replace("\r\n", "\n").replace("\r", "\n")
    root = yaml.compose(text, Loader=_LOADER)
    if root is None or not is_block(root):
        return "\n".join(line.rstrip() for line in text.strip("\n").split("\n")) + "\n"
    top = entries(text, root)
    noted = _words(top)
    header = _header(top)
    _arrange(top, shapes(schema) if schema is not None else None)
    writer = _Writer(text, sections)
    lines = writer.block(top, 0)
    result = "\n".join([*header, *([""] if header and lines else []), *lines]) + "\n"
    try:
        again = yaml.compose(result, Loader=_LOADER)
    except yaml.YAMLError:
        again = None
    if _said(again) != _said(root) or again is None or _words(entries(result, again)) != noted:
        raise WouldChange("the file cannot be laid out without changing what it says")
    return result


def _header(top: Entry) -> list[str]:
    """The comments over the whole file, which stay where they are: those before the first blank line, or for an editor."""
    first = top.children[0]
    lead, end = first.lead, 0
    if first.blank:
        end = len(lead)
    elif lead and _MODELINE.match(lead[0] or ""):
        end = 1
    elif None in lead:
        end = len(lead) - lead[::-1].index(None)
    header, first.lead = lead[:end], lead[end:]
    first.blank = False
    while header and header[-1] is None:
        header.pop()
    return [one or "" for one in header]


def _arrange(entry: Entry, its: Shapes | None) -> None:
    """Put the keys of a block and of all blocks in it in the order of the schema."""
    if its is None:
        return
    if isinstance(entry.node, yaml.MappingNode):
        order = its.order([child.name for child in entry.children])
        entry.children.sort(key=lambda child: order.get(child.name, len(order)))
    for child in entry.children:
        _arrange(child, its.below(child.name if child.key is not None else None, [one.name for one in entry.children]))


class _Writer:
    def __init__(self, text: str, sections: bool) -> None:
        self._text, self._sections = text, sections

    def block(self, entry: Entry, indent: int) -> list[str]:
        """The lines of all children of a block."""
        lines: list[str] = []
        pad, before = " " * indent, None
        for child in entry.children:
            mine = self._entry(child, indent)
            lead = [*child.lead, *([None] if child.blank and child.lead else [])]
            blank = bool(lead) and lead[0] is None or child.blank
            if self._sections and entry.parent is None:
                blank = _SECTION.get(child.name, child.name) != before
                before = _SECTION.get(child.name, child.name)
            lead = lead[1:] if lead and lead[0] is None else lead
            lines += [""] if blank and lines else []
            lines += ["" if one is None else pad + one for one in lead] + mine
        return lines + ["" if one is None else pad + one for one in entry.tail]

    def _entry(self, child: Entry, indent: int) -> list[str]:
        if child.key is not None:
            return self._under(f"{' ' * indent}{child.key}:", child, indent)
        if not is_block(child.node) or not child.children:
            return self._under(f"{' ' * indent}-", child, indent)
        first = child.children[0]
        hoisted = [one for one in ([child.note] if child.note else []) + first.lead if one is not None]
        first.lead, first.blank, child.note = [], False, ""
        lines = self.block(child, indent + 2)
        while not lines[0].strip() or lines[0].lstrip().startswith("#"):  # what stood behind or below the dashes of lists in lists
            hoisted += [one for one in [lines.pop(0).strip()] if one]
        return [" " * indent + one for one in hoisted] + [f"{' ' * indent}- {lines[0][indent + 2:]}", *lines[1:]]

    def _under(self, head: str, child: Entry, indent: int) -> list[str]:
        """A key or a dash with its value."""
        node, note = child.node, f"  {child.note}" if child.note else ""
        if is_block(node):
            child.children[0].blank = False
            while child.children[0].lead[:1] == [None]:
                child.children[0].lead.pop(0)
            return [head + note, *self.block(child, indent + 2)]
        written = self._text[node.start_mark.index:node.end_mark.index]
        if isinstance(node, yaml.CollectionNode):
            lines = flow(written, node, self._text, len(head) + 1)
        elif node.style in ("|", ">"):
            lines = folded(written, node.style, child.column, indent)
        else:
            first, *more = written.split("\n")
            lines = [first.rstrip() if more else first, *(f"{' ' * (indent + 2)}{_bare(line)}" if line.strip() else "" for line in more)]
        lines[0] = f"{head} {lines[0]}" if lines[0] else head
        lines[-1] += note
        return lines


def _bare(line: str) -> str:
    found = line.strip()
    return line.lstrip() if found.endswith("\\") else found


def _said(node: yaml.Node | None) -> object:
    """What a file says, with keys in any order."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _said(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_said(child) for child in node.value]
    return str(node.value).strip() if node is not None else ""


def _words(top: Entry) -> list[str]:
    """The words of all comments, in any order."""
    return sorted(word for one in remarks(top) for word in one.split())
