"""Two rulebooks over the same requests: which rules answer otherwise, which cards differ, and where the answer trees part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from difflib import SequenceMatcher
from typing import Any

from cds import pipeline
from cds.cards import detail
from cds.engine.decide import NOT_APPLICABLE, NOT_MET, SEVERITY
from cds.engine.explain import Step, steps
from cds.hooks.request import HookRequest
from cds.pipeline import Decision, Ready

NO_RULE, SWITCHED_OFF = "no such rule", "switched off"


@dataclass(frozen=True, slots=True)
class State:
    """What a rule answers for one request and what is shown of it; equal states look the same to a clinician."""

    answer: str
    shown: bool = False
    findings: tuple[tuple[str, bool, tuple[str, ...]], ...] = ()
    orders: tuple[tuple[str, str], ...] = ()
    note: str = field(default="", compare=False)

    @property
    def severity(self) -> str:
        """The most severe finding; empty where nothing is shown."""
        return max((show for show, _, _ in self.findings), key=SEVERITY.__getitem__, default="")

    def __str__(self) -> str:
        soft = ", one step milder" if any(milder for _, milder, _ in self.findings) else ""
        return self.answer + soft + (f", {self.note}" if self.note else "")


@dataclass(frozen=True, slots=True)
class Change:
    """One rule that answers one request otherwise."""

    rule: str
    old: State
    new: State

    @property
    def is_nothing(self) -> bool:
        """Equal, or a rule that came, went or was switched off and says nothing about this request either way."""
        sides = (self.old, self.new)
        absent = any(one.answer == NO_RULE or one.note == SWITCHED_OFF for one in sides)
        return self.old == self.new or absent and all(not one.shown and one.answer in (NO_RULE, NOT_MET, NOT_APPLICABLE) for one in sides)


@dataclass(frozen=True, slots=True)
class Difference:
    """One request that is answered otherwise; no `changes` where only the words of its cards differ."""

    request: str
    changes: tuple[Change, ...]
    cards_differ: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of two answer trees side by side; None where a tree has no such line."""

    old: Step | None
    new: Step | None


@dataclass(frozen=True, slots=True)
class Trees:
    """The answer trees of one rule for one request, old and new."""

    request: str
    change: Change
    rows: tuple[Row, ...]


@dataclass(slots=True)
class Tally:
    """How often a rule gave each answer, and how many requests it answers otherwise."""

    old: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Sides:
    """The two rulebooks, and the instant and zone both are judged by."""

    old: Ready
    new: Ready
    now: datetime
    zone: tzinfo | None = None

    @property
    def rules(self) -> tuple[str, ...]:
        """Every rule of either rulebook."""
        return tuple(sorted({rule.id for ready in (self.old, self.new) for rule in ready.rulebook.as_shipped}))


@dataclass(slots=True)
class Comparison:
    """What came of it: every difference, a tally per rule, and trees for each kind of change, or for all of them."""

    sides: Sides
    all_trees: bool = False
    requests: int = 0
    differences: list[Difference] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    trees: list[Trees] = field(default_factory=list)
    _seen: set[tuple[str, str, str]] = field(default_factory=set)

    def add(self, name: str, asked: HookRequest) -> None:
        """Evaluate one request with both rulebooks and note what differs."""
        sides = self.sides
        old, new = (pipeline.decide(asked, ready, sides.now, sides.zone, lambda: "") for ready in (sides.old, sides.new))
        self.requests += 1
        changes = []
        for rule in sides.rules:
            change = Change(rule, _state(rule, old), _state(rule, new))
            tally = self.tallies.setdefault(rule, Tally())
            tally.old[change.old.answer] += 1
            tally.new[change.new.answer] += 1
            if not change.is_nothing:
                tally.changed += 1
                changes.append(change)
                self._note_trees(name, change, old, new)
        cards_differ = _cards(old, sides.old) != _cards(new, sides.new)
        if changes or cards_differ:
            self.differences.append(Difference(name, tuple(changes), cards_differ))

    def _note_trees(self, name: str, change: Change, old: Decision, new: Decision) -> None:
        kind = (change.rule, f"{change.old} {change.old.severity}", f"{change.new} {change.new.severity}")
        if self.all_trees or kind not in self._seen:
            self._seen.add(kind)
            place = _telling(change, old, new)
            sides = [_tree(change.rule, place, *side) for side in ((old, self.sides.old), (new, self.sides.new))]
            self.trees.append(Trees(name, change, tuple(_side_by_side(*sides))))


def _state(rule: str, decision: Decision) -> State:
    answered = decision.answers.get(rule)
    if answered is None:
        return State(NO_RULE)
    told = tuple((one.show, one.verdict.soft, tuple(order.ref for order in one.orders)) for one in decision.findings if one.verdict.rule.id == rule)
    note = SWITCHED_OFF if answered.get("switched_off") else "silent" if answered.get("silent") else ""
    return State(answered["answer"], answered["shown"], told, tuple(answered.get("orders", {}).items()), note)


def _cards(decision: Decision, ready: Ready) -> tuple[bool, list[dict[str, Any]]]:
    """The cards without what differs between any two rulebooks: versions, sign-off, notes of a site's settings, and the hash."""
    book, cards = ready.rulebook, []
    for card in decision.cards:
        text = card["detail"]
        for rule in book.rules:
            text = text.replace(detail.named(rule), rule.id).replace(detail.named(rule, False), rule.id)
        source = card["source"] | {"label": card["source"]["label"].replace(f"{book.book.title} {book.book.version}", "rulebook")}
        told = [{key: value for key, value in one.items() if key != "version"} for one in card["extension"].get("org.ketamine-cds.findings", [])]
        cards.append(card | {"detail": text, "source": source, "extension": told})
    return decision.evaluable, cards


def _telling(change: Change, old: Decision, new: Decision) -> int:
    """Which evaluation (one per order, and per dosage of an order) to show: the first with both answers, else one that differs, else the first."""
    pairs = [[_verdict(change.rule, decision, place) for decision in (old, new)] for place in range(max(len(old.evaluations), len(new.evaluations)))]
    wanted = (change.old.answer, change.new.answer)
    differing = [place for place, pair in enumerate(pairs) if pair[0] != pair[1]]
    return next((place for place in differing if (pairs[place][0][0], pairs[place][1][0]) == wanted), next(iter(differing), 0))


def _verdict(rule: str, decision: Decision, place: int) -> tuple[str, str]:
    verdicts = decision.evaluations[place].verdicts if place < len(decision.evaluations) else ()
    return next(((one.answer, one.show) for one in verdicts if one.rule.id == rule), (NO_RULE, ""))


def _tree(rule: str, place: int, decision: Decision, ready: Ready) -> list[Step]:
    planned = next((one for one in ready.plan.rules if one.rule.id == rule), None)
    if planned is None or decision.facts is None or place >= len(decision.evaluations):
        return []
    return list(steps(planned.rule, ready.plan, decision.evaluations[place], decision.facts, ready.rulebook.terms))


def _side_by_side(old: list[Step], new: list[Step]) -> Iterator[Row]:
    lines = [[(step.depth, step.asked) for step in tree] for tree in (old, new)]
    for kind, a, b, c, d in SequenceMatcher(None, *lines, autojunk=False).get_opcodes():
        left, right = old[a:b], new[c:d]
        if kind == "equal" or kind == "replace" and len(left) == len(right):
            yield from (Row(*pair) for pair in zip(left, right))
        else:
            yield from (Row(step, None) for step in left)
            yield from (Row(None, step) for step in right)
