"""What the linter says: one problem, one place, one fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line for YAML, and so for every line number."""
_SHOWN = 150
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A spot in a file; lines and columns count from 1, as editors do."""

    path: Path
    line: int = 1
    column: int = 1
    width: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something the author should change, and how."""

    place: Place
    name: str
    what: str
    fix: str
    level: str = "error"

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.level}[{self.name}] {self.what}"]
        text = self._line()
        if text:
            number, start = str(self.place.line), max(0, self.place.column - _SHOWN) if len(text) > _SHOWN else 0
            text, column = text[start:start + _SHOWN], self.place.column - 1 - start
            lead = "".join("\t" if char == "\t" else " " for char in text[:column]).ljust(column)
            lines.append(f"  {number} | {text}")
            lines.append(f"  {' ' * len(number)} | {lead}{'^' * max(1, min(self.place.width, _SHOWN - column))}")
        lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def _line(self) -> str | None:
        try:
            if not self.place.path.is_file():
                return None
            lines = LINE_BREAK.split(self.place.path.read_bytes().decode("utf-8-sig", "replace"))
            return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", lines[self.place.line - 1])
        except (OSError, IndexError):
            return None


class RulesRefused(Exception):
    """The rule files cannot be used; `problems` says why, each with its place and fix."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def misspelt(word: str, written: Iterable[str]) -> bool:
    """Whether one of the words written is close to a word that is missing."""
    return bool(difflib.get_close_matches(word, list(written), n=1, cutoff=0.75))


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """A "did you mean" sentence, or `otherwise` when nothing known is close."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else otherwise
