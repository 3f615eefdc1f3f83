"""The manual as its reader goes through it: edits made, commands run and their output, one after another in a copy of the rulebook.

In rules/README.md a `console` block holds commands (`$ …`) with what they print, a `diff` block an edit of the file named last before it.
A line with nothing but `…` stands for lines left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from rulefolders import git
from service import ROOT, environment, free_port

MANUAL = ROOT / "rules" / "README.md"
WRITTEN = date(2026, 11, 25)
"""The day the manual was written: later days in it move along with today."""
LEFT_OUT = "…"
# What may differ from the manual: how many rules and requests there are, versions of the rulebook, hashes, the port, the clock.
DECLARED = [(r"sha256:[0-9a-f]+", "sha256:HASH"), (r"\b20\d\d\.\d+\.\d+", "VERSION"), (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-][\d:]+)", "INSTANT"), (r"(\d+ on )\d{4}-\d\d-\d\d", "N on TODAY"),
            (r"\b\d+(?= (rules?|requests|JSON files|of \d+ requests|could not)\b)", "N"), (r"\bN of \d+ requests", "N of N requests")]
_BLOCK = re.compile(r"(?ms)^```(console|diff)\n(.*?)^```$")
_PATH = re.compile(r"`(rules/[\w./-]+\.(?:yaml|csv))`")


@dataclass
class Command:
    """A command with what the manual says it prints, and where that stands in the text."""

    line: str
    shown: str
    start: int
    end: int


@dataclass(frozen=True)
class Edit:
    """Hunks to apply to a file, each as the lines that must stand there once and what stands there afterwards."""

    path: str
    hunks: list[tuple[str, str]]


def steps(text: str) -> Iterator[Command | Edit]:
    """Every command and edit of the manual, in its order."""
    for block in _BLOCK.finditer(text):
        if block[1] == "diff":
            yield Edit(_PATH.findall(text[:block.start()])[-1], [_hunk(one) for one in re.split(r"(?m)^@@.*\n", block[2]) if one])
            continue
        starts = [found.start() for found in re.finditer(r"(?m)^\$ ", block[2])]
        for start, end in zip(starts, [*starts[1:], len(block[2])]):
            line, _, shown = block[2][start:end].partition("\n")
            yield Command(line[2:], shown, block.start(2) + start + len(line) + 1, block.start(2) + end)


def _hunk(text: str) -> tuple[str, str]:
    lines = text.splitlines(keepends=True)
    return tuple("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))


def moved(text: str, days: int) -> str:
    """A text whose days after the manual was written lie so many days later."""
    def later(match: re.Match[str]) -> str:
        day = date.fromisoformat(match[0])
        return (day + timedelta(days)).isoformat() if day >= WRITTEN and day.year < 2099 else match[0]
    return re.sub(r"\b20\d\d-\d\d-\d\d\b", later, text)


def plain(text: str) -> list[str]:
    """The lines of an output without what may differ, and without blanks at their ends."""
    for pattern, instead in DECLARED:
        text = re.sub(pattern, instead, text)
    text = re.sub(r"(?<=\S) {2,}(?=\S)|(?<=│) +(?=│)", " ", re.sub("[━─]+", "━", text))  # the width of a table follows from its longest line
    return [line.rstrip() for line in text.rstrip().splitlines()]


def agrees(shown: str, printed: str) -> bool:
    """Whether an output is what the manual shows, where `…` stands for any lines."""
    parts = ["\n".join(plain(part)) for part in re.split(rf"(?m)^{LEFT_OUT}\n", shown)]
    wanted = r"(?:.*\n)*?".join(re.escape(part) + ("\n" if part else "") for part in parts)
    return re.fullmatch(wanted, "".join(f"{line}\n" for line in plain(printed))) is not None


@dataclass
class Reader:
    """Somebody with a copy of the rulebook in a git repository, who types what the manual says."""

    home: Path
    today: date
    port: int = field(default_factory=free_port)
    said: dict[str, str] = field(default_factory=dict)
    service: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "rules", self.home / "rules", ignore=shutil.ignore_patterns(MANUAL.name))
        shutil.copytree(ROOT / "fhir_fixtures", self.home / "fhir_fixtures")
        (self.home / "bin").mkdir()
        (self.home / "bin" / "cds").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m cds \"$@\"\n", "utf-8")
        (self.home / "bin" / "cds").chmod(0o755)
        (self.home / ".gitignore").write_text("bin\n*.sqlite3*\nservice.log\n", "utf-8")
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "The rulebook as released")):
            git(self.home, *words)

    @property
    def days(self) -> int:
        return max(0, (self.today - WRITTEN).days)

    def edit(self, step: Edit) -> None:
        """Apply an edit; every hunk must fit exactly one place."""
        path = self.home / step.path
        for old, new in step.hunks:
            text = path.read_text("utf-8")
            old, new = moved(old, self.days), moved(new, self.days)
            assert text.count(old) == 1, f"{step.path} holds this {text.count(old)} times, not once:\n{old}"
            path.write_text(text.replace(old, new), "utf-8")

    def run(self, command: Command) -> str:
        """What a command prints; one that ends with ` &` is left running, `export` counts for all that follow."""
        line = moved(command.line, self.days)
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self.said[name] = value
            return ""
        return self._serve(line) if line.endswith("&") else self._run(line)

    def settle(self, command: Command, seconds: float = 30) -> str:
        """The same, asked again until it agrees with the manual: for what a service says while it takes in a change."""
        until = time.monotonic() + seconds
        while not agrees(command.shown, printed := self.run(command)) and time.monotonic() < until:
            time.sleep(0.3)
        return printed

    def close(self) -> None:
        if self.service is not None:
            self.service.terminate()
            self.service.wait(20)

    def _environment(self) -> dict[str, str]:
        more = {"PATH": f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "80", "CDS_PORT": str(self.port),
                "CDS_URL": f"http://127.0.0.1:{self.port}", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.invalid", "GIT_COMMITTER_NAME": "A",
                "GIT_COMMITTER_EMAIL": "a@example.invalid"}
        return environment(more | self.said)

    def _run(self, line: str) -> str:
        done = subprocess.run(["sh", "-c", line], cwd=self.home, env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)
        return moved_back(done.stdout.decode(), self.days)

    def _serve(self, line: str) -> str:
        log = self.home / "service.log"
        with log.open("wb") as stream:
            self.service = subprocess.Popen(["sh", "-c", f"exec {line.removesuffix('&')}"], cwd=self.home, env=self._environment(),
                                            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        until = time.monotonic() + 60
        while subprocess.run(["cds", "status"], env=self._environment(), cwd=self.home, capture_output=True).returncode and time.monotonic() < until:
            assert self.service.poll() is None, log.read_text()
            time.sleep(0.3)
        return log.read_text("utf-8")


def moved_back(text: str, days: int) -> str:
    """An output as it would have been on the day the manual was written."""
    def earlier(match: re.Match[str]) -> str:
        day = date.fromisoformat(match[0]) - timedelta(days)
        return day.isoformat() if day >= WRITTEN and day.year < 2098 else match[0]
    return re.sub(r"\b20\d\d-\d\d-\d\d\b", earlier, text) if days else text
