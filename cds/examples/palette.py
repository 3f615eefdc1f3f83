"""Chart lines that bear on a clause: on its limits, a little and far beside them, in its windows and out of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from cds.facts.model import LISTS
from cds.quantities import Quantity, decimal
from cds.rulefile.language import HOOKS, ROUTES, VERBS
from cds.rulefile.rule import Clause, Comparison, Operand
from cds.terms.recognise import Recogniser

Line = tuple[tuple[str, str], ...]
"""The words of a chart line and what stands behind them, the verb first."""
_NEAR = tuple(map(Fraction, ("0.4", "0.75", "0.97", "1", "1.03", "1.5", "2.5")))
_WINDOWS = tuple(map(Fraction, ("0.75", "1", "1.5", "3")))
_WEIGHT = 80  # kg, of a patient in whom mg per kg are easily told from mg
WEIGHED: Line = (("measured", "body-weight"), ("was", f"{_WEIGHT} kg"), ("taken", "5 days ago"))


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a chart: a line put into it (in the place of a line about the same amount), or other words of the order."""

    line: Line = ()
    order: Mapping[str, str | None] | None = None


def moves(clause: Clause, others: tuple[str, ...], recogniser: Recogniser) -> Iterator[Move]:
    """Changes of a chart that may change the answer to a clause; `others` are terms it may be mistaken for."""
    if VERBS[clause.verb].about_order:
        for change in _order(clause):
            yield Move(order=change)
            if "mg" in str(change.get("dose", "")) and "kg" not in str(change["dose"]):
                yield Move(order={**change, "over": "40 minutes"})
        if clause.verb != "ordering":
            yield Move(WEIGHED)
    else:
        for line in _LINES.get(clause.verb, _nothing)(clause, others, recogniser):
            yield Move(line)
    name = str(clause.head) if VERBS[clause.verb].of_list else VERBS[clause.verb].reads
    if name in LISTS and name != "patient":
        yield Move((("unavailable", name),))


def _nothing(clause: Clause, others: tuple[str, ...], recogniser: Recogniser) -> Iterator[Line]:
    yield from ()


def _whole_list(clause: Clause, others: tuple[str, ...], recogniser: Recogniser) -> Iterator[Line]:
    name = str(clause.head)
    yield (("nothing_recorded", name),)
    yield (("only_refuted", name),)
    for when in (*_times(clause.word("within"), clause.word("longer_ago_than")), "never"):
        yield ("list_updated", name), ("last", when)
        yield ("none_known", name), ("last", when)


def _near(operand: Operand | None, scale: int = 1) -> list[Fraction]:
    """Amounts around a limit, in its unit; whole numbers where the limit is large."""
    if not isinstance(operand, Comparison):
        return []
    number = operand.amount.number * scale
    return list(dict.fromkeys(Fraction(round(number * one)) if number >= 20 else number * one for one in _NEAR))


def _times(*operands: Operand | None) -> list[str]:
    """How long ago, around the ends of windows; first of all lately."""
    found = ["1 hour ago", "2 days ago", "100 days ago", "6 years ago"]
    for window in operands:
        if isinstance(window, Quantity):
            numbers = [*(window.number * one for one in _WINDOWS), window.number + 1]
            if window.unit.rstrip("s") not in ("hour", "minute"):
                numbers = [Fraction(int(number)) for number in numbers]
            found += [f"{decimal(number)} {window.unit} ago" for number in numbers if number]
    return list(dict.fromkeys(found))


def _names(terms: tuple[str, ...], others: tuple[str, ...], recogniser: Recogniser) -> list[str]:
    """Terms as such, and drugs that belong to one of them and not to the other."""
    found = [*terms, *others]
    for term in terms:
        own = recogniser.members(term)
        without = own.difference(*(recogniser.members(one) for one in others)) if others else own
        found += [*sorted(without)[:1], *sorted(own - without)[:1]]
        for other in others:
            found += sorted(recogniser.members(other) - own)[:1]
    return list(dict.fromkeys(found))


