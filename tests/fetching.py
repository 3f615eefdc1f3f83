"""Requests decided after fetching from servers of ours, in this process; what the cards say of a list."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from charts import NOW, READY, ZONE

from cds import completion, pipeline
from cds.facts.model import PatientFacts
from cds.fhir.bases import registered
from cds.fhir.bundles import Chart
from cds.fhir.fetch import Ehr
from cds.fhir.outbound import running
from cds.fhir.queries import searches
from cds.hooks.request import request

SLOW, AT_ONCE = 500, 60_000
"""Deadlines in milliseconds: one that passes in a test, one that only a hang would reach."""


@dataclass(frozen=True)
class Fetched:
    """A decision and the chart behind it, None where nobody looked at it before."""

    decision: pipeline.Decision
    chart: Chart | None

    @property
    def facts(self) -> PatientFacts:
        assert self.decision.facts is not None
        return self.decision.facts

    @property
    def cards(self) -> list[dict[str, Any]]:
        return self.decision.cards


def fetched(document: dict[str, Any], bases: Sequence[str], deadline: int = AT_ONCE, ehr: Ehr | None = None, now: datetime = NOW) -> Fetched:
    """Decide a request after fetching what it lacks from registered bases; with `ehr` its connections stay open."""
    asked = request(document)
    used = ehr or Ehr(registered(bases, local=True))
    try:
        lack = completion.gap(asked, READY, now, ZONE, searches(asked.hook, READY.rulebook), used, running(), deadline)
        chart = completion.completed(lack, used) if isinstance(lack, completion.Gap) else lack
    finally:
        if ehr is None:
            used.close()
    return Fetched(pipeline.decide(asked, READY, now, ZONE, lambda: "id", chart), chart)


def lines(cards: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What the "not checked" card says of each list: its name -> why, without escapes."""
    text = "\n".join(card["detail"] for card in cards).replace("\\", "")
    return {name: why.partition(". Not checked:")[0].removesuffix(".") for name, why in re.findall(r"^- \*\*([^*]+)\*\*: (.*)$", text, re.M)}


def problem_list_line(found: Fetched) -> str | None:
    return lines(found.cards).get("Problem list")


def busy_threads() -> list[str]:
    """Threads of this process that are asking a server right now."""
    stacks = []
    for frame in sys._current_frames().values():
        names = []
        while frame is not None:
            names.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_code.co_name}")
            frame = frame.f_back
        stacks.append(names)
    return [names[0] for names in stacks if "paging.py:fill" in names]
