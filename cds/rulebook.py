"""All rules in force, with the terms, sources and override reasons they use, and one content hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from cds import sites
from cds.rulefile import shape, source, together
from cds.rulefile.check import Known, read_rule
from cds.rulefile.findings import tie
from cds.rulefile.language import FOLDERS
from cds.rulefile.problems import Place, Problem, RulesRefused, did_you_mean
from cds.rulefile.rule import Example, Rule
from cds.rulefile.source import Node
from cds.terms.check import check_tables, check_terms
from cds.sites import Site
from cds.terms.beside import check_beside
from cds.terms.load import read_terms
from cds.terms.model import MEDICATION, Term
from cds.terms.recognise import Recogniser


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


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything read from the rule folders; `rules` holds those in force, `hash` covers every file and the site in force.

    `as_shipped` holds the rules in force before a site changed any, `idle` those that are not in force, `unsound` the
    examples of rules that have errors; there are none in a rulebook that was loaded.
    """

    book: Book
    hash: str
    rules: tuple[Rule, ...]
    terms: dict[str, Term]
    sources: dict[str, Source]
    reasons: dict[str, Reason]
    recogniser: Recogniser
    warnings: tuple[Problem, ...]
    folders: tuple[Path, ...]
    as_shipped: tuple[Rule, ...]
    idle: tuple[Rule, ...]
    unsound: tuple[Example, ...] = ()
    site: Site | None = None

    @property
    def switched_off(self) -> tuple[Rule, ...]:
        """The rules in force that the site switched off."""
        on = {rule.id for rule in self.rules}
        return tuple(rule for rule in self.as_shipped if rule.id not in on)

    @property
    def full(self) -> int:
        """How many findings a card tells in full."""
        return self.site.full if self.site else sites.FULL

    @property
    def drugs(self) -> tuple[str, ...]:
        """The terms the scope is made of, for example ketamine and esketamine."""
        return self.terms[self.book.scope].terms or (self.book.scope,)


def shipped() -> Path:
    """The folder of the rulebook: beside the checkout, else inside the installed package."""
    here = Path(__file__).resolve().parent
    beside = here.parent / "rules"
    return beside if (beside / "book.yaml").exists() else here / "_rulebook"


def load(folders: Sequence[Path], today: date, drafts: bool = False, site: Path | None = None) -> Rulebook:
    """The rulebook of one or several folders (the first holds book.yaml), as a site wants it; RulesRefused names every problem."""
    problems: list[Problem] = []
    found = read(folders, today, problems, drafts)
    if found is not None and site is not None:
        found = at_site(found, site, today, problems)
    if found is not None and not found.rules:
        problems.append(Problem(Place(folders[0]), "empty-file", f"no rule of this rulebook is in force on {today}",
                                "Check `status` and `effective` of the rules, or the date asked for."))
    errors = [problem for problem in problems if problem.level == "error"]
    if errors or found is None:
        raise RulesRefused(errors)
    return found


def read(folders: Sequence[Path], today: date, problems: list[Problem], drafts: bool = False) -> Rulebook | None:
    """Read everything, noting problems; with errors only what is sound, None where nothing can be evaluated."""
    book = _book(folders, problems)
    terms, term_nodes = read_terms(folders, problems)
    check_beside(folders, terms, term_nodes, problems)
    sources, reasons = _sources(folders, problems), _reasons(folders, problems)
    usable = check_tables(folders, problems) and not any(problem.level == "error" for problem in problems)
    if usable:
        check_terms(terms, term_nodes, folders, problems)
        usable = not any(problem.level == "error" for problem in problems)
    known = _known(terms, sources, reasons)
    used: set[str] = {book.scope} if book else set()
    unsound: list[Example] = []
    paths = _rule_files(folders, problems)
    alone = [rule for path in paths if (rule := read_rule(path, known, problems, used, unsound)) is not None]
    _stray_files(folders, problems)
    ids = {path.stem for path in paths}
    rules = tie(alone, ids, problems)
    unsound += [example for rule in alone if rule.id not in {one.id for one in rules} for example in rule.examples]
    together.check_rules(alone, ids, today, problems)
    _check_scope(folders[0], book, terms, problems)
    problems[:] = _without_noise(problems)
    if not any(problem.level == "error" for problem in problems):
        _unused_terms(terms, term_nodes, used, problems)
        together.check_sources({name: source.place for name, source in sources.items()}, rules, problems)
    if not usable or book is None or book.scope not in terms:
        return None
    rules.sort(key=lambda rule: rule.id)
    in_force = tuple(rule for rule in rules if is_in_force(rule, today, drafts))
    idle = tuple(rule for rule in rules if not is_in_force(rule, today, drafts))
    return Rulebook(book, content_hash(folders), in_force, terms, sources, reasons, Recogniser(terms, folders), tuple(problems),
                    tuple(folders), in_force, idle, tuple(unsound))


_NAMED_BY_RULES = {"terms": "unknown-term", "evidence.yaml": "unknown-source", "override-reasons.yaml": "no-such-override-reason"}


