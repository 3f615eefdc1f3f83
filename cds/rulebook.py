"""All rules in force, with the terms, sources and override reasons they use, and one content hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cds.rulefile import shape, source
from cds.rulefile.check import Known, read_rule
from cds.rulefile.language import FOLDERS
from cds.rulefile.problems import Place, Problem, RulesRefused, did_you_mean
from cds.rulefile.rule import Rule
from cds.rulefile.source import Node
from cds.terms.load import read_terms
from cds.terms.model import Term
from cds.terms.recognise import Recogniser


@dataclass(frozen=True, slots=True)
class Source:
    """A source of evidence: a short label for cards, its full title, year and, where there is a clean one, its https link."""

    id: str
    label: str
    title: str
    year: str
    link: str


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


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything read from the rule folders; `rules` holds those in force, `hash` covers every file."""

    book: Book
    hash: str
    rules: tuple[Rule, ...]
    terms: dict[str, Term]
    sources: dict[str, Source]
    reasons: dict[str, Reason]
    recogniser: Recogniser
    warnings: tuple[Problem, ...]

    @property
    def drugs(self) -> tuple[str, ...]:
        """The terms the scope is made of, for example ketamine and esketamine."""
        return self.terms[self.book.scope].terms or (self.book.scope,)


def shipped() -> Path:
    """The folder of the rulebook: beside the checkout, else inside the installed package."""
    here = Path(__file__).resolve().parent
    beside = here.parent / "rules"
    return beside if (beside / "book.yaml").exists() else here / "_rulebook"


def load(folders: Sequence[Path], today: date, drafts: bool = False) -> Rulebook:
    """The rulebook of one or several folders (the first holds book.yaml); RulesRefused names every problem."""
    problems: list[Problem] = []
    found = read(folders, today, problems, drafts)
    if found is not None and not found.rules:
        problems.append(Problem(Place(folders[0]), "empty-file", f"no rule of this rulebook is in force on {today}",
                                "Check `status` and `effective` of the rules, or the date asked for."))
    errors = [problem for problem in problems if problem.level == "error"]
    if errors or found is None:
        raise RulesRefused(errors)
    return found


def read(folders: Sequence[Path], today: date, problems: list[Problem], drafts: bool = False, whole: bool = False) -> Rulebook | None:
    """Read everything, noting problems; None when there is nothing to return.  `whole` keeps the rules that are not in force, too."""
    book = _book(folders[0], problems)
    terms, term_nodes = read_terms(folders, problems)
    sources, reasons = _sources(folders, problems), _reasons(folders, problems)
    if not any((folder / "terms").is_dir() for folder in folders) or book is None:
        return None
    known = Known({name: term.kind for name, term in terms.items()}, frozenset(sources), frozenset(reasons))
    used: set[str] = {book.scope}
    rules = [rule for path in _rule_files(folders, problems) if (rule := read_rule(path, known, problems, used)) is not None]
    _stray_files(folders, problems)
    _check_together(rules, book, terms, term_nodes, used, problems)
    if any(problem.level == "error" for problem in problems):
        return None
    in_force = tuple(sorted((rule for rule in rules if whole or is_in_force(rule, today, drafts)), key=lambda rule: rule.id))
    return Rulebook(book, content_hash(folders), in_force, terms, sources, reasons, Recogniser(terms, folders), tuple(problems))


def load_whole(folders: Sequence[Path], today: date) -> Rulebook:
    """The rulebook with its drafts, its retired rules and those not yet in force; RulesRefused names every problem."""
    problems: list[Problem] = []
    found = read(folders, today, problems, whole=True)
    if found is None:
        raise RulesRefused(one for one in problems if one.level == "error")
    return found


def is_in_force(rule: Rule, today: date, drafts: bool = False) -> bool:
    """Whether a rule runs on a day: active and inside its dates, or a draft where drafts are wanted."""
    if rule.status != "active":
        return drafts and rule.status == "draft"
    return (rule.effective_from is None or rule.effective_from <= today) and (rule.effective_until is None or today <= rule.effective_until)


