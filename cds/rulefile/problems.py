"""What the linter says: one problem, one place, one fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


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
        if text is not None:
            number = str(self.place.line)
            lines.append(f"  {number} | {text}")
            lines.append(f"  {' ' * len(number)} | {' ' * (self.place.column - 1)}{'^' * self.place.width}")
        lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def _line(self) -> str | None:
        try:
            lines = self.place.path.read_text(encoding="utf-8", errors="replace").splitlines()
            return lines[self.place.line - 1]
        except (OSError, IndexError):
            return None


class RulesRefused(Exception):
    """The rule files cannot be used; `problems` says why, each with its place and fix."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """A "did you mean" sentence, or `otherwise` when nothing known is close."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else otherwise
