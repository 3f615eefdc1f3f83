"""The largest conclusions allowed, many at once: exact, in rule sets of a tried size, and in time."""

from __future__ import annotations

import random
import time

import pytest

from cds.engine import durable
from cds.engine.durable import Inference
from cds.engine.formula import All, Any, Literal, value

needs_engine = pytest.mark.skipif(not durable.available(), reason=str(durable.why_unavailable()))


@needs_engine
def test_six_conclusions_of_the_most_ways_each_are_exact_in_small_shards_and_far_inside_the_deadline() -> None:
    rng = random.Random(7)
    wide = [(f"wide {place}", All(tuple(Any((Literal(14 * place + 2 * pair), Literal(14 * place + 2 * pair + 1))) for pair in range(7))))
            for place in range(6)]
    ways = [durable._ways(name, formula) for name, formula in wide]
    assert {len(each) for each in ways} == {durable.MAX_CONJUNCTIONS}
    _, shards = durable.compiled(wide)
    assert max(shard.text.count('"c"') for shard in shards) <= durable.SHARD_PATTERNS
    inference = Inference(wide, deadline=5)
    for _ in range(5):
        answers = [rng.choice((0, 1, 2, 3, 3, 3)) for _ in range(14 * 6)]
        started = time.process_time()
        assert inference.infer(answers) == [value(formula, answers) for _, formula in wide]
        assert time.process_time() - started < durable.DEADLINE
    inference.close()
