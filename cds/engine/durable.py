"""The durable-rules inference: from clause answers to conclusions, inside the C engine.

Only its C module is used, within what was tried without a fault: constant conditions on flat integer facts, one fact
at a time, one live session per handle, far below the sizes at which it crashes or freezes.  Each clause is one fact
{"c": number, "yes": answer}; each way to a conclusion is one engine rule per plane: possible 1, soft 2, firm 3.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from types import ModuleType

from cds.engine.choice import Choice, Way
from cds.engine.formula import NO, SOFT, UNKNOWN, YES, Any, Formula, Literal, clauses

try:
    import durable_rules_engine as _engine
    _missing = None
except Exception as _error:  # a broken build fails in many ways, and the service runs without it
    _engine, _missing = None, f"durable-rules cannot be imported: {_error}"

MAX_FAULTS, DEADLINE = 5, 0.25
BUILDING = 5.0  # seconds for a first session, which may run in a thread beside the requests of a busy machine
MAX_CONJUNCTIONS, MAX_CLAUSES = 128, 12  # of one conclusion; shards keep each engine rule set small however many there are
MAX_RULES, MAX_PATTERNS, MAX_SIBLINGS, MAX_SHARING, MAX_STACK = 100, 200, 200, 200, 60
SHARD_PATTERNS = 16  # far below the limit, because a session pays for every pattern, used or not

Pattern = tuple[int, int, int]  # a clause, and the lowest and highest answer that holds


class CompileLimit(ValueError):
    """Rules on which the C engine could crash or freeze; the message says which limit and what to do."""


class EngineFault(RuntimeError):
    """The engine gave no answer that can be trusted; the reference answer counts."""


def available() -> bool:
    """Whether the C engine could be imported."""
    return _engine is not None


def why_unavailable() -> str | None:
    """Why the C engine could not be imported; None when it could."""
    return _missing


def _refuse_over(maximum: int, name: str, count: int, what: str) -> None:
    if count > maximum:
        raise CompileLimit(f"{name}: {count} {what}, at most {maximum}; split the rule into smaller rules")


def refuse_unsafe(name: str, rules: Sequence[Sequence[Pattern]]) -> None:
    """Raise CompileLimit for a shard of engine rules near any size at which durable-rules 2.0.28 crashed or froze."""
    patterns = Counter(pattern for rule in rules for pattern in rule)
    different = Counter(clause for clause, _, _ in patterns)
    _refuse_over(MAX_SHARING, name, max(patterns.values()), "conjunctions sharing one pattern")
    _refuse_over(MAX_SIBLINGS, name, len(different) + 1, "clauses in one shard")
    _refuse_over(MAX_STACK, name, 1 + 2 * max(different.values()), "conditions one fact can meet")  # 2 a pattern
    _refuse_over(MAX_PATTERNS, name, sum(patterns.values()) + 1, "patterns in one shard")
    _refuse_over(MAX_RULES, name, len(rules) + 1, "conjunctions in one shard")


def _ways(name: str, formula: Formula) -> list[Way]:
    """Every smallest way to meet a formula: its disjunctive normal form."""
    if isinstance(formula, Literal):
        return [frozenset({~formula.clause if formula.negated else formula.clause})]
    parts = [_ways(name, part) for part in formula.parts]
    if isinstance(formula, Any):
        return _smallest(name, (way for part in parts for way in part))
    ways: list[Way] = [frozenset()]
    for part in parts:
        ways = _smallest(name, (way | more for way in ways for more in part))
    return ways


def _smallest(name: str, ways: Iterable[Way]) -> list[Way]:
    """Leave out every way that contains another; short ones first, so that the count only grows and can stop early."""
    kept: list[Way] = []
    for way in sorted(set(ways), key=len):
        if not any(smaller <= way for smaller in kept):
            kept.append(way)
            _refuse_over(MAX_CLAUSES, name, len(way), "or more clauses in one conjunction")
            _refuse_over(MAX_CONJUNCTIONS, name, len(kept), "or more conjunctions in disjunctive normal form")
    return kept


def _patterns(way: Way, plane: int) -> list[Pattern]:
    """What must hold for a way to hold on a plane; nothing when it never does."""
    bounds: dict[int, tuple[int, int]] = {}  # one per clause, because the engine never fills two patterns with one fact
    for code in way:
        low, high = bounds.get(max(code, ~code), (NO, YES))
        bounds[max(code, ~code)] = (plane, high) if code >= 0 else (low, SOFT if plane == UNKNOWN else NO)
    if any(low > high for low, high in bounds.values()) or plane == SOFT and max(way) < 0:
        return []  # contradicts itself, or has only negated clauses, for which soft is the same as firm
    return [(clause, *bound) for clause, bound in sorted(bounds.items())]


@dataclass(frozen=True, slots=True)
class _Ruleset:
    """A shard of one plane: its text for the engine, the conclusions of each engine rule, the facts it can use."""

    plane: int
    text: str
    serves: dict[str, list[int]]
    facts: dict[int, tuple[str | None, ...]]
    ways: tuple[Way, ...]


def _ruleset(plane: int, shard: dict[Way, list[Pattern]], serving: dict[Way, list[int]]) -> _Ruleset:
    rules: dict[str, object] = {"end": {"all": [{"p": {"end": 1}}], "pri": 60000}}
    usable: dict[int, set[int]] = {}
    for number, patterns in enumerate(shard.values()):
        parts = []
        for place, (clause, low, high) in enumerate(patterns):
            bounds = [{"$gte": {"yes": low}}] * (low > NO) + [{"$lte": {"yes": high}}] * (high < YES)
            parts.append({f"p{place}": {"$and": [{"c": clause}, *bounds]}})
            usable.setdefault(clause, set()).update(range(low, high + 1))
        rules[str(number)] = {"all": parts, "pri": 1}
    facts = {
        clause: tuple(f'{{"c":{clause},"yes":{answer},"id":"{own}","sid":"s"}}' if answer in answers else None
                      for answer in (NO, UNKNOWN, SOFT, YES))
        for own, (clause, answers) in enumerate(usable.items())
    }
    return _Ruleset(plane, json.dumps(rules), {str(i): serving[way] for i, way in enumerate(shard)}, facts, tuple(shard))


def _rulesets(names: Sequence[str], serving: dict[Way, list[int]]) -> Iterator[_Ruleset]:
    """Fill shards one way after the other: those of negated clauses only, which always run, then short ones, which fire more often."""
    for plane in (UNKNOWN, SOFT, YES):
        shards: list[dict[Way, list[Pattern]]] = []
        room = 0
        for way in sorted(serving, key=lambda way: sum(code >= 0 for code in way)):
            if patterns := _patterns(way, plane):
                if len(patterns) > room:
                    shards.append({})
                    room = SHARD_PATTERNS
                shards[-1][way] = patterns
                room -= len(patterns)
        for shard in shards:
            refuse_unsafe(names[serving[next(iter(shard))][0]], [*shard.values()])
            yield _ruleset(plane, shard, serving)


def compiled(conclusions: Sequence[tuple[str, Formula]]) -> tuple[list[int], list[_Ruleset]]:
    """Constant conclusions and the text of every rule set, before the C engine sees any.  CompileLimit when one is too large."""
    constants = [NO] * len(conclusions)
    serving: dict[Way, list[int]] = {}
    for index, (name, formula) in enumerate(conclusions):
        for way in _ways(name, formula):
            if way:
                serving.setdefault(way, []).append(index)
            else:  # always met, for which the engine has no rule
                constants[index] = YES
    return constants, [*_rulesets([name for name, _ in conclusions], serving)]


def _session(engine: ModuleType, handle: int, known: dict[str, list[int]], texts: list[str], until: float) -> set[str]:
    """The engine rules that fire on some facts, in a session of its own; a fault leaves that session undeleted."""
    for text in texts:
        if engine.assert_fact(handle, text)[0] != 0:  # only facts that some rule asks for are asserted
            raise EngineFault("a fact was not stored")
    code, offset = engine.assert_fact(handle, '{"end":1,"id":"end","sid":"s"}')
    started = engine.start_action_for_state(handle, offset) if code == 0 else None
    message = started and started[1]
    fired: set[str] = set()
    while message is not None:
        name = message[2:message.index('"', 2)]
        if "end" in fired or name in fired or name != "end" and name not in known:
            # A clause has one fact, so no rule fires twice: this also ends a loop that would never end.
            raise EngineFault(f"rule {name} fired after the end, twice or unknown")
        if monotonic() > until:
            raise EngineFault("no answer in time")
        fired.add(name)
        message = engine.complete_and_start_action(handle, offset)
    if "end" not in fired:
        raise EngineFault("the end rule did not fire")
    engine.delete_state(handle, "s")
    return fired - {"end"}


class Inference:
    """The conclusions of one rulebook, compiled into the C engine; threads may share it."""

    def __init__(self, conclusions: Sequence[tuple[str, Formula]], *, handles: int = 2,
                 engine: ModuleType | None = _engine, deadline: float = DEADLINE) -> None:
        """Compile and warm up.  CompileLimit when a conclusion is too large, EngineFault when the engine fails."""
        if engine is None:
            raise EngineFault(_missing or "there is no engine")
        self.faults = 0
        self.length = 1 + max((clause for _, formula in conclusions for clause in clauses(formula)), default=-1)
        self._engine, self._deadline, self._lock = engine, deadline, Lock()
        self._constants, self._rulesets = compiled(conclusions)
        self._choice = Choice(self._constants, ((number, ruleset.plane, way, tuple(ruleset.serves[str(name)]))
                                                for number, ruleset in enumerate(self._rulesets) for name, way in enumerate(ruleset.ways)))
        self._pool: SimpleQueue[list[int] | None] = SimpleQueue()  # handles of the rule sets, if built
        self._places = range(handles)
        for _ in self._places:
            self._pool.put(None)
        for _ in self._places:  # takes each place in turn
            self.infer([NO] * self.length)

    @property
    def switched_off(self) -> bool:
        """Whether it failed too often to be asked again."""
        return self.faults >= MAX_FAULTS

    def infer(self, answers: Sequence[int]) -> list[int]:
        """The value (0 to 3) of each conclusion, given one answer per clause number.

        EngineFault when the engine misbehaves or is late, when it has done so MAX_FAULTS times, and (not counted) when
        no handle comes free in time; after close() none ever does.
        """
        if self.switched_off:
            raise EngineFault(f"switched off after {MAX_FAULTS} faults")
        try:
            handles = self._pool.get(timeout=self._deadline)
        except Empty:
            raise EngineFault(f"no free handle within {self._deadline:g} s") from None
        sound = None  # deleting a session in doubt could crash the process: its handles are given up for good
        try:
            handles = handles or self._built()
            values = self._values(handles, answers)
            sound = handles
            return values
        except EngineFault:
            raise
        except Exception as error:
            raise EngineFault(f"{type(error).__name__}: {error}") from error
        finally:
            if sound is None:
                with self._lock:
                    self.faults += 1
            self._pool.put(sound)

    def _built(self) -> list[int]:
        handles = [self._engine.create_ruleset("r", ruleset.text) for ruleset in self._rulesets]
        for handle, ruleset in zip(handles, self._rulesets):
            if _session(self._engine, handle, ruleset.serves, [], monotonic() + BUILDING):
                raise EngineFault("a rule fired without facts")
        return handles

    def _values(self, handles: list[int], answers: Sequence[int]) -> list[int]:
        until = monotonic() + self._deadline
        values = self._constants.copy()
        for number, clauses in sorted(self._choice.asked(answers).items()):
            ruleset = self._rulesets[number]
            texts = [text for clause in sorted(clauses) if (text := ruleset.facts[clause][answers[clause]])]
            for name in _session(self._engine, handles[number], ruleset.serves, texts, until):
                for conclusion in ruleset.serves[name]:
                    values[conclusion] = max(values[conclusion], ruleset.plane)
        return values

    def close(self) -> None:
        """Free the engine's rule sets, waiting for those in use; given-up ones stay, as deleting them is unsafe."""
        with suppress(Empty):
            for _ in self._places:
                for handle in self._pool.get(timeout=self._deadline) or ():
                    self._engine.delete_ruleset(handle)
