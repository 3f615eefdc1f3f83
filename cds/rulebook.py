"""All rules in force, with the terms, sources and override reasons they use, and one content hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from cds import sites
from cds.rulefile import sidefiles, source, together
from cds.rulefile.check import Known, read_rule
from cds.rulefile.findings import findings, tie
from cds.rulefile.problems import Place, Problem, RulesRefused, did_you_mean
from cds.rulefile.placing import note_strays, rule_files
from cds.rulefile.rule import Example, Rule
from cds.rulefile.sidefiles import Book, Reason, Source
from cds.rulefile.source import Node
from cds.sites import Site
from cds.terms.beside import check_beside
from cds.terms.check import check_tables, check_terms
from cds.terms.load import read_terms
from cds.terms.model import MEDICATION, Term
from cds.terms.recognise import Recogniser


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
    lines: dict[tuple[str, tuple[str, ...]], str] = field(init=False, default_factory=dict, compare=False, repr=False)
    """What cards say of the evidence of a rule, worded once, by the rule and by the sources that come first."""

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
    problems = [*_empty(folders[1:])]
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


def _empty(folders: Iterable[Path]) -> Iterator[Problem]:
    """A folder that vanished, such as a drive that is not mounted, would take its rules away in silence."""
    for folder in folders:
        if not any(folder.rglob("[!.]*.yaml")):
            what = "holds no rule, term or other YAML file" if folder.is_dir() else "is not there"
            yield Problem(Place(folder), "empty-file", f"this rule folder {what}", "Put its files back, or do not name it.")


def read(folders: Sequence[Path], today: date, problems: list[Problem], drafts: bool = False, whole: bool = False) -> Rulebook | None:
    """Read everything, noting problems; with errors only what is sound, None where nothing can be evaluated.

    `drafts` keeps drafts, `whole` every rule that is not in force, too.
    """
    book = sidefiles.book(folders, problems)
    terms, term_nodes = read_terms(folders, problems)
    whole_tables = check_tables(folders, problems)
    if whole_tables:
        check_beside(folders, terms, term_nodes, problems)
    sources, reasons = sidefiles.sources(folders, problems), sidefiles.reasons(folders, problems)
    usable = whole_tables and not any(problem.level == "error" for problem in problems)
    if usable:
        check_terms(terms, term_nodes, folders, problems)
        usable = not any(problem.level == "error" for problem in problems)
    known = _known(terms, sources, reasons)
    used: set[str] = {book.scope} if book else set()
    unsound: list[Example] = []
    paths = rule_files(folders, problems)
    alone = [rule for path in paths if (rule := read_rule(path, known, problems, used, unsound)) is not None]
    note_strays(folders, problems)
    ids = {path.stem for path in paths}
    rules = tie(alone, ids, problems)
    unsound += [example for rule in alone if rule.id not in {one.id for one in rules} for example in rule.examples]
    together.check_rules(alone, ids, today, problems)
    _refuse_resting(rules, today, problems)
    _check_scope(folders[0], book, terms, problems)
    problems[:] = _without_noise(problems)
    if not any(problem.level == "error" for problem in problems):
        _unused_terms(terms, term_nodes, used, problems)
        together.check_sources({name: cited.place for name, cited in sources.items()}, rules, problems)
    if not usable or book is None or book.scope not in terms:
        return None
    rules.sort(key=lambda rule: rule.id)
    in_force = tuple(rule for rule in rules if whole or is_in_force(rule, today, drafts))
    idle = tuple(rule for rule in rules if not (whole or is_in_force(rule, today, drafts)))
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
    everyone = {rule.id: rule for rule in (*book.as_shipped, *book.idle)} | rules
    _refuse_hidden(site, rules, problems)
    tied = {rule.id: rule for rule in tie(tuple(everyone.values()), set(everyone), problems)}
    if any(problem.level == "error" for problem in problems[before:]):
        return None
    in_force = tuple(tied[name] for name in rules)
    return replace(book, rules=in_force, site=site, hash=content_hash(book.folders, path), warnings=(*book.warnings, *site.warnings))


def _refuse_resting(rules: Sequence[Rule], today: date, problems: list[Problem]) -> None:
    """A rule in force may not ask for one that is not: what that one finds would be shown nowhere."""
    elsewhere = {rule.id for rule in rules if rule.status == "active" and not is_in_force(rule, today)}
    for rule in rules:
        for named in findings(rule) if is_in_force(rule, today) else ():
            if named.rule in elsewhere:
                problems.append(Problem(named.place, "unknown-rule", f"`{named.rule}` is not in force on {today}, so what it finds is shown nowhere",
                                        "Let both rules be in force on the same days, or write the criteria here."))


def _refuse_hidden(site: Site, rules: dict[str, Rule], problems: list[Problem]) -> None:
    """A rule that others ask for may not be off or silent: what excuses them would be shown nowhere."""
    asked = {named.rule: rule.id for rule in rules.values() for named in findings(rule)}
    for change in site.changes:
        if (change.off or change.silent) and change.rule in asked:
            problems.append(Problem(change.place, "unknown-rule", f"`{asked[change.rule]}` asks whether `{change.rule}` is met, which is shown nowhere here",
                                    f"Keep `{change.rule}` on, or turn off `{asked[change.rule]}` as well."))


def site_files(folders: Iterable[Path]) -> list[Path]:
    """The site files inside rule folders, in the order of their names."""
    return [path for folder in folders for path in sorted((folder / "sites").rglob("*.yaml"))]


def _known(terms: dict[str, Term], sources: dict[str, Source], reasons: dict[str, Reason]) -> Known:
    return Known({name: term.kind for name, term in terms.items()}, frozenset(sources), frozenset(reasons),
                 frozenset(name for name, term in terms.items() if term.results))


def load_whole(folders: Sequence[Path], today: date) -> Rulebook:
    """The rulebook with its drafts, its retired rules and those not yet in force; RulesRefused names every problem."""
    problems: list[Problem] = []
    found = read(folders, today, problems, whole=True)
    errors = [one for one in problems if one.level == "error"]
    if errors or found is None:
        raise RulesRefused(errors)
    return found


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