def _taking(clause: Clause, others: tuple[str, ...], recogniser: Recogniser) -> Iterator[Line]:
    heads = clause.head if isinstance(clause.head, tuple) else (str(clause.head),)
    for name in _names(heads, others, recogniser):
        yield (("taking", name),)
        for number in _near(clause.word("daily_dose")):
            yield ("taking", name), ("daily_dose", f"{decimal(number)} {clause.word('daily_dose').amount.unit}")
        for when in _times(clause.word("or_stopped_within")):
            yield ("took", name), ("stopped", when)
        yield ("taking", name), ("status", "on hold")
        yield ("taking", name), ("status", "unknown")
        yield ("taking", name), ("matched", "name")
    for problem in clause.word("without_diagnosis") or ():
        yield (("had", problem),)


def _has(clause: Clause, others: tuple[str, ...], recogniser: Recogniser) -> Iterator[Line]:
    for name in (str(clause.head), *others):
        yield (("has", name),)
        yield (("had", name),)
        for when in _times(clause.word("began_within"), clause.word("within"), clause.word("longer_ago_than")):
            yield ("has", name), ("began", when)
            yield ("had", name), ("began", when)
            yield ("has", name), ("entered", when)
        yield ("has", name), ("diagnosis", "provisional")
        yield ("has", name), ("matched", "name")


def _measured(clause: Clause, others: tuple[str, ...], recogniser: Recogniser) -> Iterator[Line]:
    wanted = clause.word("is")
    for name in (str(clause.head), *others):
        for when in _times(clause.word("within")):
            for number in _near(wanted):
                yield ("measured", name), ("was", f"{decimal(number)} {wanted.amount.unit}"), ("taken", when)
            if wanted is None:
                yield ("measured", name), ("was", f"{_WEIGHT} kg"), ("taken", when)


def _age(clause: Clause, others: tuple[str, ...], recogniser: Recogniser) -> Iterator[Line]:
    for number in (*_near(clause.head), Fraction(0)):
        yield (("age", f"{int(number)} years"),)


_LINES = {
    "nothing_recorded": _whole_list, "list_updated": _whole_list,
    "taking": _taking, "taking_classes": _taking, "has": _has, "has_had": _has, "measured": _measured, "not_measured": _measured, "age": _age,
    "sex": lambda clause, others, recogniser: ((("sex", one),) for one in ("female", "male")),
    "at": lambda clause, others, recogniser: ((("at", one),) for one in HOOKS),
}


def _order(clause: Clause) -> Iterator[dict[str, str | None]]:
    if clause.verb == "ordering":
        route, reason = clause.word("by_route"), clause.word("for")
        yield {"ordering": str(clause.head)}
        yield from ({"ordering": str(clause.head), "by_route": one} for one in dict.fromkeys((route, *ROUTES[:5], None)) if one is None or isinstance(one, str))
        yield from ({"for": one} for one in (reason, None) if one is None or isinstance(one, str))
        return
    wanted = clause.head
    if not isinstance(wanted, Comparison):
        yield from ({"dose": None}, {"dose": "4 mL", "strength": None}, {"dose": "4 mL", "strength": "10 mg/mL"}, {"dose": "4 mL", "strength": None, "over": None})
        return
    unit = wanted.amount.unit
    for number in _near(wanted):
        said = f"{decimal(number)} {unit}"
        if clause.verb == "order_duration":
            yield {"over": said, "method": None}
        elif clause.verb == "order_strength":
            yield {"strength": said}
            yield {"strength": said, "diluted": "yes"}
        elif clause.verb == "order_dose":
            yield {"dose": said}
        else:
            yield {"rate": said, "over": None}
    for number in _near(wanted, _WEIGHT) if unit.startswith("mg/kg") else ():
        yield {"dose": f"{decimal(number)} mg"} if clause.verb == "order_dose" else {"dose": f"{decimal(number)} mg", "over": "60 minutes", "rate": None}
        if clause.verb == "order_dose":
            yield {"dose": f"{decimal(number)} mg", "method": "push", "over": None}
    if clause.verb == "order_duration":
        yield {"over": None, "method": None}
        yield {"over": None, "method": "push"}
