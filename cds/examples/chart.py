"""From the lines of an example's `chart` to facts, with every slip named.

Relative dates count back from one fixed instant, so that an example means the same on every day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from fractions import Fraction

from cds.examples import intolerances, whole_lists
from cds.examples.lines import NOW
from cds.examples.lines import Slip as _Slip
from cds.examples.lines import ago as _ago
from cds.examples.lines import amount as _amount
from cds.examples.lines import choice as _choice
from cds.examples.lines import instant as _instant
from cds.examples.lines import medication as _medication
from cds.examples.lines import quantity as _quantity
from cds.examples.lines import ref as _ref
from cds.examples.lines import term as _term
from cds.facts.allergies import NOTHING_RECORDED
from cds.facts.conditions import true_until
from cds.facts.gather import by_term
from cds.facts.model import (CURRENT, ENDED, LISTS, ON_HOLD, ORDERED, POSSIBLE, AdverseEvent, Allergy, Condition, Dose, ListState,
                             Measurement, Medication, Order, PatientFacts, Procedure, Recorded)
from cds.facts.results import told
from cds.intervals import Moment
from cds.quantities import quantity
from cds.rulefile.language import HOOKS, RESULTS, ROUTES, SEXES
from cds.rulefile.problems import Problem, did_you_mean
from cds.rulefile.rule import Example
from cds.rulefile.source import Node
from cds.terms.model import CONDITION, MEASUREMENT, Recognised, Term
from cds.terms.systems import ICD10, SNOMED
from cds.terms.recognise import Recogniser

_WORDS: dict[str, tuple[str, ...]] = {
    "ordering": ("by_route", "for", "dose", "over", "rate", "method", "strength", "diluted", "planned"),
    "taking": ("status", "matched", "daily_dose", "began", "by"), "took": ("stopped", "matched", "by"),
    "has": ("began", "entered", "diagnosis", "matched", "code", "by"), "had": ("began", "entered", "code", "by"),
    "measured": ("was", "taken"), "age": (), "sex": (), "at": (), "unavailable": ("before",), "unclassified": (),
    **intolerances.WORDS, **whole_lists.WORDS,
}
_STATES = {"on hold": ON_HOLD, "unknown": POSSIBLE}


@dataclass(slots=True)
class _Draft:
    """What the lines read so far amount to."""

    recogniser: Recogniser
    terms: dict[str, Term]
    scope: str
    orders: list[Order] = field(default_factory=list)
    medications: list[Medication] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    allergies: list[Allergy] = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)
    adverse_events: list[AdverseEvent] = field(default_factory=list)
    birth: Moment | None = None
    sex: str | None = None
    unread: dict[str, ListState] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    unsent: set[str] = field(default_factory=set)
    recorded: dict[str, Recorded] = field(default_factory=dict)
    unclassified: list[str] = field(default_factory=list)


def facts(example: Example, recogniser: Recogniser, terms: dict[str, Term], scope: str, problems: list[Problem]) -> PatientFacts | None:
    """The facts an example describes; None (with the problems noted) when a line cannot be read."""
    draft = _Draft(recogniser, terms, scope)
    before = len(problems)
    for line in example.chart:
        try:
            _line(line, draft)
        except _Slip as slip:
            problems.append(slip.problem)
    if len(problems) > before:
        return None
    lists = {name: draft.unread.get(name) or ListState(True, open=NOTHING_RECORDED if name in draft.empty else "") for name in LISTS}
    lists |= {name: ListState(False, "not sent by the EHR", asked=False) for name in draft.unsent}
    return PatientFacts(example.hook, NOW, timezone.utc, tuple(draft.orders), by_term(draft.medications), by_term(draft.conditions),
                        by_term(draft.measurements), by_term(draft.allergies), draft.birth, draft.sex, lists, (), tuple(draft.unclassified),
                        procedures=by_term(draft.procedures), adverse_events=by_term(draft.adverse_events),
                        recorded=whole_lists.recorded(draft.recorded, draft.unread.keys() | draft.unsent))


def _line(line: Node, draft: _Draft) -> None:
    verb = next(iter(line.mapping))
    if verb not in _WORDS:
        raise _Slip(line, "unknown-chart-word", f"a chart line cannot start with `{verb}`",
                    did_you_mean(verb, _WORDS, f"Use one of: {', '.join(_WORDS)}."))
    for word, child in line.mapping.items():
        if word not in (verb, *_WORDS[verb]):
            raise _Slip(child, "unknown-chart-word", f"`{word}` cannot follow `{verb}` in a chart line",
                        did_you_mean(word, _WORDS[verb], f"After `{verb}` use: {', '.join(_WORDS[verb]) or 'nothing'}."))
        if not child.text and not all(entry.text for entry in child.items or (child,)):
            raise _Slip(child, "bad-form", f"`{word}` has no value", "Write what the record says, or delete the word.")
    _READERS[verb](line, line.mapping[verb], draft)


def _ordering(line: Node, head: Node, draft: _Draft) -> None:
    found = _medication(head, draft, line)
    if draft.scope not in found:
        draft.medications.append(Medication(_ref(line), head.text, f"{head.text}, ordered now (draft)", found, (head.text,), True, ORDERED))
        return
    planned = line.get("planned")
    start = _instant(planned, NOW + _amount(planned, planned.text.removeprefix("in "), "time")) if planned else None
    strength, reason = line.get("strength"), line.get("for")
    stated = (reason.items or [reason]) if reason else []
    reasons = tuple({name: "code" for name in draft.recogniser.including(_term(one, CONDITION, draft))} for one in stated)
    dose = _dose(line)
    draft.orders.append(Order(
        f"{_ref(line)}", head.text, head.text, found, _choice(line, "by_route", ROUTES), (dose,) if dose else (),
        quantity(strength.text).value if strength else None, line.get("diluted") is not None, reasons, bool(reasons), start,
        start is not None and start.earliest > NOW + timedelta(hours=24)))


def _dose(line: Node) -> Dose | None:
    kinds = {"mass": "mass", "dose": "per_kg", "volume": "volume", "rate": "rate", "dose rate": "rate_per_kg", "flow": "flow"}
    found = {}
    for word in ("dose", "rate"):
        node = line.get(word)
        if node is not None:
            amount = _quantity(node, node.text, tuple(kinds))
            found[kinds[amount.dimension]] = amount.value
    over = line.get("over")
    if over is not None:
        found["duration"] = _quantity(over, over.text, ("time",)).value
    method = line.get("method")
    return Dose(**found, bolus=method is not None and method.text in ("push", "bolus")) if found or method else None


def _taking(line: Node, head: Node, draft: _Draft) -> None:
    found = _medication(head, draft, line)
    status = _choice(line, "status", tuple(_STATES))
    dose = line.get("daily_dose")
    state = _STATES.get(status, CURRENT)
    began = line.get("began")
    draft.medications.append(Medication(_ref(line), head.text, f"{head.text}, {status or 'active'}", found, (head.text,), line.get("matched") is not None,
                                        state, _ago(began) if began else None, source=_by(line), doubts=(f"status {status}",) if state == POSSIBLE else (),
                                        daily_mg=_quantity(dose, dose.text, ("mass",)).value if dose else None))


def _took(line: Node, head: Node, draft: _Draft) -> None:
    stopped = line.get("stopped")
    if stopped is None:
        raise _Slip(line, "missing-key", "`took` has no `stopped`", "Say when: `stopped: 3 days ago`.")
    draft.medications.append(Medication(_ref(line), head.text, f"{head.text}, stopped {stopped.text}", _medication(head, draft, line), (head.text,),
                                        line.get("matched") is not None, ENDED, ended=_ago(stopped), source=_by(line)))


def _by(line: Node) -> str:
    node = line.get("by")
    return node.text if node is not None else ""


def _has(line: Node, head: Node, draft: _Draft, active: bool = True) -> None:
    name = _term(head, CONDITION, draft)
    how = "text" if line.get("matched") else "code"
    unsure = line.get("diagnosis")
    began, entered = line.get("began"), line.get("entered")
    onset, recorded = _ago(began) if began else None, _ago(entered) if entered else None
    known = _known(line, name, draft)
    terms = dict.fromkeys((*draft.recogniser.including(name), *known.terms), how)
    draft.conditions.append(Condition(_ref(line), name, f"{name}, {'active' if active else 'over'}", terms, active, onset=onset, recorded=recorded,
                                      doubts=(f"{unsure.text} diagnosis",) if unsure else (),
                                      true_until=true_until(known, onset, recorded, timezone.utc),
                                      codes=frozenset((line.mapping["code"].text if line.get("code") else name,)), source=_by(line)))


def _known(line: Node, name: str, draft: _Draft) -> Recognised:
    """What the code of a problem says, else what its term says by itself."""
    code = line.get("code")
    if code is None:
        return Recognised({}, lasts=draft.recogniser.lasting(name))
    known = draft.recogniser.condition(tuple((system, code.text, "") for system in (ICD10, SNOMED)), "")
    if name not in known.terms:
        raise _Slip(code, "unknown-term", f"`{code.text}` is not a code of `{name}`", "Use a code of that term, or leave `code` out.")
    return known


def _measured(line: Node, head: Node, draft: _Draft) -> None:
    name = _term(head, MEASUREMENT, draft)
    was, taken = line.get("was"), line.get("taken")
    if was is None or taken is None:
        raise _Slip(line, "missing-key", "`measured` needs `was` and `taken`", "Write `was: 124 mmHg` and `taken: 1 hour ago`.")
    if draft.terms[name].results:
        result = was.text if was.text in RESULTS else told(was.text, draft.terms[name].results)
        draft.measurements.append(Measurement(_ref(line), draft.recogniser.including(name), Fraction(0), "result", _ago(taken),
                                              f"{name.replace('-', ' ')} {was.text}, {taken.text}", result))
        return
    amount = _quantity(was, was.text, ("pressure", "weight", "share", "frequency", "length", "body mass index"))
    draft.measurements.append(Measurement(_ref(line), draft.recogniser.including(name), amount.value, amount.dimension, _ago(taken),
                                          f"{name.replace('-', ' ')} {amount}, {taken.text}"))


def _age(line: Node, head: Node, draft: _Draft) -> None:
    years = int(_quantity(head, head.text, ("time",)).number)
    draft.birth = _instant(head, NOW.replace(year=NOW.year - years) - timedelta(days=30))


def _sex(line: Node, head: Node, draft: _Draft) -> None:
    draft.sex = _choice(line, "sex", SEXES)


def _at(line: Node, head: Node, draft: _Draft) -> None:
    _choice(line, "at", HOOKS)


def _unavailable(line: Node, head: Node, draft: _Draft) -> None:
    before = line.get("before")
    if before is not None and head.text != "observations":
        raise _Slip(before, "unknown-chart-word", f"`unavailable: {head.text}` says `before` but has no dates that are read",
                    "Only `observations` are used where they were cut off; leave `before` out.")
    since = _ago(before).latest if before else None
    draft.unread[_choice(line, "unavailable", tuple(LISTS))] = ListState(False, "only the newest entries were sent" if since else "could not be read", since)


def _unclassified(line: Node, head: Node, draft: _Draft) -> None:
    draft.unclassified.append(_ref(line))


_READERS: dict[str, Callable[[Node, Node, _Draft], None]] = {
    "ordering": _ordering, "taking": _taking, "took": _took, "has": _has, "had": lambda line, head, draft: _has(line, head, draft, False),
    "measured": _measured, "age": _age, "sex": _sex, "at": _at, "unavailable": _unavailable, "unclassified": _unclassified,
    **intolerances.READERS, **whole_lists.READERS,
}
assert _READERS.keys() == _WORDS.keys()


WORDS = _WORDS
"""The words that start a chart line, each with those that may follow it."""