def _without_noise(problems: Iterable[Problem]) -> list[Problem]:
    """The problems without those that only follow from others: what a broken file holds is not missed in the rules that name it."""
    def of(one: Problem) -> str | None:
        path = one.place.path
        return _NAMED_BY_RULES.get("terms" if "terms" in (path.parent.name, path.parent.parent.name) else path.name)

    found = list(problems)
    follows = {of(one) for one in found if one.level == "error"}
    return [one for one in found if one.name not in follows or of(one)]


def at_site(book: Rulebook, path: Path, today: date, problems: list[Problem]) -> Rulebook | None:
    """A rulebook as the site in a file wants it on a day; None when an error was noted."""
    before = len(problems)
    site = sites.read(path, {rule.id: rule for rule in (*book.as_shipped, *book.idle)}, book.book.version, today, problems)
    if site is None:
        return None
    rules = sites.applied(site, {rule.id: rule for rule in book.as_shipped}, _known(book.terms, book.sources, book.reasons), problems)
    if any(problem.level == "error" for problem in problems[before:]):
        return None
    return replace(book, rules=tuple(rules.values()), site=site, hash=content_hash(book.folders, path), warnings=(*book.warnings, *site.warnings))


def site_files(folders: Iterable[Path]) -> list[Path]:
    """The site files inside rule folders, in the order of their names."""
    return [path for folder in folders for path in sorted((folder / "sites").rglob("*.yaml"))]


def _known(terms: dict[str, Term], sources: dict[str, Source], reasons: dict[str, Reason]) -> Known:
    return Known({name: term.kind for name, term in terms.items()}, frozenset(sources), frozenset(reasons),
                 frozenset(name for name, term in terms.items() if term.results))


def is_in_force(rule: Rule, today: date, drafts: bool = False) -> bool:
    """Whether a rule runs on a day: active and inside its dates, or a draft where drafts are wanted."""
    if rule.status != "active":
        return drafts and rule.status == "draft"
    return (rule.effective_from is None or rule.effective_from <= today) and (rule.effective_until is None or today <= rule.effective_until)


def content_hash(folders: Iterable[Path], site: Path | None = None) -> str:
    """SHA-256 over the name and content of every rule, term and table file, and of the one site file in force."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.suffix in (".yaml", ".csv") and not path.name.startswith(".") and path.is_file() and name.parts[0] != "sites":
                digest.update(name.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    if site is not None:
        digest.update(b"site\0" + site.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"


def _rule_files(folders: Sequence[Path], problems: list[Problem]) -> list[Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        for kind in FOLDERS:
            for path in sorted((folder / kind).glob("[!.]*.yaml")):
                if path.stem in found:
                    problems.append(Problem(Place(path), "duplicate-key", f"the rule `{path.stem}` already exists in {found[path.stem]}",
                                            "Give it another id."))
                found[path.stem] = path
    return list(found.values())


def _stray_files(folders: Sequence[Path], problems: list[Problem]) -> None:
    """A rule file in a place that is never read would never run."""
    for folder in folders:
        for path in sorted([*folder.rglob("[!.]*.yaml"), *folder.rglob("[!.]*.yml")]):
            parts = path.relative_to(folder).parts
            known = path.suffix == ".yaml" and (len(parts) == 1 or parts[0] in FOLDERS and len(parts) == 2 or parts[0] in ("terms", "sites"))
            if not known:
                problems.append(Problem(Place(path), "name-differs-from-file", "this file is in no place where rules are read, so it would never run",
                                        f"Move it to one of {', '.join(f'{name}/' for name in FOLDERS)} and let its name end in .yaml."))


def _book(folders: Sequence[Path], problems: list[Problem]) -> Book | None:
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


def _sources(folders: Sequence[Path], problems: list[Problem]) -> dict[str, Source]:
    return {name: Source(name, _text(node, "label"), _text(node, "title"), _text(node, "year"), _text(node, "link"), place)
            for name, node, place in _entries(folders, "evidence.yaml", "evidence", problems)}


def _reasons(folders: Sequence[Path], problems: list[Problem]) -> dict[str, Reason]:
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


def _check_scope(folder: Path, book: Book | None, terms: dict[str, Term], problems: list[Problem]) -> None:
    if book is not None and (book.scope not in terms or terms[book.scope].kind != MEDICATION):
        node = source.read(folder / "book.yaml", [])
        place = node.mapping["scope"].place if node is not None else Place(folder / "book.yaml")
        problems.append(Problem(place, "unknown-term", f"the scope `{book.scope}` is not a medication term",
                                did_you_mean(book.scope, [name for name, term in terms.items() if term.kind == MEDICATION], "Name a medication term.")))


def _unused_terms(terms: dict[str, Term], nodes: dict[str, Node], used: set[str], problems: list[Problem]) -> None:
    todo = list(used)
    while todo:
        name = todo.pop()
        fresh = set(terms[name].terms + terms[name].sent_in if name in terms else ()) - used
        used |= fresh
        todo += fresh
    for name, node in nodes.items():
        if name not in used:
            problems.append(Problem(node.place, "unused-term", f"no rule uses the term `{name}`", "Use it in a rule, or delete it.", "warning"))
