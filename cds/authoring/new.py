"""`cds new`: a complete draft rule, a term or a site file, with comments on every key; its first examples fail until the author makes them true."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cds import clock, rulebook
from cds.authoring.places import own
from cds.authoring.schema import published
from cds.options import stop
from cds.rulebook import Rulebook
from cds.rulefile.english import line
from cds.rulefile.language import FOLDERS, KINDS, VERBS
from cds.rulefile.layout import formatted
from cds.rulefile.problems import did_you_mean
from cds.rulefile.rule import Rule
from cds.terms.model import CONDITION, MEASUREMENT, MEDICATION, PROCEDURE, REACTION

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 60
_TERM_KINDS = (MEDICATION, CONDITION, MEASUREMENT, PROCEDURE, REACTION)
_TEMPLATES = Path(__file__).parent / "templates"


def new_rule(folders: Sequence[Path], kind: str, name: str, title: str | None) -> int:
    """Write a draft rule into the last rule folder, in the folder of its kind; stops where it exists or its id is not one."""
    if kind not in KINDS:
        known = (*KINDS, "term", "site")
        stop(f"`{kind}` is no kind of rule. {did_you_mean(kind, known, 'Use one of: ' + ', '.join(known) + '.')}")
    _check_id(name, "theophylline or opioid-with-benzodiazepine")
    book = rulebook.load_whole(folders, clock.now().date())
    taken = next((rule for rule in book.rules if rule.id == name), None)
    if taken is not None:
        stop(f"the rule `{name}` already exists: {taken.node.place.path}; ids are never used twice, also not of retired rules")
    if title is not None and not 1 <= len(title.strip()) <= 120:
        stop(f"--title has {len(title)} characters; 1 to 120 fit")
    path = own(folders[-1]) / next(folder for folder, its in FOLDERS.items() if its == kind) / f"{name}.yaml"
    draft = _filled("rule.yaml", {
        "id": name, "kind": kind, "title": _quoted(title.strip() if title else name.replace("-", " ").capitalize()), "scope": book.book.scope,
        "drug": book.drugs[0], "other": book.drugs[-1], "source": _source(book), "verbs": "\n#   ".join(textwrap.wrap(", ".join(VERBS), 120))})
    _write(path, draft, "rule")
    print(f"{path} written, as a draft.\nExamples marked `make this true` fail until the rule does what they say.\n"
          f"Edit it, then run `cds lint`, `cds read {name}` and `cds explain {name}`.")
    return 0


def new_term(folders: Sequence[Path], name: str, kind: str, title: str | None) -> int:
    """Write a term into a file of its own; stops where it exists, its name is none, or its kind is unknown."""
    if kind not in _TERM_KINDS:
        stop(f"`{kind}` is no kind of term. {did_you_mean(kind, _TERM_KINDS, 'Use one of: ' + ', '.join(_TERM_KINDS) + '.')}")
    _check_id(name, "heart-failure")
    book = rulebook.load_whole(folders, clock.now().date())
    path = own(folders[-1]) / "terms" / f"{name}.yaml"
    if name in book.terms or path.exists():
        stop(f"the term `{name}` already exists; `grep -rn '^{name}:' {' '.join(str(one / 'terms') for one in folders)}` shows where")
    says = _quoted((title or name.replace("-", " ")).strip())
    _write(path, _filled(f"{kind}.yaml", {"id": name, "says": says, "today": clock.now().date().isoformat(), "words": name.replace("-", " ")}), "terms")
    print(f"{path} written.\nFill in its codes, use it in a rule, then run `cds lint`.")
    return 0


def new_site(folders: Sequence[Path], name: str) -> int:
    """Write a site file that changes nothing yet and lists every number a site may change; stops where it exists or its name is none."""
    _check_id(name, "north-clinic")
    today = clock.now().date()
    book = rulebook.load(folders, today)
    path = own(folders[-1]) / "sites" / f"{name}.yaml"
    if path.exists():
        stop(f"the site `{name}` already exists: {path}")
    until = (today + timedelta(days=364)).isoformat()
    fixed = textwrap.wrap(", ".join(rule.id for rule in book.rules if not rule.settings), 120)
    _write(path, _filled("site.yaml", {
        "id": name, "version": book.book.version, "path": str(path), "rules": str(folders[0]), "fixed": "\n#   ".join(fixed or ["none"]),
        "changes": "\n".join(_changeable(rule, until) for rule in book.rules if rule.settings)}), "site")
    print(f"{path} written; it changes nothing yet.\nTake away the `# ` of what you need, then run `cds lint --site {path}`.")
    return 0


def _changeable(rule: Rule, until: str) -> str:
    """One rule as a change that is commented out, with all its settings as they are."""
    settings = [f"#       {one.name}: {one.amount}  # from {one.lowest} to {one.highest}: {line(one.what)}" for one in rule.settings.values()]
    return "\n".join([f"#   - rule: {rule.id}  # {line(rule.title)}", "#     set:", *settings, '#     because: "TODO: why"', f"#     until: {until}"])


def _check_id(name: str, example: str) -> None:
    if not _ID.fullmatch(name) or len(name) > _LONGEST:
        close = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-")
        hint = f"Did you mean `{close}`?" if _ID.fullmatch(close) else f"Write for example {example}."
        stop(f"`{name}` is no id: lower-case words joined by `-`, at most {_LONGEST} characters. {hint}")


def _source(book: Rulebook) -> str:
    """The source a draft cites until its author names the real one."""
    if not book.sources:
        stop("evidence.yaml names no source yet; add one first, because every rule cites at least one")
    return "project" if "project" in book.sources else sorted(book.sources)[0]


def _quoted(text: str) -> str:
    """A text as a YAML scalar that cannot be read as anything else."""
    escaped = "".join(one for one in line(text) if one.isprintable()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _filled(template: str, values: dict[str, str]) -> str:
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    return re.sub(r"<<(\w+)>>", lambda match: values[match[1]], text)


def _write(path: Path, text: str, kind: str) -> None:
    """Write a new file, laid out as `cds fmt` would."""
    text = formatted(text, published(kind), kind == "rule")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
