"""Both must agree: what counts when the engine agrees with the reference, fails, or lies."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cds.engine import durable
from cds.engine.crosscheck import Checked, cross_check
from cds.engine.durable import EngineFault, Inference
from cds.engine.formula import All, Formula, Literal, value

CONCLUSIONS: list[tuple[str, Formula]] = [
    ("first", Literal(0)), ("second", Literal(1)), ("both", All((Literal(0), Literal(1)))), ("none", Literal(2))]
ANSWERS = [3, 2, 0]
REFERENCE = [3, 2, 2, 0]
needs_engine = pytest.mark.skipif(not durable.available(), reason=str(durable.why_unavailable()))


class Answering:
    """Stands for an inference that gives these values, or fails."""

    def __init__(self, values: list[int] | BaseException) -> None:
        self.values = values

    def infer(self, answers: list[int]) -> list[int]:
        if isinstance(self.values, BaseException):
            raise self.values
        return self.values


def lying_engine(**lies: object) -> SimpleNamespace:
    """The real engine, some of its functions replaced."""
    return SimpleNamespace(**{**vars(pytest.importorskip("durable_rules_engine")), **lies})


@needs_engine
def test_an_engine_that_agrees_is_believed_and_reports_nothing() -> None:
    assert [value(formula, ANSWERS) for _, formula in CONCLUSIONS] == REFERENCE
    inference = Inference(CONCLUSIONS)
    assert cross_check(inference, REFERENCE, ANSWERS) == Checked((3, 2, 2, 0), "durable-rules", frozenset(), None)
    inference.close()


def test_without_an_engine_the_reference_counts() -> None:
    assert cross_check(None, REFERENCE, ANSWERS) == Checked((3, 2, 2, 0), "reference only", frozenset(), None)


@pytest.mark.parametrize(("failure", "event"), [
    (EngineFault("no answer in time"), "durable-rules failed: EngineFault: no answer in time"),
    (MemoryError("1025 sessions"), "durable-rules failed: MemoryError: 1025 sessions"),
    (ZeroDivisionError("anything"), "durable-rules failed: ZeroDivisionError: anything"),
    ([3, 2, 2], "durable-rules failed: ValueError: 3 conclusions instead of 4"),
    ([], "durable-rules failed: ValueError: 0 conclusions instead of 4"),
])
def test_whatever_the_engine_fails_with_the_reference_counts(failure: Exception | list[int], event: str) -> None:
    assert cross_check(Answering(failure), REFERENCE, ANSWERS) == Checked(
        (3, 2, 2, 0), "reference only", frozenset(), event)


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_or_exit_passes(signal: type[BaseException]) -> None:
    with pytest.raises(signal):
        cross_check(Answering(signal()), REFERENCE, ANSWERS)


@pytest.mark.parametrize(("found", "values", "disagreeing", "event"), [
    ([3, 2, 2, 3], (3, 2, 2, 3), {3}, "conclusion 3: 3 against 0"),
    ([0, 2, 2, 0], (3, 2, 2, 0), {0}, "conclusion 0: 0 against 3"),
    ([3, 1, 3, 1], (3, 2, 3, 1), {1, 2, 3}, "conclusion 1: 1 against 2, conclusion 2: 3 against 2, "
                                           "conclusion 3: 1 against 0"),
])
def test_where_they_disagree_the_higher_value_is_kept_and_marked(
        found: list[int], values: tuple[int, ...], disagreeing: set[int], event: str) -> None:
    assert cross_check(Answering(found), REFERENCE, ANSWERS) == Checked(
        values, "disagreeing", frozenset(disagreeing), f"durable-rules and the reference disagree: {event}")


@needs_engine
def test_an_engine_that_drops_a_firing_is_found_out_and_nothing_met_is_lost() -> None:
    real = lying_engine()

    def keeps_quiet(handle: int, offset: int) -> tuple[str, str] | None:
        state, message = real.start_action_for_state(handle, offset)
        return state, message if message.startswith('{"end"') else real.complete_and_start_action(handle, offset)

    inference = Inference(CONCLUSIONS, engine=lying_engine(start_action_for_state=keeps_quiet))
    checked = cross_check(inference, REFERENCE, ANSWERS)
    assert (checked.values, checked.state, inference.faults) == ((3, 2, 2, 0), "disagreeing", 0)
    assert checked.disagreeing
    inference.close()


@needs_engine
def test_an_engine_that_invents_a_firing_is_found_out_and_the_conclusion_is_marked() -> None:
    real = lying_engine()

    def invents(handle: int, offset: int) -> tuple[str, str]:
        state, message = real.start_action_for_state(handle, offset)
        return (state, '{"1":{}}') if message.startswith('{"0"') else (state, message)

    inference = Inference(CONCLUSIONS, engine=lying_engine(start_action_for_state=invents), handles=1)
    answers = [3, 0, 0]
    checked = cross_check(inference, [3, 0, 0, 0], answers)
    assert (checked.values, checked.state, checked.disagreeing) == ((3, 3, 0, 0), "disagreeing", {0, 1})
    inference.close()


@needs_engine
def test_an_engine_that_crashes_costs_no_answer_and_is_switched_off_in_the_end() -> None:
    def crashes(handle: int, offset: int) -> None:
        raise RuntimeError("error code: 303")

    engine = lying_engine()
    inference = Inference(CONCLUSIONS, engine=engine)
    engine.complete_and_start_action = crashes
    events = [cross_check(inference, REFERENCE, ANSWERS).event for _ in range(6)]
    assert events[0] == "durable-rules failed: EngineFault: RuntimeError: error code: 303"
    assert events[5] == "durable-rules failed: EngineFault: switched off after 5 faults"
    assert cross_check(inference, REFERENCE, ANSWERS).values == (3, 2, 2, 0)
