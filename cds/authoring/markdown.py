"""Text of rules as Markdown that renders to exactly that text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cds.rulefile.english import bullets, line
from cds.rulefile.rule import Question

_MARKUP = re.compile(r"([\\`*_\[\]|~<>&$])")


def escaped(text: str) -> str:
    """Plain text on one line with every character escaped that Markdown would read as markup."""
    return _MARKUP.sub(r"\\\1", line(text))


def indented(question: Question, says: Mapping[str, str], margin: str = "") -> list[str]:
    """A question as nested Markdown bullets."""
    found = []
    for one in bullets(question, says, 0):
        depth = len(one) - len(one.lstrip())
        found.append(f"{margin}{one[:depth]}- {escaped(one[depth + 2:])}")
    return found
