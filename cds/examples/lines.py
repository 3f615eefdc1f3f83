"""The parts of one chart line of an example: names, choices, amounts and times, with every slip named."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Protocol

from cds.intervals import Moment
from cds.quantities import Quantity
from cds.quantities import quantity as read_quantity
from cds.rulefile.problems import Problem, did_you_mean
from cds.rulefile.source import Node
from cds.terms.model import MEDICATION, Term
from cds.terms.recognise import Recogniser

NOW = datetime(2026, 6, 30, 10, 0, tzinfo=timezone.utc)
"""The instant every example is asked at."""


class Known(Protocol):
    """What names in a line are looked up in."""

    recogniser: Recogniser
    terms: dict[str, Term]


class Slip(Exception):
    """A line that cannot be read; `problem` says where, what and how to mend it."""

    def __init__(self, node: Node, name: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.problem = Problem(node.place, name, what, fix)


def medication(head: Node, draft: Known, line: Node) -> dict[str, str]:
    """The terms of a medication term or of an ingredient by its name; `matched: name` makes the match one by name."""
    how = "text" if line.get("matched") is not None else "code"
    term = draft.terms.get(head.text)
    if term is not None and term.kind == MEDICATION and head.text not in draft.recogniser.ingredient_names:
        return {name: how for name in draft.recogniser.including(head.text)}
    known = draft.recogniser.medication((), head.text)
    if not known.ingredients:
        names = [name for name, its in draft.terms.items() if its.kind == MEDICATION]
        raise Slip(head, "unknown-term", f"`{head.text}` is neither a medication term nor a drug of the tables",
                   did_you_mean(head.text, names, "Use a term of rules/terms/, or an ingredient of ingredients.csv."))
    return {name: how for name in known.terms}


def term(node: Node, kind: str, draft: Known) -> str:
    """The name of a term of one kind."""
    term = draft.terms.get(node.text)
    if term is None or term.kind != kind:
        known = [name for name, its in draft.terms.items() if its.kind == kind]
        raise Slip(node, "unknown-term", f"`{node.text}` is not a {kind} term", did_you_mean(node.text, known, "Use a term of rules/terms/."))
    return node.text


def choice(line: Node, word: str, choices: tuple[str, ...]) -> str:
    """The word that follows, one of the choices; empty where it is not there."""
    node = line.get(word)
    if node is None:
        return ""
    if node.text not in choices:
        raise Slip(node, "not-a-choice", f"`{word}` cannot be `{node.text}`", did_you_mean(node.text, choices, f"Use one of: {', '.join(choices)}."))
    return node.text


def quantity(node: Node, text: str, dimensions: tuple[str, ...]) -> Quantity:
    """An amount of one of the dimensions."""
    try:
        found = read_quantity(text)
    except ValueError as error:
        raise Slip(node, "bad-amount", str(error), "Write a number, a blank and a unit, for example `40 mg`.") from None
    if found.dimension not in dimensions:
        raise Slip(node, "wrong-unit", f"`{text}` is a {found.dimension}", f"Use a unit of {' or '.join(dimensions)}.")
    return found


def amount(node: Node, text: str, dimension: str) -> timedelta:
    """A length of time."""
    return timedelta(hours=float(quantity(node, text, (dimension,)).value))


def ago(node: Node) -> Moment:
    """The moment `3 days ago` names: exact for hours and minutes, else a whole day."""
    if not node.text.endswith(" ago"):
        raise Slip(node, "bad-amount", f"`{node.text}` is not a time before now", "Write for example `2 days ago`.")
    amount = quantity(node, node.text.removesuffix(" ago"), ("time",))
    if amount.value > 8766 * 150:
        raise Slip(node, "bad-amount", f"`{node.text}` is longer ago than any chart reaches", "Write a shorter time.")
    when = NOW - timedelta(hours=float(amount.value))
    return instant(node, when) if amount.unit.rstrip("s") in ("hour", "minute") else whole_day(when)


def instant(node: Node | None, when: datetime) -> Moment:
    """One instant."""
    return Moment(when, when, when.isoformat(), False)


def whole_day(when: datetime) -> Moment:
    """The day of an instant."""
    start = when.replace(hour=0, minute=0)
    return Moment(start, start + timedelta(hours=23, minutes=59, seconds=59), start.date().isoformat(), True)


def ref(line: Node) -> str:
    """How the record of a line is named."""
    return f"line/{line.place.line}"
