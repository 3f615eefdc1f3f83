"""How far each rule has moved from its released state, and the version that follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cds.examples.run import run
from cds.rulebook import Rulebook
from cds.rulefile.problems import Problem
from cds.rulefile.rule import Example, Rule, asks
from cds.terms.model import Term

MAJOR, MINOR, PATCH, NEW, SAME = "major", "minor", "patch", "new", "same"
UNREADABLE = "cannot be read any more"
_WORDS = frozenset({"version", "title", "why", "review", "hazards", "examples", "accepted_breaks"})
"""Keys that nothing a clinician is shown depends on, but for words; every other key, also one of later versions, counts as logic."""
_WORDS_INSIDE = {("settings", "what"), ("evidence", "at"), ("evidence", "says")}


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """A released example that is answered otherwise now; `after` may say that its chart cannot be read any more."""

    example: Example
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One rule against its released state: how much changed, the version it needs, why, and which old answers changed."""

    rule: Rule
    old: Rule | None
    size: str
    version: str
    why: tuple[str, ...] = ()
    answers: tuple[NewAnswer, ...] = ()
    terms: tuple[str, ...] = ()


def compare(old: Rulebook, new: Rulebook) -> list[Changed]:
    """Every rule that was or is to be released (drafts are not), by its id; both rulebooks hold their retired rules."""
    before = {rule.id: rule for rule in old.rules if rule.status != "draft"}
    return [_compared(before.get(rule.id), rule, old, new) for rule in new.rules if rule.status != "draft"]


def gone(old: Rulebook, new: Rulebook) -> list[str]:
    """Released rules that are missing or drafts again; a released rule stays, retired if need be."""
    there = {rule.id for rule in new.rules if rule.status != "draft"}
    return [rule.id for rule in old.rules if rule.status != "draft" and rule.id not in there]


def not_raised(old: Rulebook, new: Rulebook) -> Iterator[Problem]:
    """A problem for each rule that differs from the released one without a higher version."""
    before = {rule.id: rule for rule in old.rules if rule.status != "draft"}
    for rule in new.rules:
        was = before.get(rule.id)
        if was is not None and _content(was) != _content(rule) and numbers(rule.version) <= numbers(was.version):
            yield Problem(rule.node.mapping["version"].place, "version-not-raised",
                          f"`{rule.id}` differs from the released {was.version}, but its version is {rule.version}", "Run `cds release`.")


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that compare."""
    return tuple(int(part) for part in version.split("."))


def _compared(old: Rule | None, rule: Rule, old_book: Rulebook, book: Rulebook) -> Changed:
    if old is None:
        return Changed(rule, None, NEW, rule.version, ("new rule",))
    answers = tuple(_new_answers(old, rule, old_book, book))
    terms = _other_terms(old, rule, old_book, book)
    keys = [key for key in {**old.node.mapping, **rule.node.mapping} if _plain(old, key) != _plain(rule, key) and key != "version"]
    logic = [key for key in keys if key not in _WORDS and _logic(_plain(old, key), (key,)) != _logic(_plain(rule, key), (key,))]
    found = [f"{rule.status}, was {old.status}"] if old.status != rule.status else []
    found += [f"{len(answers)} of {len(old.examples)} old answers changed"] if answers else []
    size = MAJOR if found else MINOR if logic or terms else PATCH if keys else SAME
    found += [f"changed: {', '.join(logic)}"] if logic and "status" not in logic else []
    found += [f"terms changed: {', '.join(terms)}"] if terms else []
    why = tuple(found) if size != PATCH else (f"words only: {', '.join(keys)}",)
    return Changed(rule, old, size, _raised(old.version, rule.version, size), why, answers, terms)


def _raised(old: str, now: str, size: str) -> str:
    """The version a change of this size asks for, or the one the author has already given where that is higher."""
    major, minor, patch = numbers(old)
    needed = {MAJOR: (major + 1, 0, 0), MINOR: (major, minor + 1, 0), PATCH: (major, minor, patch + 1)}.get(size, (major, minor, patch))
    return now if numbers(now) >= needed else ".".join(map(str, needed))


def _new_answers(old: Rule, rule: Rule, old_book: Rulebook, book: Rulebook) -> Iterator[NewAnswer]:
    """Every old example whose answer or severity differs between the old rule and the new one."""
    if old.status != "active" or rule.status != "active":
        return
    ignored: list[Problem] = []
    before = {id(one.example): one.said for one in run((old,), old_book, ignored, use_engine=False)}
    after = {id(one.example): one.said for one in run((replace(rule, examples=old.examples),), book, ignored, use_engine=False)}
    for example in old.examples:
        was, now = before.get(id(example), UNREADABLE), after.get(id(example), UNREADABLE)
        if was != now:
            yield NewAnswer(example, was, now)


def _plain(rule: Rule, key: str) -> object:
    found = rule.node.get(key)
    return None if found is None else found.plain()


def _content(rule: Rule) -> dict[str, object]:
    return {key: node.plain() for key, node in rule.node.mapping.items() if key != "version"}


def _logic(value: object, path: tuple[str, ...]) -> object:
    """A value without the words in it that change neither answers nor cards."""
    if isinstance(value, dict):
        return {key: _logic(child, (*path, key)) for key, child in value.items() if not _is_words(key, path)}
    return [_logic(child, path) for child in value] if isinstance(value, list) else value


def _is_words(key: str, path: tuple[str, ...]) -> bool:
    is_name = path == ("settings",)  # a setting may have any name
    return not is_name and (key == "because" or (path[0], key) in _WORDS_INSIDE)


def _other_terms(old: Rule, rule: Rule, old_book: Rulebook, book: Rulebook) -> tuple[str, ...]:
    """The terms the rule uses, directly or through others, that include something else than before."""
    used = _used(rule, book.terms) & _used(old, old_book.terms)
    return tuple(sorted(name for name in used if _includes(old_book.terms[name]) != _includes(book.terms[name])))


def _used(rule: Rule, terms: dict[str, Term]) -> set[str]:
    questions = [rule.applies_when, rule.met_when, *(level.when for level in rule.levels if level.when)]
    operands = [one for question in questions for ask in asks(question) for one in (ask.clause.head, *(value for _, value in ask.clause.words))]
    todo = [name for one in operands for name in (one if isinstance(one, tuple) else (one,)) if isinstance(name, str) and name in terms]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name in terms and name not in found:
            found.add(name)
            todo += [*terms[name].terms, *terms[name].sent_in]
    return found


def _includes(term: Term) -> Term:
    return replace(term, version="", says="", asked_for_as="")
