"""The measurements: two servers asked in turn, start-up time, and memory over many requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import orjson

from benchmarks import requests, servers
from benchmarks.requests import PATH, Kind
from benchmarks.servers import Server, ServerFailed

_WARM_UP = 64


@dataclass(frozen=True, slots=True)
class Compared:
    """One server against another on the same requests; times in milliseconds, each the median of the rounds.

    half of the rounds have a ratio from `lower` to `upper`; `p50` and `p95` are wall times of the second server.
    """

    name: str
    first_cpu: float
    second_cpu: float
    ratio: float
    lower: float
    upper: float
    p50: float
    p95: float
    budget: float
    pairs: int

    @property
    def met(self) -> bool:
        """Whether the ratio stays within its budget."""
        return self.ratio <= self.budget


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in bytes after a first and after a last number of requests."""

    early_requests: int
    early: int
    late_requests: int
    late: int

    @property
    def growth(self) -> float:
        """By which share it grew."""
        return self.late / self.early - 1


def compared(name: str, first: Server, second: Server, kind: Kind, now: datetime, pairs: int, rounds: int, budget: float) -> Compared:
    """Send the same requests to two servers alternately; CPU time is what each process used in a round.

    Rounds are short, so that whatever else the machine does meets both servers alike; their median counts.
    """
    bodies = requests.stream(kind, now)
    for _ in range(_WARM_UP):
        _ask_both(first, second, next(bodies))
    found = [_round(first, second, bodies, max(1, pairs // rounds)) for _ in range(rounds)]
    walls = sorted(one for each in found for one in each[2])
    ratios = [one[1] / one[0] for one in found]
    lower, middle, upper = quantiles(ratios, n=4)
    return Compared(name, median(one[0] for one in found), median(one[1] for one in found), middle, lower, upper,
                    median(walls), quantiles(walls, n=20)[-1], budget, len(walls))


def _round(first: Server, second: Server, bodies: Iterator[bytes], pairs: int) -> tuple[float, float, list[float]]:
    before = first.cpu_seconds(), second.cpu_seconds()
    walls = [_ask_both(first, second, next(bodies)) * 1000 for _ in range(pairs)]
    used = (first.cpu_seconds() - before[0]) * 1000 / pairs, (second.cpu_seconds() - before[1]) * 1000 / pairs
    return *used, walls


def _ask_both(first: Server, second: Server, body: bytes) -> float:
    first.post(PATH, body)
    return second.post(PATH, body)[1]


def refuse_silence(server: Server, kind: Kind, now: datetime) -> int:
    """The number of cards a request gets; ServerFailed where it is not what its kind must get, so that no error is measured."""
    cards = orjson.loads(server.post(PATH, next(requests.stream(kind, now)))[0])["cards"]
    if bool(cards) != (kind.name != "other"):
        raise ServerFailed(f"{server.name} answers a {kind.name} request with {len(cards)} cards; the measurement would mean nothing")
    return len(cards)


def refuse_without_cross_check(server: Server) -> None:
    """ServerFailed where the inference engine is off or has given up: evaluation would look cheaper than it is."""
    engine = server.get("/readyz")["engine"]
    if engine != "durable-rules":
        raise ServerFailed(f"{server.name} runs with the engine “{engine}”; the cross-check is part of what is measured")


def start_ups(times: int) -> list[float]:
    """Seconds from starting the process to the first positive answer of /readyz."""
    found = []
    for _ in range(times):
        with servers.product() as server:
            found.append(server.seconds_to_ready)
    return found


def memory(kind: Kind, now: datetime, early: int, late: int) -> Memory:
    """Memory of a fresh server after so many requests, every one about another patient."""
    bodies = requests.stream(kind, now)
    with servers.product() as server:
        for _ in range(early):
            server.post(PATH, next(bodies))
        at_first = server.resident_bytes()
        for _ in range(late - early):
            server.post(PATH, next(bodies))
        return Memory(early, at_first, late, server.resident_bytes())


def rulebooks(small: Path, large: Path, kind: Kind, now: datetime, pairs: int, rounds: int, budget: float) -> Compared:
    """The same requests to a server with few and one with many rules."""
    with servers.product(small) as few, servers.product(large) as many:
        for server in (few, many):
            refuse_without_cross_check(server)
            refuse_silence(server, kind, now)
        return compared("100, 1,000 rules", few, many, kind, now, pairs, rounds, budget)
