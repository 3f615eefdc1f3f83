"""From verdicts per order to findings: identical ones joined, replaced ones dropped, the rest put in severity groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from cds.engine.answers import Missing
from cds.engine.decide import MET, NOT_APPLICABLE, NOT_MET, SEVERITY, UNDECIDED, Verdict
from cds.engine.evaluate import Evaluation
from cds.facts.model import Order
from cds.rulefile.rule import Message, NotChecked

_RANK = {MET: 3, UNDECIDED: 2, NOT_MET: 1, NOT_APPLICABLE: 0}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell: a verdict, the message to show, how severe, and the orders it is about.

    `message` is None where it belongs on the "not checked" card.
    """

    verdict: Verdict
    message: Message | None
    show: str
    orders: tuple[Order, ...]


def findings(evaluations: Iterable[Evaluation], hook: str, silent: bool = False) -> list[Finding]:
    """Everything that is told, most severe first, then the state of the chart after the patient's, then by rule id.

    Or what silent rules would tell, which replaces nothing.
    """
    joined: dict[tuple, list[Order]] = {}
    told: dict[tuple, Finding] = {}
    for order, verdicts in _by_order(evaluations):
        for verdict in verdicts:
            finding = _finding(verdict, order, hook) if verdict.rule.silent == silent else None
            if finding is None:
                continue
            key = (verdict.rule.id, verdict.answer, finding.show, verdict.soft, verdict.because, verdict.missing)
            told.setdefault(key, finding)
            joined.setdefault(key, []).append(order)
    found = [Finding(one.verdict, one.message, one.show, tuple(joined[key])) for key, one in told.items()]
    return sorted(_without_replaced(found), key=lambda one: (-SEVERITY[one.show], one.verdict.rule.kind == "data-quality", one.verdict.rule.id))


def _by_order(evaluations: Iterable[Evaluation]) -> Iterator[tuple[Order, Iterable[Verdict]]]:
    """The verdicts of each order; where it has several dosages, of each rule the gravest, with what the others left open."""
    for _, group in groupby(evaluations, key=lambda one: one.order.ref):
        dosages = list(group)
        if len(dosages) == 1:
            yield dosages[0].order, dosages[0].can_tell
        else:
            yield dosages[0].order, [_gravest(same_rule) for same_rule in zip(*(one.verdicts for one in dosages))]


def _gravest(verdicts: Sequence[Verdict]) -> Verdict:
    top = max(verdicts, key=lambda one: (_RANK[one.answer], SEVERITY.get(one.show, 0)))
    alike = [one for one in verdicts if (one.answer, one.show) == (top.answer, top.show)]
    return replace(top, because=tuple(dict.fromkeys(record for one in alike for record in one.because)),
                   missing=tuple(dict.fromkeys(missing for one in verdicts for missing in one.missing)))


def _finding(verdict: Verdict, order: Order, hook: str) -> Finding | None:
    rule = verdict.rule
    if verdict.level is not None:
        return Finding(verdict, verdict.level.message, verdict.show, (order,))
    if verdict.answer == NOT_MET and rule.if_not_met is not None:
        return Finding(verdict, rule.if_not_met, rule.if_not_met.show, (order,))
    if verdict.answer == UNDECIDED:
        if isinstance(rule.if_unknown, Message):
            return Finding(verdict, rule.if_unknown, rule.if_unknown.show, (order,))
        if isinstance(rule.if_unknown, NotChecked) or verdict.disputed:
            return Finding(verdict, None, not_checked_severity(verdict, hook), (order,))
    return None


def not_checked_severity(verdict: Verdict, hook: str) -> str:
    """A warning where something could not be read or the rule asks for one at this hook; due on the day is information."""
    if any(one.unreadable for one in verdict.missing):
        return "warning"
    asked = verdict.rule.if_unknown
    if isinstance(asked, NotChecked) and hook in asked.warning_at and not all(one.on_the_day for one in verdict.missing):
        return "warning"
    return "info"


def _without_replaced(found: list[Finding]) -> list[Finding]:
    """Leave out what a met rule makes superfluous for the same orders; nothing more severe, and never in a circle."""
    met = [one for one in found if one.verdict.answer == MET]
    return [one for one in found if not any(_replaces(other, one) and not _replaces(one, other) for other in met)]


def _replaces(one: Finding, other: Finding) -> bool:
    return (other.verdict.rule.id in one.verdict.rule.replaces and SEVERITY[one.show] >= SEVERITY[other.show]
            and {order.ref for order in other.orders} <= {order.ref for order in one.orders})


def missing_lines(found: Iterable[Finding]) -> dict[Missing, list[str]]:
    """What was missing, each thing once, with the rules it kept from an answer; a rule that only doubts kept open is named itself."""
    lines: dict[Missing, list[str]] = {}
    for one in found:
        for missing in one.verdict.missing or (Missing(one.verdict.rule.title, "uncertain records leave it open"),):
            rules = lines.setdefault(missing, [])
            if one.verdict.rule.id not in rules:
                rules.append(one.verdict.rule.id)
    return lines


def answers(evaluations: Iterable[Evaluation], rules: Iterable[str], versions: Mapping[str, str], shown: set[str]) -> dict[str, dict]:
    """The answer of every rule for the request, and per order where there are several (met > unknown > not met)."""
    by_rule: dict[str, dict[str, str]] = {}
    for evaluation in evaluations:
        for verdict in evaluation.verdicts:
            per_order, ref = by_rule.setdefault(verdict.rule.id, {}), evaluation.order.ref
            per_order[ref] = max(verdict.answer, per_order.get(ref, NOT_APPLICABLE), key=_RANK.__getitem__)
    found = {}
    for rule in rules:
        per_order = by_rule.get(rule, {})
        answer = max(per_order.values(), key=_RANK.__getitem__, default=NOT_APPLICABLE)
        found[rule] = {"answer": answer, "shown": rule in shown, "version": versions[rule]}
        if len(per_order) > 1:
            found[rule]["orders"] = per_order
    return found
