"""What stands beside the rules: book.yaml, evidence.yaml and override-reasons.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cds.rulefile import shape, source
from cds.rulefile.problems import Place, Problem
from cds.rulefile.source import Node


@dataclass(frozen=True, slots=True)
class Source:
    """A source of evidence: a short label for cards, its full title, year and, where there is a clean one, its https link."""

    id: str
    label: str
    title: str
    year: str
    link: str
    place: Place


@dataclass(frozen=True, slots=True)
class Reason:
    """An override reason: text for people and, where one fits, HL7's non-adherence code."""

    id: str
    text: str
    code: str
    system: str


@dataclass(frozen=True, slots=True)
class Book:
    """What book.yaml says about the rulebook as a whole."""

    version: str
    title: str
    scope: str
    intended_for: str
    not_for: str
    needs_engine: str


def book(folders: Sequence[Path], problems: list[Problem]) -> Book | None:
    """What book.yaml of the first folder says; None (with the problems noted) where it cannot be used."""
    path, *others = [folder / "book.yaml" for folder in folders]
    if not path.exists() and not path.is_symlink():
        first = next((other for other in others if other.exists()), None)
        problems.append(Problem(Place(path), "missing-key", "there is no book.yaml in this folder",
                                f"Name {first.parent} first." if first else "Point --rules at a rulebook folder."))
        return None
    problems += [Problem(Place(other), "duplicate-key", f"the rulebook is already described in {path}",
                         "Delete this file; it belongs to the first folder only.")
                 for other in others if other.exists()]
    node = source.read(path, problems)
    if node is None or not shape.check("book", node, problems):
        return None
    text = {key: child.text for key, child in node.mapping.items()}
    return Book(text["version"], text["title"], text["scope"], text["intended_for"], text["not_for"], text["needs_engine"])


def sources(folders: Sequence[Path], problems: list[Problem]) -> dict[str, Source]:
    """Every source of evidence, by id."""
    return {name: Source(name, _text(node, "label"), _text(node, "title"), _text(node, "year"), _text(node, "link"), place)
            for name, node, place in _entries(folders, "evidence.yaml", "evidence", problems)}


def reasons(folders: Sequence[Path], problems: list[Problem]) -> dict[str, Reason]:
    """Every override reason, by id."""
    system = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
    own = "https://ketamine-cds.org/override-reason"
    return {name: Reason(name, _text(node, "text"), _text(node, "hl7") or name, system if node.get("hl7") else own)
            for name, node, _ in _entries(folders, "override-reasons.yaml", "override-reasons", problems)}


def _entries(folders: Sequence[Path], file: str, kind: str, problems: list[Problem]) -> list[tuple[str, Node, Place]]:
    found: dict[str, tuple[str, Node, Place]] = {}
    for folder in folders:
        held = (folder / file).exists() or (folder / file).is_symlink()
        root = source.read(folder / file, problems) if held else None
        for name, node in shape.sound(kind, root, problems).items() if root is not None else ():
            if name in found:
                problems.append(Problem(root.key_place(name), "duplicate-key", f"`{name}` already stands in {found[name][1].place.path}",
                                        "Give it another name."))
            found.setdefault(name, (name, node, root.key_place(name)))
    return list(found.values())


def _text(node: Node, key: str) -> str:
    found = node.get(key)
    return found.text if found else ""
