"""One rule file: from text to a frozen rule, or to every problem it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cds.quantities import Quantity, quantity
from cds.rulefile import shape, source
from cds.rulefile.clauses import Reader, question
from cds.rulefile.language import FOLDERS
from cds.rulefile.problems import Problem, did_you_mean
from cds.rulefile.rule import AcceptedBreak, Citation, Example, Level, Message, NotChecked, Rule, Setting
from cds.rulefile.source import Node

MAX_SUMMARY = 139


@dataclass(frozen=True, slots=True)
class Known:
    """What rule files may refer to: terms with their kind, sources and override reasons."""

    term_kinds: Mapping[str, str]
    sources: frozenset[str]
    override_reasons: frozenset[str]


def read_rule(path: Path, known: Known, problems: list[Problem], used_terms: set[str]) -> Rule | None:
    """Read and check one rule file; None when an error was noted."""
    before = len(problems)
    node = source.read(path, problems)
    if node is None:
        return None
    if not node.mapping:
        problems.append(Problem(node.place, "bad-form", "a rule file is a list of keys", "Start with `rule:`."))
        return None
    if not shape.check("rule", node, problems):
        return None
    _identity(node, path, problems)
    rule = build(node, known, problems, used_terms)
    return rule if not any(p.level == "error" for p in problems[before:]) else None


def build(node: Node, known: Known, problems: list[Problem], used_terms: set[str],
          settings: Mapping[str, Quantity] | None = None) -> Rule | None:
    """A rule from a file of the right shape; `settings` replaces values, as a site does."""
    before = len(problems)
    own = _settings(node, problems, settings or {})
    named = frozenset((node.get("settings") or Node({}, node.place)).mapping)
    reader = Reader(known.term_kinds, own, problems, named_settings=named)
    keeps = node.get("soft_evidence") is not None
    if_not_met, if_unknown = _message_or_none(node.mapping["if_not_met"], reader), _if_unknown(node.mapping["if_unknown"], reader)
    applies = question(node.mapping["applies_when"], reader, keeps)
    met = question(node.mapping["met_when"], reader, keeps)
    levels = _levels(node, reader, keeps)
    used_terms |= reader.used_terms
    _unused_settings(node, own, reader, problems, before)
    _references(node, known, problems)
    _review(node, problems)
    _impossible_days(node, problems)
    for entry in node.mapping["examples"].items:
        _set_by_a_site(entry, own, problems)
    if any(p.level == "error" for p in problems[before:]) or applies is None or met is None:
        return None
    text = {key: child.text for key, child in node.mapping.items()}
    return Rule(
        id=text["rule"], version=text["version"], status=text["status"], kind=text["kind"], title=text["title"], why=text["why"],
        effective_from=_day(node, "from"), effective_until=_day(node, "until"), review_pending=text.get("review") == "pending",
        settings=own, hooks=tuple(child.text for child in node.mapping["hooks"].items), applies_when=applies, met_when=met,
        keeps=keeps, levels=tuple(levels), if_not_met=if_not_met, if_unknown=if_unknown,
        replaces=tuple(child.text for child in (node.get("replaces") or Node([], node.place)).items),
        evidence=tuple(Citation(**{key: child.text for key, child in entry.mapping.items()}) for entry in node.mapping["evidence"].items),
        examples=tuple(_example(entry) for entry in node.mapping["examples"].items), node=node,
        accepted_breaks=tuple(AcceptedBreak(entry.mapping["break"].text, entry.mapping["because"].text, entry)
                              for entry in (node.get("accepted_breaks") or Node([], node.place)).items))


def _identity(node: Node, path: Path, problems: list[Problem]) -> None:
    name, kind = node.mapping["rule"], node.mapping["kind"]
    if name.text != path.stem:
        problems.append(Problem(name.place, "name-differs-from-file", f"the file is `{path.name}` but the rule is `{name.text}`",
                                f"Rename the file to `{name.text}.yaml`, or the rule to `{path.stem}`."))
    expected = FOLDERS.get(path.parent.name)
    if expected is not None and kind.text != expected:
        problems.append(Problem(kind.place, "name-differs-from-file", f"the folder is `{path.parent.name}` but the kind is `{kind.text}`",
                                f"Move the file, or write `kind: {expected}`."))
    order = [key for key in shape.schema("rule")["properties"] if key in node.mapping]
    for found, wanted in zip(node.mapping, order, strict=True):
        if found != wanted:
            problems.append(Problem(node.key_place(found), "key-order", f"`{found}` stands where `{wanted}` belongs",
                                    "Every rule reads in the same order; move the key."))
            break


def _settings(node: Node, problems: list[Problem], replaced: Mapping[str, Quantity]) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for name, entry in (node.get("settings") or Node({}, node.place)).mapping.items():
        low_text, _, high_text = entry.mapping["site_may_use"].text.partition(" to ")
        amounts = []
        for text, at in ((entry.mapping["is"].text, "is"), (low_text, "site_may_use"), (high_text, "site_may_use")):
            try:
                amounts.append(quantity(text))
            except ValueError as error:
                problems.append(Problem(entry.mapping[at].place, "bad-amount", str(error), "Write a number, a blank and a unit, for example `3 days`."))
        if len(amounts) < 3:
            continue
        amount, low, high = replaced.get(name, amounts[0]), amounts[1], amounts[2]
        if len({amount.dimension, low.dimension, high.dimension}) > 1:
            problems.append(Problem(entry.mapping["site_may_use"].place, "wrong-unit", f"`{name}` and its range have different units",
                                    "Use units of one kind in `is` and `site_may_use`."))
            continue
        if not low.value <= amount.value <= high.value:
            problems.append(Problem(entry.mapping["is"].place, "setting-outside-range", f"`{name}` is {amount}, outside {low} to {high}",
                                    "Change the value, or widen `site_may_use` and say why in `what`."))
        found[name] = Setting(name, amount, low, high, entry.mapping["what"].text)
    return found


def _levels(node: Node, reader: Reader, keeps: bool) -> list[Level]:
    entry = node.mapping["if_met"]
    if entry.text == "nothing":
        return []
    if entry.mapping:
        return [Level(None, _message(entry, reader), keeps, entry)]
    levels = []
    for number, child in enumerate(entry.items):
        last = number == len(entry.items) - 1
        when, own = child.get("when"), child.get("soft_evidence") is not None
        if last == (when is not None):
            reader.problem(child.place, "unknown-key" if last else "missing-key",
                           "the last level has a `when`" if last else "this level has no `when`",
                           "The last level shows whenever the rule is met; every level above it says when.")
        read = question(when, reader, keeps or own) if when else None
        levels.append(Level(read, _message(child, reader), keeps or own, child))
    return levels


def _unused_settings(node: Node, own: dict[str, Setting], reader: Reader, problems: list[Problem], before: int) -> None:
    if len(problems) > before:
        return
    for name in own:
        if name not in reader.used_settings:
            problems.append(Problem(node.mapping["settings"].key_place(name), "unused-setting", f"no clause uses `{name}`",
                                    "Use it in a clause, or delete it."))


def _references(node: Node, known: Known, problems: list[Problem]) -> None:
    for entry in node.mapping["evidence"].items:
        cited = entry.mapping["source"]
        if cited.text not in known.sources:
            problems.append(Problem(cited.place, "unknown-source", f"`{cited.text}` is not in evidence.yaml",
                                    did_you_mean(cited.text, known.sources, "Add the source to evidence.yaml.")))
    cards = [node.mapping[key] for key in ("if_met", "if_not_met", "if_unknown")]
    for card in [child for entry in cards for child in (entry.items or [entry])]:
        for cited in (card.get("cites") or Node([], card.place)).items:
            own = [entry.mapping["source"].text for entry in node.mapping["evidence"].items]
            if cited.text not in own:
                problems.append(Problem(cited.place, "unknown-source", f"`{cited.text}` is not in the evidence of this rule",
                                        did_you_mean(cited.text, own, "Cite it under `evidence:` first.")))
        for reason in (card.get("override_reasons") or Node([], card.place)).items:
            if reason.text not in known.override_reasons:
                problems.append(Problem(reason.place, "no-such-override-reason", f"`{reason.text}` is not in override-reasons.yaml",
                                        did_you_mean(reason.text, known.override_reasons, "Add it to override-reasons.yaml.")))


def _review(node: Node, problems: list[Problem]) -> None:
    status = node.mapping["status"]
    for key in ("effective", "review"):
        if status.text != "draft" and key not in node.mapping:
            problems.append(Problem(status.place, "missing-key", f"the rule is {status.text} but has no `{key}`", shape.ADVICE[key]))
    effective = node.get("effective")
    if status.text == "retired" and (effective is None or effective.get("until") is None):
        problems.append(Problem(status.place, "retired-without-until", "the rule is retired but `effective` has no `until`",
                                "Add the last day it applied: `until: YYYY-MM-DD`."))


def _day(node: Node, key: str) -> date | None:
    found = (node.get("effective") or Node({}, node.place)).get(key)
    return date.fromisoformat(found.text) if found else None


def _impossible_days(node: Node, problems: list[Problem]) -> None:
    for part in ("effective", "review"):
        for key, child in (node.get(part) or Node({}, node.place)).mapping.items():
            if key in ("from", "until", "on", "due"):
                try:
                    date.fromisoformat(child.text)
                except ValueError:
                    problems.append(Problem(child.place, "bad-form", f"`{child.text}` is a day no calendar holds", "Check the month and the day."))


def _message(node: Node, reader: Reader) -> Message:
    def listed(key: str) -> tuple[str, ...]:
        return tuple(child.text for child in (node.get(key) or Node([], node.place)).items)
    advice = node.get("advice")
    return Message(node.mapping["show"].text, _filled(node.mapping["summary"], reader, MAX_SUMMARY), _filled(advice, reader) if advice else "",
                   listed("suggest"), listed("override_reasons"), listed("cites"))


def _filled(node: Node, reader: Reader, most: int | None = None) -> str:
    """A card text with every `{setting}` replaced by its amount."""
    def amount(match: re.Match[str]) -> str:
        setting = reader.settings.get(match[1])
        if setting is None:
            reader.problem(node.place, "unknown-setting", f"`{match[1]}` is not a setting of this rule",
                           did_you_mean(match[1], reader.settings, "Add it under `settings:`, or write the amount out."))
            return ""
        return str(setting.amount)
    text = re.sub(r"\{([a-z][a-z0-9_]*)\}", amount, node.text)
    if most is not None and len(text) > most:
        reader.problem(node.place, "too-long", f"with its settings filled in, this has {len(text)} characters; at most {most} fit", "Say it shorter.")
    return text


def _message_or_none(node: Node, reader: Reader) -> Message | None:
    return _message(node, reader) if node.mapping else None


def _if_unknown(node: Node, reader: Reader) -> Message | NotChecked | None:
    if node.text == "nothing":
        return None
    if node.text == "not-checked":
        return NotChecked()
    if node.mapping["show"].text == "not-checked":
        return NotChecked(tuple(child.text for child in node.mapping["warning_at"].items))
    return _message(node, reader)


def _set_by_a_site(example: Node, own: Mapping[str, Setting], problems: list[Problem]) -> None:
    for name, value in (example.get("settings") or Node({}, example.place)).mapping.items():
        setting = own.get(name)
        if setting is None:
            problems.append(Problem(example.mapping["settings"].key_place(name), "unknown-setting", f"`{name}` is not a setting of this rule",
                                    did_you_mean(name, own, "Name a setting of this rule.")))
            continue
        try:
            amount = quantity(value.text)
        except ValueError as error:
            problems.append(Problem(value.place, "bad-amount", str(error), "Write a number, a blank and a unit, for example `3 days`."))
            continue
        if amount.dimension != setting.amount.dimension or not setting.lowest.value <= amount.value <= setting.highest.value:
            problems.append(Problem(value.place, "setting-outside-range", f"a site may not set `{name}` to {value.text}",
                                    f"Write an amount from {setting.lowest} to {setting.highest}."))


def _example(node: Node) -> Example:
    expect = node.mapping["expect"].text
    answer, _, show = expect.partition(" ") if expect.startswith("met") else (expect, "", "")
    lines = tuple(node.mapping["chart"].items)
    hook = next((line.mapping["at"].text for line in lines if "at" in line.mapping), "order-sign")
    card = node.get("card")
    return Example(node.mapping["name"].text, hook, lines, answer, show or None, node, card.text if card else "",
                   tuple((name, quantity(value.text)) for name, value in (node.get("settings") or Node({}, node.place)).mapping.items()))
