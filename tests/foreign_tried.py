"""What becomes of the requests made of foreign data; `python tests/foreign_tried.py` tries all of them and prints a summary."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from charts import READY, ZONE
from fetching import lines
from foreign import PLACE, WHY_NOT, Document, Patient, patients
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cds import pipeline
from cds.facts.medications import counts_at_all, identify
from cds.facts.model import PatientFacts
from cds.fhir import read
from cds.fhir.bundles import Chart, chart
from cds.hooks.request import parse, request
from cds.selftest.promises import problems

RECOGNISED, NOT_OURS, NOT_IN_USE, UNCLASSIFIED, LOST = "recognised", "read, not ours", "not in use", "unclassified", "lost"
_DRUGS = ("MedicationStatement", "MedicationRequest")


@dataclass(frozen=True)
class Tried:
    """The answer to one request, what is wrong with it, and what its medications turned out to be."""

    patient: Patient
    cards: list[Document]
    wrong: tuple[str, ...]
    drugs: Counter[str]
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def tried(patient: Patient, turned: bool = False) -> Tried:
    """Decide one request as the service does, from its bytes on."""
    document = patient.request(turned)
    body = json.dumps(document).encode()
    started = time.perf_counter()
    decision = pipeline.decide(request(parse(body)), READY, patient.now, ZONE, lambda: str(uuid4()))
    seconds = time.perf_counter() - started
    wrong = problems({"cards": decision.cards}) + ([] if decision.evaluable else ["no list of the chart counts as read"])
    drugs, reasons = outcomes(chart(document["prefetch"], patient.identity), decision.facts)
    wrong += [f"{drugs[LOST]} medications were lost"] if drugs[LOST] else []
    return Tried(patient, decision.cards, tuple(wrong), drugs, reasons, seconds)


def outcomes(found: Chart, facts: PatientFacts | None) -> tuple[Counter[str], Counter[str]]:
    """How many medications came out as what, and why those that are unclassified are."""
    held = {one.ref for members in facts.medications.values() for one in members} if facts else set()
    drugs, reasons = Counter(), Counter()
    for resource in (one for kind in _DRUGS for one in found.resources.get(kind, ())):
        known, name = identify(resource, found, READY.rulebook.recogniser), read.name(resource)
        if facts and name in facts.unclassified:
            drugs[UNCLASSIFIED] += 1
            ref = read.reference(resource.get("medicationReference"))
            reasons[f"{ref} is not in the chart" if ref else "neither a known code nor a name"] += 1
        elif not counts_at_all(resource):
            drugs[NOT_IN_USE] += 1
        elif known.terms.keys() & READY.wanted.terms:
            drugs[RECOGNISED if name in held else LOST] += 1
        else:
            drugs[NOT_OURS if known.named else LOST] += 1
    return drugs, reasons


def without_identifiers(cards: Any) -> Any:
    """Cards without what differs from answer to answer."""
    if isinstance(cards, Mapping):
        return {key: without_identifiers(value) for key, value in cards.items() if key != "uuid"}
    return [without_identifiers(one) for one in cards] if isinstance(cards, list) else cards


def _summary(found: list[Tried], console: Console) -> None:
    figures = Table(title="Foreign data", show_header=False)
    drugs, indicators = sum((one.drugs for one in found), Counter()), Counter(card["indicator"] for one in found for card in one.cards)
    slowest = max(found, key=lambda one: one.seconds)
    for name, value in (("patients", len(found)), ("requests", 2 * len(found)), ("resources", sum(len(one.patient.resources) for one in found)),
                        *((f"medications: {name}", count) for name, count in drugs.most_common()),
                        *((f"cards: {name}", count) for name, count in indicators.most_common()),
                        ("slowest request", f"{slowest.seconds * 1000:.1f} ms, {len(slowest.patient.resources)} resources, {slowest.patient.name}"),
                        ("wrong", sum(bool(one.wrong) for one in found))):
        figures.add_row(name, str(value))
    console.print(figures)
    console.print(_table("Findings", (card["summary"] for one in found for card in one.cards if not card["summary"].startswith("Not fully"))))
    console.print(_table("Not checked", (f"{name}: {why}" for one in found for name, why in lines(one.cards).items())))
    console.print(_table("Unclassified medications", (reason for one in found for reason in one.reasons.elements())))
    for one in found:
        for what in one.wrong:
            console.print(f"[red]{one.patient.name}[/red]: {what}")


def _table(title: str, said: Iterable[str]) -> Table:
    table = Table(title=title, show_header=False)
    for what, count in Counter(said).most_common():
        table.add_row(str(count), what)
    return table


if __name__ == "__main__":
    if WHY_NOT:
        sys.exit(WHY_NOT)
    out = Console()
    every = []
    for each in track(patients(), f"Trying {PLACE.name}", console=out, disable=not out.is_terminal):
        first, again = tried(each), tried(each, turned=True)
        moved = () if without_identifiers(first.cards) == without_identifiers(again.cards) else ("the order of entries changed the cards",)
        every.append(Tried(each, first.cards, first.wrong + moved, first.drugs, first.reasons, max(first.seconds, again.seconds)))
    _summary(every, out)
    sys.exit(any(one.wrong for one in every))
