"""Lines of folded texts and of lists in brackets: kept as they are, and filled anew only where one is too long."""

from __future__ import annotations

import re
import textwrap

import yaml

LONGEST, FILLED = 150, 130
"""No line is longer than the first; where one is, its text is filled up to the second."""


def folded(written: str, style: str, before: int, indent: int) -> list[str]:
    """A `>` or `|` text whose key stood at one column and now stands at another; its first line is the sign itself."""
    head, _, body = written.partition("\n")
    sign = head.split("#")[0].strip()
    digits = re.sub(r"[^1-9]", "", sign)
    lines = body.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    first = next((line for line in lines if line.strip()), "")
    lead = len(first) - len(first.lstrip(" "))
    lead = before + int(digits) if digits else lead
    pad = " " * (indent + (int(digits) if digits else 2))
    lines = [line[lead:].rstrip() if line.strip() else "" for line in lines]
    if style == ">" and any(len(pad + line) > LONGEST for line in lines):
        lines = _filled(lines, FILLED - len(pad))
    return [head.rstrip(), *(pad + line if line else "" for line in lines)]


def _filled(lines: list[str], width: int) -> list[str]:
    if any(line.startswith((" ", "\t")) or "  " in line for line in lines):
        return lines
    found: list[str] = []
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line:
            paragraph.append(line)
            continue
        found += textwrap.wrap(" ".join(paragraph), width, break_long_words=False, break_on_hyphens=False) if paragraph else []
        found.append("")
        paragraph = []
    return found[:-1]


def flow(written: str, node: yaml.Node, text: str, column: int) -> list[str]:
    """A list or mapping in brackets whose bracket stands at a column; further lines are set below its first entry."""
    first, *more = written.split("\n")
    lines = [first.rstrip(), *(" " * (column + 1) + line.strip() if line.strip() else "" for line in more)]
    lines[1:] = [line for line in lines[1:] if line]
    long = column + len(lines[0]) > LONGEST or any(len(line) > LONGEST for line in lines[1:])
    parts = [text[child.start_mark.index:child.end_mark.index] for child in node.value] if isinstance(node, yaml.SequenceNode) else []
    if not long or not parts or "#" in written or any("\n" in part for part in parts):
        return lines
    found, line = [], "["
    for part in parts:
        piece = part + ("]" if part is parts[-1] else ",")
        if column + len(line) + len(piece) + 1 > FILLED and line.strip() != "[":
            found.append(line.rstrip() if not found else " " * column + line.rstrip())
            line = " "
        line += piece + " "
    found.append(line.rstrip() if not found else " " * column + line.rstrip())
    return found
