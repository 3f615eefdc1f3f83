"""What every answer lacks, whatever the rules make of it: a list that did not answer, and who the patient is.

Rules name what kept them from an answer; a list that failed, and an age or sex that nobody recorded, are told even where no rule was kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cds.engine.answers import Missing
from cds.facts.model import LISTS, PatientFacts

_ORDERING = ("order-select", "order-sign")
_REQUIRED = ("medications", "conditions", "observations", "allergies", "patient")
_WHERE_OFFERED = ("adverse-events",)
"""Lists that few EHRs have: not to be sent says nothing, to fail is told as information."""


def gaps(facts: PatientFacts, lists: Collection[str]) -> tuple[Missing, ...]:
    """What is missing of the lists that the rules of a hook read, and of the patient where something is ordered."""
    return (*_unanswered(facts, lists), *_unrecorded(facts, lists))


def _unanswered(facts: PatientFacts, lists: Collection[str]) -> Iterator[Missing]:
    for name in (*_REQUIRED, *_WHERE_OFFERED):
        state = facts.lists.get(name)
        if name not in lists or state is None or state.read or state.complete_since is not None:
            continue
        if name in _REQUIRED:
            yield Missing(LISTS[name], state.reason, unreadable=True)
        elif state.asked:
            yield Missing(LISTS[name], state.reason)


def _unrecorded(facts: PatientFacts, lists: Collection[str]) -> Iterator[Missing]:
    state = facts.lists.get("patient")
    if "patient" in lists and facts.hook in _ORDERING and state is not None and state.read:
        for what, known in (("birth date", facts.birth), ("sex", facts.sex)):
            if known is None:
                yield Missing(what, "not recorded")
