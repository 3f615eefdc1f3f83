"""Findings to cards: one per severity group, and one "not checked" card with one line per missing thing.

CDS Hooks 2.0.1, "CDS Service response": summary under 140 characters, detail in GitHub-flavoured Markdown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cds.cards import detail
from cds.cards.findings import Finding
from cds.cards.suggestions import suggestions
from cds.cards.text import plain, shortened
from cds.engine.answers import Because, Missing
from cds.engine.decide import SEVERITY, UNDECIDED, Verdict
from cds.facts.model import Order, Unreadable
from cds.rulebook import Rulebook

MAX_SUMMARY = 139
TOPICS = "https://ketamine-cds.org/topic"


@dataclass(frozen=True, slots=True)
class Told:
    """What composing needs beside the findings: the rulebook, orders of the request, what could not be read, an id source.

    `chart_read` is False where no list of the chart could be read; `full` findings per card are told in full; `gaps` are missing
    whether or not a rule says so.
    """

    rulebook: Rulebook
    orders: Sequence[Order]
    unreadable: Sequence[Unreadable]
    new_identifier: Callable[[], str]
    chart_read: bool = True
    full: int = 3
    gaps: Sequence[Missing] = ()


def compose(found: Sequence[Finding], told: Told) -> list[dict[str, Any]]:
    """The cards of one response, most severe first; the "not checked" card stands last in its severity."""
    cards = []
    for show in SEVERITY:
        group = [one for one in found if one.message is not None and one.show == show]
        if group:
            cards.append(_card(group, show, told))
    open_ones = [one for one in found if one.message is None]
    if open_ones or told.gaps or told.unreadable or any(order.unclear for order in told.orders):
        cards.append(_not_checked(open_ones, told))
    return sorted(cards, key=lambda card: -SEVERITY[card["indicator"]])


def could_not_run(why: str, hook: str, told: Told) -> dict[str, Any]:
    """The card for an order hook in which no order could be read at all: no rule of that hook has an answer."""
    missing = (Missing("draft orders", why, unreadable=True),)
    unanswered = [Finding(Verdict(rule, UNDECIDED, missing=missing), None, "warning", ()) for rule in told.rulebook.rules
                  if hook in rule.hooks and not rule.silent]
    return _frame("Ketamine check could not run: " + why, "warning", detail.could_not_run(why), unanswered, told)


def _card(group: list[Finding], show: str, told: Told) -> dict[str, Any]:
    leading = group[0]
    assert leading.message is not None
    more = f" (+{len(group) - 1} more)" if len(group) > 1 else ""
    summary = shortened(leading.message.summary, MAX_SUMMARY - len(more)) + more
    card = _frame(summary, show, detail.findings(group, told.rulebook, told.full, len(told.orders) > 1), group, told)
    offered = suggestions(group, told.new_identifier)
    if offered:
        card["suggestions"], card["selectionBehavior"] = offered, "any"
    reasons = dict.fromkeys(reason for one in group if one.message for reason in one.message.override_reasons)
    if reasons:
        card["overrideReasons"] = [_reason(name, told.rulebook) for name in reasons]
    return card


def _reason(name: str, rulebook: Rulebook) -> dict[str, str]:
    reason = rulebook.reasons[name]
    return {"code": reason.code, "system": reason.system, "display": reason.text}


def _not_checked(open_ones: list[Finding], told: Told) -> dict[str, Any]:
    lines = detail.open_lines(open_ones, told.gaps, told.unreadable, told.orders)
    unread = any(line.unreadable for line in lines)
    show = "warning" if unread or any(one.show == "warning" for one in open_ones) else "info"
    kept = [line for line in lines if line.needed] or lines
    things = dict.fromkeys(line.thing for line in kept if not line.on_the_day)
    if things:
        lead = "Left out: " if not any(line.needed for line in lines) else "Not fully checked, missing: " if told.chart_read else "Not checked, missing: "
        summary = lead + "; ".join(plain(thing, 60) for thing in things)
        if told.orders and all(order.unclear for order in told.orders):
            summary = "Ketamine check could not run: " + ("the drug of the order cannot be read" if told.orders[0].draft else
                                                          "treatment with ketamine cannot be seen, medication list not readable")
    else:
        summary = "To be checked on the day: " + ", ".join(dict.fromkeys(line.thing for line in lines))
    return _frame(shortened(summary, MAX_SUMMARY), show, detail.not_checked(lines, told.rulebook), open_ones, told)


def _frame(summary: str, show: str, text: str, group: Sequence[Finding], told: Told) -> dict[str, Any]:
    rulebook = told.rulebook
    return {
        "uuid": told.new_identifier(),
        "summary": shortened(summary, MAX_SUMMARY),
        "indicator": show,
        "detail": text,
        "source": {**_source(group, rulebook), "topic": _topic(group)},
        "extension": {
            **({"org.ketamine-cds.findings": [finding(one) for one in group]} if group else {}),
            "org.ketamine-cds.rulebook": {"version": rulebook.book.version, "hash": rulebook.hash},
        },
    }


def _source(group: Sequence[Finding], rulebook: Rulebook) -> dict[str, str]:
    if len(group) == 1 and group[0].message is not None:
        cited = rulebook.sources[group[0].verdict.rule.cited(group[0].message)[0].source]
        return {"label": f"{cited.label} ({cited.year})" if cited.year else cited.label, **({"url": cited.link} if cited.link else {})}
    return {"label": f"{rulebook.book.title} {rulebook.book.version}"}


def _topic(group: Sequence[Finding]) -> dict[str, str]:
    rules = sorted({one.verdict.rule.id for one in group})
    if len(rules) == 1:
        rule = group[0].verdict.rule
        return {"system": TOPICS, "code": rule.topic, "display": rule.title}
    if not rules:
        return {"system": TOPICS, "code": "notchecked", "display": "Not checked"}
    return {"system": TOPICS, "code": _set_code("\n".join(rules)), "display": ", ".join(rules)}


@lru_cache(maxsize=1024)
def _set_code(rules: str) -> str:
    return f"set{hashlib.sha256(rules.encode()).hexdigest()[:16]}"


def finding(one: Finding) -> dict[str, Any]:
    """One finding as the card extension carries it; empty members are left out."""
    verdict = one.verdict
    drafts = [order.ref for order in one.orders if order.draft]
    told = {
        "rule": verdict.rule.id, "version": verdict.rule.version, "answer": verdict.answer, "indicator": one.show,
        "order": drafts[0] if drafts else None, "orders": drafts if len(drafts) > 1 else None,
        "soft": True if verdict.soft else None, "disputed": True if verdict.disputed else None,
        "because": [_record(record) for record in verdict.because if record.resource],
        "missing": [plain(str(missing), 200) for missing in verdict.missing],
    }
    return {key: member for key, member in told.items() if member}


def _record(record: Because) -> dict[str, str]:
    return {"resource": record.resource, "text": plain(record.text, 200), **({"matched": record.matched} if record.matched else {})}

