"""The durable-rules inference: exact, bounded, and never trusted further than it can be checked."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path

import pytest

from cds.engine import durable
from cds.engine.canary import canary
from cds.engine.durable import CompileLimit, EngineFault, Inference, refuse_unsafe
from cds.engine.formula import All, Any, Formula, Literal, value

needs_engine = pytest.mark.skipif(not durable.available(), reason=str(durable.why_unavailable()))
FIRED, END = '{"0":{"p0":{}}}', '{"end":{"p":{}}}'
ONE = [("first", Literal(0))]
MEMORY = Path("/proc/self/statm")
NOT_0, NOT_1 = Literal(0, negated=True), Literal(1, negated=True)


def random_formula(rng: random.Random, length: int, depth: int = 2) -> Formula:
    if depth == 0 or rng.random() < 0.35:
        return Literal(rng.randrange(length), rng.random() < 0.2)
    return rng.choice([All, Any])(tuple(random_formula(rng, length, depth - 1) for _ in range(rng.choice([2, 2, 3]))))


def rulebook(conclusions: int, length: int) -> list[tuple[str, Formula]]:
    rng = random.Random(1)
    return [(f"rule {number}", random_formula(rng, length)) for number in range(conclusions)]


class Scripted:
    """An engine that takes every fact and, in a session with facts, gives just these messages."""

    def __init__(self, *messages: str, endless: str | None = None, code: int = 0, pause: float = 0.0) -> None:
        self.messages, self.endless, self.code, self.pause = messages, endless, code, pause
        self.texts: list[str] = []
        self.facts: list[str] = []
        self.deleted: list[int] = []
        self.states_deleted = 0

    def create_ruleset(self, name: str, text: str) -> int:
        self.texts.append(text)
        return len(self.texts)

    def assert_fact(self, handle: int, text: str) -> tuple[int, int]:
        self.facts.append(text)
        return (0 if '"end"' in text else self.code), 0

    def start_action_for_state(self, handle: int, offset: int) -> tuple[str, str] | None:
        self.left = iter((END,))
        if len(self.facts) > 1:
            time.sleep(self.pause)
            self.left = itertools.chain(self.messages, itertools.repeat(self.endless) if self.endless else ())
        return next((("{}", message) for message in self.left), None)

    def complete_and_start_action(self, handle: int, offset: int) -> str | None:
        return next(self.left, None)

    def delete_state(self, handle: int, sid: str) -> None:
        self.facts.clear()
        self.states_deleted += 1

    def delete_ruleset(self, handle: int) -> None:
        self.deleted.append(handle)


@needs_engine
@pytest.mark.parametrize(("formula", "by_answer"), [
    (Literal(0), [0, 1, 2, 3]),
    (NOT_0, [3, 1, 1, 0]),
    (All((Literal(0), NOT_0)), [0, 1, 1, 0]),
    (Any((Literal(0), NOT_0)), [3, 1, 2, 3]),
    (All((Literal(0), Literal(0), Any((Literal(0), NOT_0)))), [0, 1, 2, 3]),
    (All(()), [3, 3, 3, 3]),
    (Any(()), [0, 0, 0, 0]),
    (All((Literal(0), Any(()))), [0, 0, 0, 0]),
    (Any((NOT_0, All(()))), [3, 3, 3, 3]),
])
def test_each_answer_of_a_clause_gives_the_value_the_rules_say(formula: Formula, by_answer: list[int]) -> None:
    inference = Inference([("it", formula), ("it again", formula)])
    assert [inference.infer([answer]) for answer in range(4)] == [[expected] * 2 for expected in by_answer]
    inference.close()


@needs_engine
def test_the_largest_conclusions_allowed_are_exact() -> None:
    twelve_clauses = All(tuple(Literal(clause) for clause in range(12)))
    most_ways = All(tuple(Any((Literal(2 * pair), Literal(2 * pair + 1, True))) for pair in range(7)))
    inference = Inference([("deep", twelve_clauses), ("wide", most_ways)])
    for answers in ([3] * 14, [2] * 14, [1] * 14, [3] * 11 + [1] * 3, [0] * 14, [0, 0, 3] * 4 + [0, 3]):
        assert inference.infer(answers) == [value(twelve_clauses, answers), value(most_ways, answers)]
    inference.close()


def test_the_engine_gets_only_rules_facts_and_sessions_that_can_matter() -> None:
    engine, asserted = Scripted(END), []
    Inference([("always", All(())), ("never", Any(())), ("contradiction", All((Literal(0), NOT_0))), ("no", NOT_1),
               ("repeats", Any((Literal(2), All((Literal(2), Literal(3))))))], engine=engine, handles=1)
    assert [len(json.loads(text)) - 1 for text in engine.texts] == [3, 1, 2]  # possible, soft, firm

    inference = Inference([("it", All((Literal(0), NOT_1, Literal(2))))], engine=engine, handles=1)
    engine.assert_fact = lambda handle, text: (asserted.append((handle, json.loads(text))), (0, 0))[1]
    inference.infer([0, 0, 0])
    assert asserted == []
    inference.infer([3, 0, 0])  # one of two that are needed: nothing could fire, nothing is asserted
    inference.infer([1, 0, 1])  # unknowns: only on one plane
    inference.infer([3, 0, 3])  # nothing unknown or soft: only the firm plane is asked
    assert [(handle, fact.get("c"), fact.get("yes")) for handle, fact in asserted] == [(4, 0, 1), (4, 1, 0), (4, 2, 1), (4, None, None), (6, 0, 3), (6, 1, 0), (6, 2, 3), (6, None, None)]


@pytest.mark.parametrize(("formula", "message"), [
    (All(tuple(Any((Literal(2 * pair), Literal(2 * pair + 1))) for pair in range(40))),
     "a rule: 129 or more conjunctions in disjunctive normal form, at most 128; split the rule into smaller rules"),
    (Any(tuple(Literal(clause) for clause in range(129))),
     "a rule: 129 or more conjunctions in disjunctive normal form, at most 128; split the rule into smaller rules"),
    (All(tuple(Literal(clause) for clause in range(13))),
     "a rule: 13 or more clauses in one conjunction, at most 12; split the rule into smaller rules"),
])
def test_a_conclusion_too_large_for_the_engine_is_refused_at_once(formula: Formula, message: str) -> None:
    engine = Scripted()
    with pytest.raises(CompileLimit) as refused:
        Inference([("fine", Literal(0)), ("a rule", formula)], engine=engine)
    assert (str(refused.value), engine.texts) == (message, [])


@pytest.mark.parametrize(("rules", "message"), [
    ([[(0, 1, 3)]] * 201, "r: 201 conjunctions sharing one pattern, at most 200"),
    ([[(clause, 1, 3)] for clause in range(200)], "r: 201 clauses in one shard, at most 200"),
    ([[(0, low, 99)] for low in range(30)], "r: 61 conditions one fact can meet, at most 60"),
    ([[(clause, 1, 3) for clause in range(10)]] * 20, "r: 201 patterns in one shard, at most 200"),
    ([[(clause % 50, 1, 3)] for clause in range(100)], "r: 101 conjunctions in one shard, at most 100"),
])
def test_a_shard_near_a_size_that_crashes_the_engine_is_refused(rules: list, message: str) -> None:
    with pytest.raises(CompileLimit) as refused:
        refuse_unsafe("r", rules)
    assert str(refused.value) == f"{message}; split the rule into smaller rules"
    refuse_unsafe("r", [[(clause, low, 3) for clause in (0, low)] for low in range(1, 30)] + [[(9, 1, 3)] * 2] * 70)


def test_every_shard_is_checked_before_the_engine_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "SHARD_PATTERNS", 500)
    with pytest.raises(CompileLimit, match="^rule 0: 121 conjunctions in one shard, at most 100; split the rule"):
        Inference([(f"rule {clause}", Literal(clause)) for clause in range(120)], engine=Scripted())


def test_no_two_names_that_the_engine_hashes_have_the_same_hash() -> None:
    def fnv(name: str) -> int:
        return reduce(lambda found, byte: (found ^ byte) * 0x01000193 % 2**32, name.encode(), 0x811C9DC5)

    engine = Scripted(END)
    Inference(rulebook(200, 300), engine=engine, handles=1)
    shards = [json.loads(text) for text in engine.texts]
    assert len(shards) > 3 and max(map(len, shards)) <= durable.SHARD_PATTERNS + 1
    words = set("".join(engine.texts).split('"')[1::2]) - {*map(str, range(50))} - {f"p{place}" for place in range(12)}
    assert words == {"end", "all", "p", "pri", "$and", "$gte", "$lte", "c", "yes"}
    for names in (["c", "yes", "end", "id", "sid", "$s"], ["end", "sid-s", *map(str, range(durable.SHARD_PATTERNS))]):
        assert len({fnv(name) for name in names}) == len(names)


@pytest.mark.parametrize(("broken", "message"), [
    (lambda: Scripted(), "the end rule did not fire"),
    (lambda: Scripted(FIRED), "the end rule did not fire"),
    (lambda: Scripted(END, FIRED), "rule 0 fired after the end, twice or unknown"),
    (lambda: Scripted(FIRED, FIRED, END), "rule 0 fired after the end, twice or unknown"),
    (lambda: Scripted('{"7":{}}', END), "rule 7 fired after the end, twice or unknown"),
    (lambda: Scripted(endless=FIRED), "rule 0 fired after the end, twice or unknown"),
    (lambda: Scripted(endless=END), "rule end fired after the end, twice or unknown"),
    (lambda: Scripted(FIRED, END, code=1), "a fact was not stored"),
    (lambda: Scripted(FIRED, END, code=2), "a fact was not stored"),
    (lambda: Scripted(FIRED, END, pause=0.3), "no answer in time"),
    (lambda: Scripted("{}"), "ValueError: substring not found"),
])
def test_misbehaviour_is_a_fault_and_deletes_no_handles(broken: Callable[[], Scripted], message: str) -> None:
    engine = broken()
    inference = Inference(ONE, engine=engine, handles=1)
    created, states_deleted = len(engine.texts), engine.states_deleted
    with pytest.raises(EngineFault) as fault:
        inference.infer([3])
    assert (str(fault.value), inference.faults, engine.states_deleted) == (message, 1, states_deleted)
    engine.facts.clear()
    assert inference.infer([0]) == [0]  # on new handles, built when they were needed
    assert len(engine.texts) == 2 * created
    inference.close()
    assert engine.deleted == list(range(created + 1, 2 * created + 1))


def test_after_five_faults_the_engine_is_switched_off() -> None:
    engine = Scripted(FIRED)
    inference = Inference(ONE, engine=engine)
    for _ in range(5):
        engine.facts.clear()
        with pytest.raises(EngineFault, match="the end rule did not fire"):
            inference.infer([3])
    calls = len(engine.texts), engine.states_deleted
    with pytest.raises(EngineFault, match="^switched off after 5 faults$"):
        inference.infer([0])
    assert (len(engine.texts), engine.states_deleted) == calls


def test_an_engine_that_raises_is_a_fault_but_an_interrupt_passes() -> None:
    for error, expected in ((RuntimeError("error code: 303"), EngineFault), (KeyboardInterrupt(), KeyboardInterrupt)):
        engine = Scripted(END)
        inference = Inference(ONE, engine=engine)
        engine.start_action_for_state = lambda handle, offset, error=error: (_ for _ in ()).throw(error)
        with pytest.raises(expected, match="^(RuntimeError: error code: 303)?$"):
            inference.infer([3])
        assert inference.faults == 1


def test_a_rule_that_fires_in_the_warm_up_and_an_engine_that_is_missing_stop_the_construction() -> None:
    fires_always = Scripted()
    fires_always.start_action_for_state = lambda handle, offset: ("{}", FIRED)
    fires_always.left = iter([END])
    with pytest.raises(EngineFault, match="^a rule fired without facts$"):
        Inference(ONE, engine=fires_always)
    with pytest.raises(EngineFault):
        Inference(ONE, engine=None)


def test_waiting_for_a_free_handle_ends_and_is_not_a_fault() -> None:
    engine, started, released = Scripted(FIRED, END), threading.Event(), threading.Event()
    inference = Inference(ONE, engine=engine, handles=1, deadline=0.1)
    engine.assert_fact = lambda handle, text: (started.set(), released.wait(10), (0, 0))[2]
    busy = threading.Thread(target=lambda: pytest.raises(EngineFault, inference.infer, [3]))
    busy.start()
    started.wait(10)
    with pytest.raises(EngineFault, match="^no free handle within 0.1 s$"):
        inference.infer([0])
    assert inference.faults == 0
    released.set()
    busy.join()


@needs_engine
def test_eight_threads_on_one_inference_all_get_the_reference_values() -> None:
    conclusions = rulebook(40, 60)
    inference = Inference(conclusions, deadline=30)

    def wrong_answers(seed: int) -> list[list[int]]:
        rng = random.Random(seed)
        vectors = [rng.choices(range(4), [6, 1, 1, 1], k=60) for _ in range(250)]
        return [each for each in vectors if inference.infer(each) != [value(asked, each) for _, asked in conclusions]]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(wrong_answers, range(8))) == [[]] * 8
    inference.close()


@needs_engine
@pytest.mark.skipif(not MEMORY.exists(), reason="reads the memory size from /proc")
def test_memory_stays_flat_over_reloads_and_inferences() -> None:
    conclusions, rng = rulebook(20, 40), random.Random(3)
    vectors = [rng.choices(range(4), [6, 1, 1, 1], k=40) for _ in range(100)]

    def cycles(reloads: int, inferences: int) -> None:
        for _ in range(reloads):
            inference = Inference(conclusions)
            for answers in itertools.islice(itertools.cycle(vectors), inferences):
                inference.infer(answers)
            inference.close()

    cycles(20, 1)
    cycles(1, 200)
    before = int(MEMORY.read_text().split()[1])
    cycles(200, 1)
    cycles(1, 5000)
    assert int(MEMORY.read_text().split()[1]) - before < 1000  # pages of 4 kB


FAKES = {
    "import os\ndef create_ruleset(*_): os.abort()": "the engine crashed: Aborted",
    "import time\ndef create_ruleset(*_): time.sleep(3600)": "the engine did not finish within 1.5 s",
    "import os\ndef create_ruleset(*_): os._exit(0)": "the trial said nothing",
    "raise ImportError('undefined symbol')": "durable-rules cannot be imported: undefined symbol",
    "create_ruleset = lambda *_: 1\nassert_fact = lambda *_: (0, 0)\ndelete_state = lambda *_: None\n"
    f"start_action_for_state = lambda *_: ('', {END!r})\ncomplete_and_start_action = lambda *_: None":
        "first: the engine says 0, the reference 1",
}


@pytest.mark.parametrize("source", FAKES, ids=["crash", "hang", "silence", "not there", "lie"])
def test_the_canary_says_how_the_engine_failed(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "durable_rules_engine.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert canary(ONE, timeout=1.5) == FAKES[source]


@needs_engine
def test_the_canary_finds_nothing_wrong_with_a_sound_rulebook_and_names_one_too_large() -> None:
    assert canary([*rulebook(50, 80), ("always", All(())), ("never", Any(()))]) is None
    assert str(canary([("wide", Any(tuple(map(Literal, range(129)))))])).startswith("wide: 129 or more conjunctions in ")
