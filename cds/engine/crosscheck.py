"""Both must agree: the engine's conclusions beside the reference's, and what counts when they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds.engine.durable import Inference

AGREED, REFERENCE_ONLY, DISAGREEING = "durable-rules", "reference only", "disagreeing"


@dataclass(frozen=True, slots=True)
class Checked:
    """The value of each conclusion and how far it was confirmed.

    `state` is AGREED, REFERENCE_ONLY or DISAGREEING.  A conclusion named in `disagreeing` is to be shown as unknown;
    its value is the higher of the two, so that what either side found met can still be shown.  `event` says in words
    what went wrong; None when nothing did.
    """

    values: tuple[int, ...]
    state: str
    disagreeing: frozenset[int] = frozenset()
    event: str | None = None


def cross_check(inference: Inference | None, reference: Sequence[int], answers: Sequence[int]) -> Checked:
    """Compare the engine's conclusions on these clause answers with the reference values.

    Without an engine, or when it fails in any way, the reference values count.  Raises no ordinary exception.
    """
    expected = tuple(reference)
    if inference is None:
        return Checked(expected, REFERENCE_ONLY)
    try:
        found = tuple(inference.infer(answers))
        if len(found) != len(expected):
            raise ValueError(f"{len(found)} conclusions instead of {len(expected)}")
    except Exception as error:  # whatever the engine does must not cost the patient an answer
        return Checked(expected, REFERENCE_ONLY, event=f"durable-rules failed: {type(error).__name__}: {error}")
    if found == expected:
        return Checked(expected, AGREED)
    differing = frozenset(index for index, pair in enumerate(zip(found, expected)) if pair[0] != pair[1])
    details = ", ".join(f"conclusion {i}: {found[i]} against {expected[i]}" for i in sorted(differing))
    values = tuple(max(pair) for pair in zip(found, expected))
    return Checked(values, DISAGREEING, differing, f"durable-rules and the reference disagree: {details}")
