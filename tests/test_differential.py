"""The engine and the reference, two independent ways from clause answers to conclusions, on random rule sets.

`CDS_FUZZ_CASES=200000 python -m pytest tests/test_differential.py` tries that many cases (one rule set on one vector of
answers) with a fresh random seed; without it the cases are always the same.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds.engine import durable
from cds.engine.durable import CompileLimit, Inference
from cds.engine.formula import All, Any, Formula, Literal, negate, value

WANTED = os.environ.get("CDS_FUZZ_CASES")
CASES = int(WANTED or 24_000)
VECTORS = 8
CLAUSES = 8
needs_engine = pytest.mark.skipif(not durable.available(), reason=str(durable.why_unavailable()))

numbers = st.integers(0, CLAUSES - 1)
literals = st.builds(Literal, numbers, st.booleans())
positive = st.builds(Literal, numbers)
contradictions = numbers.map(lambda clause: All((Literal(clause), Literal(clause, True))))
constants = st.sampled_from([All(()), Any(())])


def core_in_layers(core: Formula, layers: list[Formula]) -> Formula:
    """A formula deep inside, alternating `all` and `any` around it."""
    for depth, layer in enumerate(layers):
        core = (All if depth % 2 else Any)((core, layer))
    return core


def combined(parts: st.SearchStrategy[Formula], most: int = 3) -> st.SearchStrategy[Formula]:
    return st.builds(lambda kind, chosen: kind(tuple(chosen)), st.sampled_from([All, Any]),
                     st.lists(parts, min_size=1, max_size=most))


leaves = st.one_of(literals, literals, positive, positive, contradictions, constants)
shallow = combined(leaves)
nested = st.recursive(leaves, combined, max_leaves=10)
all_negated = combined(st.builds(Literal, numbers, st.just(True)), 4)
repeating = st.builds(lambda clause, more: All((Literal(clause), more, Literal(clause))), numbers, nested)
deep = st.builds(core_in_layers, nested, st.lists(literals, min_size=5, max_size=12))
formulas = st.one_of(nested, shallow, all_negated, repeating, deep)
vectors = st.lists(st.integers(0, 3), min_size=CLAUSES, max_size=CLAUSES)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Formula]:
    """A few conclusions, some of them more than once and some the opposite of another."""
    chosen = draw(st.lists(formulas, min_size=1, max_size=5))
    return [*chosen, chosen[0], negate(chosen[-1])]


@dataclass
class Tally:
    """What was tried, so that a test that tries nothing cannot pass."""

    cases: int = 0
    refused: int = 0
    disagreements: list[str] = field(default_factory=list)
    rule_sets: set[tuple[Formula, ...]] = field(default_factory=set)

    def report(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Print the figures past pytest's capture."""
        with capsys.disabled():
            print(f"\nengine against reference: {self.cases} cases on {len(self.rule_sets)} different rule sets "
                  f"({self.refused} too large), {len(self.disagreements)} disagreements")


@contextmanager
def compiled(conclusions: list[Formula]) -> Iterator[Inference]:
    inference = Inference([(f"rule {number}", each) for number, each in enumerate(conclusions)], handles=1, deadline=30)
    yield inference
    inference.close()


def compare(conclusions: list[Formula], answers: list[list[int]], tally: Tally) -> None:
    """Run every vector through both ways and count; a rule set too large for the engine counts as refused."""
    try:
        with compiled(conclusions) as inference:
            for each in answers:
                found, expected = inference.infer(each), [value(formula, each) for formula in conclusions]
                if found != expected:
                    tally.disagreements.append(f"{conclusions} on {each}: engine {found}, reference {expected}")
                tally.cases += 1
    except CompileLimit:
        tally.refused += 1
    else:
        tally.rule_sets.add(tuple(conclusions))


@needs_engine
def test_engine_and_reference_agree_on_random_small_rule_sets(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()

    @settings(max_examples=CASES // VECTORS, deadline=None, derandomize=WANTED is None, database=None,
              suppress_health_check=list(HealthCheck))
    @given(rule_sets(), st.lists(vectors, min_size=VECTORS, max_size=VECTORS))
    def agree(conclusions: list[Formula], answers: list[list[int]]) -> None:
        before = len(tally.disagreements)
        compare(conclusions, answers, tally)
        assert tally.disagreements[before:] == []

    try:
        agree()
    finally:
        tally.report(capsys)
    assert tally.cases >= 5000 and len(tally.rule_sets) >= 1000
    assert tally.refused < len(tally.rule_sets) / 10


@needs_engine
def test_engine_and_reference_agree_on_rulebooks_of_many_shards(capsys: pytest.CaptureFixture[str]) -> None:
    def tree(rng: random.Random, depth: int) -> Formula:
        if depth == 0 or rng.random() < 0.3:
            return Literal(rng.randrange(250), rng.random() < 0.2)
        return rng.choice([All, Any])(tuple(tree(rng, depth - 1) for _ in range(rng.choice([2, 2, 3]))))

    tally = Tally()
    for seed in range(CASES // 500):
        rng = random.Random(seed if WANTED is None else None)
        conclusions = [tree(rng, 2) for _ in range(105)]
        compare(conclusions, [rng.choices(range(4), [zeros, 1, 1, 1], k=250) for zeros in (1, 3, 30) * 4], tally)
    tally.report(capsys)
    assert tally.disagreements == []
    assert tally.cases >= 500


@settings(derandomize=True, database=None)
@given(formulas, vectors)
def test_the_opposite_of_the_opposite_is_the_formula_itself(formula: Formula, answers: list[int]) -> None:
    assert value(negate(negate(formula)), answers) == value(formula, answers)


@settings(derandomize=True, database=None)
@given(formulas, vectors)
def test_a_formula_and_its_opposite_never_both_hold(formula: Formula, answers: list[int]) -> None:
    assert min(value(formula, answers), value(negate(formula), answers)) <= 1


@settings(derandomize=True, database=None)
@given(formulas, vectors, numbers)
def test_more_evidence_for_a_clause_that_is_never_negated_lowers_no_conclusion(
        formula: Formula, answers: list[int], clause: int) -> None:
    plain = without_negation_of(clause, formula)
    values = [value(plain, [*answers[:clause], answer, *answers[clause + 1:]]) for answer in range(4)]
    assert values == sorted(values)


def without_negation_of(clause: int, formula: Formula) -> Formula:
    """The formula with every negated literal of one clause turned positive."""
    if isinstance(formula, Literal):
        return Literal(clause) if formula.clause == clause else formula
    return type(formula)(tuple(without_negation_of(clause, part) for part in formula.parts))
