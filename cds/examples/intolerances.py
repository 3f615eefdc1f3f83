"""Chart lines of examples about allergies, adverse events, procedures and earlier orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cds.examples.lines import Slip, ago, choice, medication, quantity, ref, term
from cds.facts.model import DOSED_FOR, AdverseEvent, Allergy, Measurement, Procedure
from cds.rulefile.language import CHOICES, NOT_STATED
from cds.rulefile.source import Node
from cds.terms.model import PROCEDURE, REACTION

WORDS: dict[str, tuple[str, ...]] = {
    "allergic_to": ("recorded_as", "reaction", "criticality", "matched"), "had_procedure": ("done", "status", "matched"),
    "had_adverse_event": ("seriousness", "event"), "ordered_before": ("for_weight", "written"),
}
"""Every such line and the words that may follow; `reaction` and `event` name reaction terms joined by `and`, or `another` for one of none."""
_ANOTHER = "another"


def _reactions(line: Node, word: str, draft: Any) -> tuple[frozenset[str], ...]:
    node = line.get(word)
    names = [] if node is None else node.text.split(" and ")
    return tuple(frozenset() if one == _ANOTHER else frozenset(draft.recogniser.including(term(replace(node, value=one), REACTION, draft)))
                 for one in names)


def _allergic_to(line: Node, head: Node, draft: Any) -> None:
    kind = choice(line, "recorded_as", CHOICES["recorded_as"])
    draft.allergies.append(Allergy(ref(line), head.text, f"{head.text}, {kind or 'allergy'} recorded", medication(head, draft, line),
                                   recorded_as="" if kind == NOT_STATED else kind, reactions=_reactions(line, "reaction", draft),
                                   criticality=choice(line, "criticality", (*CHOICES["criticality"], "low"))))


def _had_procedure(line: Node, head: Node, draft: Any) -> None:
    name, done = term(head, PROCEDURE, draft), line.get("done")
    how = "text" if line.get("matched") else "code"
    doubts = (f"status {line.mapping['status'].text}",) if line.get("status") else ()
    draft.procedures.append(Procedure(ref(line), name, name, {one: how for one in draft.recogniser.including(name)},
                                      ago(done) if done else None, doubts))


def _had_adverse_event(line: Node, head: Node, draft: Any) -> None:
    serious = choice(line, "seriousness", CHOICES["seriousness"])
    shown = _reactions(line, "event", draft)
    draft.adverse_events.append(AdverseEvent(ref(line), head.text, f"adverse event with {head.text}", medication(head, draft, line),
                                             "" if serious == NOT_STATED else serious, shown[0] if shown else frozenset()))


def _ordered_before(line: Node, head: Node, draft: Any) -> None:
    weight, written = line.get("for_weight"), line.get("written")
    if weight is None or written is None:
        raise Slip(line, "missing-key", "`ordered_before` needs `for_weight` and `written`", "Write `for_weight: 80 kg` and `written: 30 days ago`.")
    medication(head, draft, line)
    amount = quantity(weight, weight.text, ("weight",))
    draft.measurements.append(Measurement(ref(line), (DOSED_FOR,), amount.value, "weight", ago(written),
                                          f"order of {written.text} dosed for {amount}"))


READERS: dict[str, Callable[[Node, Node, Any], None]] = {
    "allergic_to": _allergic_to, "had_procedure": _had_procedure, "had_adverse_event": _had_adverse_event,
    "ordered_before": _ordered_before,
}