def content_hash(folders: Iterable[Path]) -> str:
    """SHA-256 over the name and content of every rule, term and table file."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".yaml", ".csv") and path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"


def _rule_files(folders: Sequence[Path], problems: list[Problem]) -> list[Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        for kind in FOLDERS:
            for path in sorted((folder / kind).glob("*.yaml")):
                if path.stem in found:
                    problems.append(Problem(Place(path), "duplicate-key", f"the rule `{path.stem}` already exists in {found[path.stem]}",
                                            "Give it another id."))
                found[path.stem] = path
    return list(found.values())


def _stray_files(folders: Sequence[Path], problems: list[Problem]) -> None:
    """A rule file in a place that is never read would never run."""
    for folder in folders:
        for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
            parts = path.relative_to(folder).parts
            known = path.suffix == ".yaml" and (len(parts) == 1 or parts[0] in FOLDERS and len(parts) == 2 or parts[0] in ("terms", "sites"))
            if not known:
                problems.append(Problem(Place(path), "name-differs-from-file", "this file is in no place where rules are read, so it would never run",
                                        f"Move it to one of {', '.join(f'{name}/' for name in FOLDERS)} and let its name end in .yaml."))


def _book(folder: Path, problems: list[Problem]) -> Book | None:
    path = folder / "book.yaml"
    if not path.exists():
        problems.append(Problem(Place(path), "missing-key", "there is no book.yaml in this folder", "Point --rules at a rulebook folder."))
        return None
    node = source.read(path, problems)
    if node is None or not shape.check("book", node, problems):
        return None
    text = {key: child.text for key, child in node.mapping.items()}
    return Book(text["version"], text["title"], text["scope"], text["intended_for"], text["not_for"], text["needs_engine"])


def _sources(folders: Sequence[Path], problems: list[Problem]) -> dict[str, Source]:
    return {name: Source(name, _text(node, "label"), _text(node, "title"), _text(node, "year"), _text(node, "link"))
            for name, node in _entries(folders, "evidence.yaml", "evidence", problems)}


def _reasons(folders: Sequence[Path], problems: list[Problem]) -> dict[str, Reason]:
    system = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
    own = "https://ketamine-cds.org/override-reason"
    return {name: Reason(name, _text(node, "text"), _text(node, "hl7") or name, system if node.get("hl7") else own)
            for name, node in _entries(folders, "override-reasons.yaml", "override-reasons", problems)}


def _entries(folders: Sequence[Path], file: str, kind: str, problems: list[Problem]) -> list[tuple[str, Node]]:
    found: list[tuple[str, Node]] = []
    for folder in folders:
        if (folder / file).exists():
            root = source.read(folder / file, problems)
            if root is not None and shape.check(kind, root, problems):
                found += root.mapping.items()
    return found


def _text(node: Node, key: str) -> str:
    found = node.get(key)
    return found.text if found else ""


def _check_together(rules: list[Rule], book: Book, terms: dict[str, Term], nodes: dict[str, Node], used: set[str],
                    problems: list[Problem]) -> None:
    ids = {rule.id for rule in rules}
    if book.scope not in terms:
        problems.append(Problem(Place(Path("book.yaml")), "unknown-term", f"the scope `{book.scope}` is not a term",
                                did_you_mean(book.scope, terms, "Name a medication term.")))
    for rule in rules:
        for entry in (rule.node.get("replaces") or Node([], rule.node.place)).items:
            if entry.text not in ids:
                problems.append(Problem(entry.place, "unknown-rule", f"`{entry.text}` is not a rule of this rulebook",
                                        did_you_mean(entry.text, ids, "Name another rule, or delete the line.")))
    todo = list(used)
    while todo:
        name = todo.pop()
        fresh = set(terms[name].terms + terms[name].sent_in if name in terms else ()) - used
        used |= fresh
        todo += fresh
    for name, node in nodes.items():
        if name not in used and not any(problem.level == "error" for problem in problems):
            problems.append(Problem(node.place, "unused-term", f"no rule uses the term `{name}`", "Use it in a rule, or delete it.", "warning"))
