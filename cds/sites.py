"""One site's changes to the rules: settings inside their range, a rule off or silent with a reason and an end.

A site never edits a clause.  What it may change is written in the rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cds.quantities import Quantity, quantity
from cds.rulefile import shape, source
from cds.rulefile.check import Known, build
from cds.rulefile.problems import Place, Problem, did_you_mean
from cds.rulefile.rule import Rule, Setting
from cds.rulefile.source import Node

FULL = 3
"""Findings a card tells in full where a site does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change in force: settings of a rule, or the rule off or silent; why, and its last day."""

    rule: str
    settings: tuple[tuple[str, Quantity], ...]
    off: bool
    silent: bool
    because: str
    until: date
    place: Place


@dataclass(frozen=True, slots=True)
class Site:
    """A site file that passed every check; `changes` holds those in force, `warnings` names those that ended.

    `zone` is None where the site names no time zone.
    """

    name: str
    approved_by: str
    zone: tzinfo | None
    full: int
    changes: tuple[Change, ...]
    warnings: tuple[Problem, ...]

    @property
    def ends(self) -> date | None:
        """The last day on which all changes are in force; None without changes."""
        return min((change.until for change in self.changes), default=None)


def read(path: Path, rules: Mapping[str, Rule], version: str, today: date, problems: list[Problem]) -> Site | None:
    """Read and check a site file against the rules of a rulebook version; None when an error was noted."""
    before = len(problems)
    node = source.read(path, problems)
    if node is None or not shape.check("site", node, problems):
        return None
    name, written_for = node.mapping["site"], node.get("written_for")
    if written_for is not None and written_for.text != version:
        problems.append(Problem(written_for.place, "written-for-another-rulebook",
                                f"the changes were approved for rulebook {written_for.text}, this is {version}",
                                f"Check every change against this rulebook, then write `written_for: {version}`."))
    zone = _zone(node.get("time_zone"), problems)
    entries = (node.get("changes") or Node([], node.place)).items
    _refuse_twice(entries, problems)
    changes = tuple(change for entry in entries if (change := _change(entry, rules, today, problems)) is not None)
    found = problems[before:]
    if any(problem.level == "error" for problem in found):
        return None
    full = node.get("full_findings")
    return Site(name.text, node.mapping["approved_by"].text, zone, int(full.text) if full else FULL, changes, tuple(found))


def applied(site: Site, rules: Mapping[str, Rule], known: Known, problems: list[Problem]) -> dict[str, Rule]:
    """The rules as a site wants them; those it switches off are left out."""
    found = dict(rules)
    settings: dict[str, dict[str, Quantity]] = {}
    for change in site.changes:
        settings.setdefault(change.rule, {}).update(change.settings)
        if change.settings and change.rule in found:
            before = len(problems)
            made = build(rules[change.rule].node, known, problems, set(), settings[change.rule])
            problems[before:] = [replace(one, place=change.place, what=f"with these settings, `{change.rule}` cannot be used: {one.what}",
                                         fix="Choose other values.") for one in problems[before:]]
            if made is not None:
                found[change.rule] = replace(made, silent=found[change.rule].silent)
        if change.silent and change.rule in found:
            found[change.rule] = replace(found[change.rule], silent=True)
        if change.off:
            found.pop(change.rule, None)
    return found


def _zone(node: Node | None, problems: list[Problem]) -> tzinfo | None:
    if node is None:
        return None
    try:
        return ZoneInfo(node.text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(Problem(node.place, "not-a-choice", f"`{node.text}` is not a time zone",
                                "Write for example `Europe/Zurich` or `America/Phoenix`."))
        return None


def _refuse_twice(entries: list[Node], problems: list[Problem]) -> None:
    seen: dict[tuple[str, str], Place] = {}
    for entry in entries:
        rule, settings = entry.mapping["rule"].text, entry.get("set") or Node({}, entry.place)
        for what, place in [*settings.keys.items(), *((key, entry.key_place(key)) for key in ("turn_off", "mode") if key in entry.mapping)]:
            first = seen.setdefault((rule, what), place)
            if first is not place:
                problems.append(Problem(place, "duplicate-key", f"`{what}` of `{rule}` is already changed on line {first.line}", "Keep one."))


def _change(entry: Node, rules: Mapping[str, Rule], today: date, problems: list[Problem]) -> Change | None:
    name, because = entry.mapping["rule"], entry.get("because")
    rule = rules.get(name.text)
    if rule is None:
        problems.append(Problem(name.place, "unknown-rule", f"`{name.text}` is not a rule of this rulebook",
                                did_you_mean(name.text, rules, "Name a rule of this rulebook, or delete the change.")))
        return None
    if because is None or not because.text:
        problems.append(Problem(name.place, "change-without-because", f"the change of `{name.text}` does not say why",
                                "Add `because:` with the reason people can judge."))
    until = _until(entry, today, problems)
    kinds = [key for key in ("set", "turn_off", "mode") if key in entry.mapping]
    if not kinds:
        problems.append(Problem(name.place, "missing-key", f"the change of `{name.text}` changes nothing",
                                "Add `set:`, `turn_off: true` or `mode: silent`."))
    if "turn_off" in kinds and len(kinds) > 1:
        other = next(kind for kind in kinds if kind != "turn_off")
        problems.append(Problem(entry.key_place("turn_off"), "bad-form", f"a rule that is off takes no `{other}`", "Keep one of the two."))
    if until is None:
        return None
    settings = tuple(_settings(entry, rule, problems))
    return Change(name.text, settings, "turn_off" in kinds, "mode" in kinds, because.text if because else "", until, name.place)


def _until(entry: Node, today: date, problems: list[Problem]) -> date | None:
    """The last day of a change; None where it has none or is over."""
    node, rule = entry.get("until"), entry.mapping["rule"]
    if node is None:
        problems.append(Problem(rule.place, "change-without-end", f"the change of `{rule.text}` never ends",
                                "Add `until: YYYY-MM-DD`, at most a year ahead."))
        return None
    try:
        day = date.fromisoformat(node.text)
    except ValueError:
        problems.append(Problem(node.place, "bad-form", f"`{node.text}` is a day no calendar holds", "Check the month and the day."))
        return None
    if day < today:
        problems.append(Problem(node.place, "change-expired", f"the change of `{rule.text}` ended on {day}; the rule is in force as shipped",
                                "Renew it with a new approval, or delete it.", "warning"))
        return None
    return day


def _settings(entry: Node, rule: Rule, problems: list[Problem]) -> Iterator[tuple[str, Quantity]]:
    asked = entry.get("set") or Node({}, entry.place)
    for name, node in asked.mapping.items():
        setting = rule.settings.get(name)
        if setting is None:
            problems.append(Problem(asked.key_place(name), "unknown-setting", f"`{rule.id}` has no setting `{name}`",
                                    did_you_mean(name, rule.settings, f"It has: {', '.join(rule.settings) or 'none'}.")))
            continue
        amount = _amount(node, setting, problems)
        if amount is None:
            continue
        if not setting.lowest.value <= amount.value <= setting.highest.value:
            problems.append(Problem(node.place, "setting-outside-range",
                                    f"a site may use {setting.lowest} to {setting.highest} for `{name}`, not {amount}",
                                    f"Stay inside the range, or ask the reviewers of `{rule.id}` to widen `site_may_use`."))
        yield name, amount


def _amount(node: Node, setting: Setting, problems: list[Problem]) -> Quantity | None:
    try:
        amount = quantity(node.text)
    except ValueError as error:
        problems.append(Problem(node.place, "bad-amount", str(error), f"Write a number, a blank and a unit, for example `{setting.amount}`."))
        return None
    if amount.dimension != setting.amount.dimension:
        problems.append(Problem(node.place, "wrong-unit", f"`{setting.name}` is an amount such as {setting.amount}, not {amount}",
                                f"Write an amount from {setting.lowest} to {setting.highest}."))
        return None
    return amount
