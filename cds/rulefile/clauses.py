"""From the lines under `applies_when`, `met_when`, `when` and `unless` to questions, with every slip named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cds.quantities import Quantity, quantity
from cds.rulefile.language import CHOICES, CONTRADICTED, EXTRA_WORDS, GROUPS, RESULTS, ROUTES, VERBS, Verb
from cds.rulefile.problems import Place, Problem, did_you_mean
from cds.rulefile.rule import Ask, Clause, Comparison, Exempt, Group, Operand, Question, Setting
from cds.rulefile.source import Node

_PHRASE = re.compile(r"(above|below|at least|at most) (.+)")
_HOW = "Write `above`, `below`, `at least` or `at most`, then an amount or the name of a setting."
COMPARED = {"taking_classes": ("at_least",), "taking": ("daily_dose",), "measured": ("is",), "changed": ("by",)}
"""The words of a verb that take a comparison and not a bare amount."""
TERMS = {"not_ended_by": "condition", "not_refuted_by": "measurement", "without_diagnosis": "condition", "about": ""}
"""The words that take a list of terms, with the kind of terms; of `about` the list says which."""


@dataclass(slots=True)
class Reader:
    """What reading clauses needs to know, and what it notices on the way."""

    term_kinds: Mapping[str, str]
    settings: Mapping[str, Setting]
    problems: list[Problem]
    used_settings: set[str] = field(default_factory=set)
    used_terms: set[str] = field(default_factory=set)
    seen: dict[Clause, Clause] = field(default_factory=dict)
    named_settings: frozenset[str] = frozenset()
    spoilt: set[str] = field(default_factory=set)
    with_results: frozenset[str] | None = None

    def problem(self, place: Place, name: str, what: str, fix: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(place, name, what, fix))


def question(node: Node, reader: Reader, keeps: bool = False) -> Question | None:
    """Read one clause or group; None (with the problems noted) when it cannot be used."""
    members = node.mapping
    if not members:
        reader.problem(node.place, "unknown-verb", "a clause starts with a word and a colon",
                       f"Use one of: {', '.join((*GROUPS, *VERBS))}.")
        return None
    verb = next(iter(members))
    if verb in GROUPS:
        return _group(verb, node, reader, keeps)
    if verb not in VERBS:
        reader.problem(node.key_place(verb), "unknown-verb", f"`{verb}` is not a word that starts a clause",
                       did_you_mean(verb, (*GROUPS, *VERBS), f"Use one of: {', '.join((*GROUPS, *VERBS))}."))
        return None
    return _ask(verb, node, reader, keeps)


def _group(kind: str, node: Node, reader: Reader, keeps: bool) -> Group | None:
    for word in node.mapping:
        if word not in (kind, "unless", "because"):
            reader.problem(node.key_place(word), "unknown-word", f"`{word}` cannot follow `{kind}`",
                           "Put it in a clause of its own inside the list.")
    parts = [question(child, reader, keeps) for child in node.mapping[kind].items]
    if not parts:
        reader.problem(node.key_place(kind), "missing-key", f"`{kind}` has no clauses", "List at least one clause below it.")
    unless = _unless(node, reader, keeps)
    return None if None in parts or not parts or unless is None else Group(kind, tuple(parts), node, unless)


def _ask(verb: str, node: Node, reader: Reader, keeps: bool) -> Ask | None:
    before = len(reader.problems)
    shape = VERBS[verb]
    for word in node.mapping:
        if word != verb and word not in shape.words and word not in EXTRA_WORDS:
            known = (*shape.words, "unless")
            reader.problem(node.key_place(word), "unknown-word", f"`{word}` cannot follow `{verb}`",
                           did_you_mean(word, known, f"After `{verb}` use: {', '.join(known)}."))
    for word in shape.needs:
        if word not in node.mapping:
            reader.problem(node.key_place(verb), "missing-key", f"`{verb}` has no `{word}`", f"Add `{word}:`.")
    _apart(verb, shape, node, reader)
    because = node.get("because")
    for word, what in (("if_absent", "a missing value"), ("if_cut_off", "what was cut off")):
        if word in node.mapping and (because is None or not because.text):
            reader.problem(node.key_place(word), "exception-without-because", f"`{word}` has no `because`",
                           f"Say why {what} may count as no: `because: …`.")
    head = _head(verb, shape, node, reader)
    words = tuple(sorted((word, _word(verb, word, shape, node, reader)) for word in shape.words
                         if word in node.mapping and word != "because"))
    unless = _unless(node, reader, keeps)
    if len(reader.problems) > before or unless is None or head is None or any(operand is None for _, operand in words):
        return None
    clause = Clause(verb, head, words, keeps)
    return Ask(reader.seen.setdefault(clause, clause), node, unless)


def _apart(verb: str, shape: Verb, node: Node, reader: Reader) -> None:
    first, *others = [word for word in node.mapping if word in shape.apart] or [""]
    for word in others:
        reader.problem(node.key_place(word), "bad-form", f"`{verb}` takes either `{first}` or `{word}`, not both",
                       "Keep one of the two.")


def _unless(node: Node, reader: Reader, keeps: bool) -> tuple[Exempt, ...] | None:
    if "unless" not in node.mapping:
        return ()
    found = []
    for child in node.mapping["unless"].items:
        because = child.get("because")
        if because is None or not because.text:
            reader.problem(child.place, "exception-without-because", "this exception has no `because`",
                           "Say in one sentence why it excuses the clause: `because: …`.")
        inner = question(child, reader, keeps)
        found.append(Exempt(inner, because.text) if inner and because else None)
    if not found:
        reader.problem(node.key_place("unless"), "missing-key", "`unless` has no clauses", "List at least one exception, or delete it.")
    return None if None in found or not found else tuple(found)


def _head(verb: str, shape: Verb, node: Node, reader: Reader) -> Operand | None:
    value = node.mapping[verb]
    if shape.head == "comparison":
        if value.text in shape.choices:
            return value.text
        return _comparison(verb, verb, value, shape, reader)
    if shape.head == "choice":
        return _choice(value, shape.choices, reader)
    if shape.head == "rule":
        return _rule(value, reader)
    if shape.head == "medications":
        return tuple(_term(child, "medication", reader) or "" for child in value.items) or _no_terms(value, reader)
    return _term(value, shape.head, reader)


def _rule(value: Node, reader: Reader) -> str | None:
    if not value.text:
        reader.problem(value.place, "unknown-rule", "here stands the id of another rule", "Write it as `finding: theophylline`.")
    return value.text or None


def _no_terms(value: Node, reader: Reader) -> None:
    reader.problem(value.place, "unknown-term", "here stands a list of terms", "Write them as `[first-term, second-term]`.")


def _word(verb: str, word: str, shape: Verb, node: Node, reader: Reader) -> Operand | None:
    value = node.mapping[word]
    if word == "by_route":
        return _choice(value, ROUTES, reader)
    if word in CHOICES:
        return _choice(value, CHOICES[word], reader)
    if word in ("reaction", "reaction_other_than"):
        return _term(value, "reaction", reader)
    if word == "for":
        return _term(value, "condition", reader)
    if word in ("not_in_remission", "left_to_the_day"):
        return _choice(value, ("true",), reader)
    if word in ("if_absent", "if_cut_off"):
        return _choice(value, ("no",), reader)
    if word in TERMS:
        kind = TERMS[word] or CONTRADICTED.get(node.mapping[verb].text, "condition")
        names = tuple(_term(child, kind, reader) or "" for child in value.items) or _no_terms(value, reader)
        return names if names and all(names) and (word != "not_refuted_by" or all([_tells_results(child, reader) for child in value.items])) else None
    if word == "is" and value.text in RESULTS:
        return value.text if _tells_results(node.mapping[verb], reader) else None
    if word in ("at_least", "at_most"):
        amount = _amount(verb, word, value, value.text, shape, reader)
        return Comparison(word.replace("_", " "), amount) if amount else None
    if word in COMPARED.get(verb, ()):
        return _comparison(verb, word, value, shape, reader)
    return _amount(verb, word, value, value.text, shape, reader)


def _tells_results(value: Node, reader: Reader) -> bool:
    if reader.with_results is None or value.text in reader.with_results:
        return True
    reader.problem(value.place, "no-comparison", f"`{value.text}` does not say what counts as {' or '.join(RESULTS)}",
                   "Add `results:` to the term, or compare with an amount.")
    return False


def _choice(value: Node, choices: tuple[str, ...], reader: Reader) -> str | None:
    if value.text in choices:
        return value.text
    reader.problem(value.place, "not-a-choice", f"`{value.text}` is not one of the choices here",
                   did_you_mean(value.text, choices, f"Use one of: {', '.join(choices)}."))
    return None


def _term(value: Node, kind: str, reader: Reader) -> str | None:
    name = value.text
    if reader.term_kinds.get(name) == kind:
        reader.used_terms.add(name)
        return name
    known = [term for term, its in reader.term_kinds.items() if its == kind]
    what = f"`{name}` is not a {kind} term" if name else f"here stands the name of a {kind} term"
    reader.problem(value.place, "unknown-term", what, did_you_mean(name, known, "Add it under rules/terms/, or use a term that is there."))
    return None


def _comparison(verb: str, word: str, value: Node, shape: Verb, reader: Reader) -> Comparison | None:
    match = _PHRASE.fullmatch(value.text)
    if match is None:
        choices = f" Or write {' or '.join(f'`{choice}`' for choice in shape.choices)}." if shape.choices else ""
        reader.problem(value.place, "no-comparison", f"`{value.text}` does not say how to compare", _HOW + choices)
        return None
    amount = _amount(verb, word, value, match[2], shape, reader)
    return Comparison(match[1], amount) if amount else None


def _amount(verb: str, word: str, value: Node, text: str, shape: Verb, reader: Reader) -> Quantity | None:
    found = named_amount(text, value, reader)
    allowed = shape.measures.get(word, ())
    if found is not None and found.dimension not in allowed:
        if text in reader.spoilt:
            return None
        reader.spoilt.add(text)
        reader.problem(value.place, "wrong-unit", f"`{found}` is a {found.dimension}; `{word}` compares a {' or a '.join(allowed)}",
                       "Change the unit, or the setting it names.")
        return None
    return found


def named_amount(text: str, value: Node, reader: Reader) -> Quantity | None:
    """An amount written out, or the value of the setting it names."""
    if re.fullmatch(r"[a-z][a-z0-9_]*", text):
        setting = reader.settings.get(text)
        if setting is None and text in reader.named_settings:
            return None  # its own problem is noted where it stands
        if setting is None:
            reader.problem(value.place, "unknown-setting", f"`{text}` is not a setting of this rule",
                           did_you_mean(text, reader.settings, "Add it under `settings:`, or write an amount with a unit."))
            return None
        reader.used_settings.add(text)
        return setting.amount
    try:
        found = quantity(text)
        if found.dimension == "time" and found.value > 8766 * 200:
            raise ValueError(f"`{text}` is longer than 200 years")
        return found
    except ValueError as error:
        reader.problem(value.place, "bad-amount", str(error), "Write a number, a blank and a unit, for example `140 mmHg` or `3 days`.")
        return None
