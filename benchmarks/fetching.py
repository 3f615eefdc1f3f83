"""`python -m benchmarks.fetching`: what a hook takes when the EHR sends the chart, and when the service fetches it.

The EHR is a server on this machine that answers every list after a fixed time; what is above that time is ours.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from statistics import quantiles
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import servers
from benchmarks.requests import KINDS, PATH, document
from benchmarks.servers import Server, ServerFailed

TOGETHER = (1, 4, 16)
_WARM_UP = 48


@dataclass(frozen=True, slots=True)
class Taken:
    """Wall times in milliseconds of one way of asking, and the share of answers in which a list was missing."""

    name: str
    together: int
    p50: float
    p95: float
    missing: float


def benchmark(
    requests: Annotated[int, typer.Option(min=20, max=100_000, help="Requests for each line of the table.")] = 320,
    latency: Annotated[float, typer.Option(min=0, max=5000, help="Milliseconds after which the EHR answers a list.")] = 20,
    deadline: Annotated[int, typer.Option(min=50, max=60_000, help="The deadline of the service in milliseconds.")] = 400,
) -> None:
    """Measure hooks with a prefetched and with a fetched chart, one by one and together."""
    table = Table("chart", "hooks together", "p50 ms", "p95 ms", "a list missing")
    try:
        for one in measured(requests, latency, deadline):
            table.add_row(one.name, str(one.together), f"{one.p50:.1f}", f"{one.p95:.1f}", f"{one.missing:.1%}")
    except ServerFailed as failed:
        Console(stderr=True).print(f"benchmark: {failed}", markup=False)
        raise typer.Exit(2) from None
    Console().print(table)


def measured(requests: int, latency: float, deadline: int) -> list[Taken]:
    """Every line of the table."""
    found = []
    with servers.ehr(latency) as ehr:
        base = f"http://127.0.0.1:{ehr.port}/fhir"
        whole, bare = bodies(base)
        with servers.product() as ours:
            found += [taken("sent, nothing registered", ours, whole, requests, together) for together in TOGETHER]
        with servers.product(options=("--fhir-base", base, "--allow-local-fhir", "--deadline", str(deadline))) as ours:
            found += [taken("sent, base registered", ours, whole, requests, together) for together in TOGETHER]
            found += [taken("fetched", ours, bare, requests, together) for together in TOGETHER]
    return found


def bodies(base: str) -> tuple[bytes, bytes]:
    """A request with its whole chart, and the same without prefetch."""
    asked: dict[str, Any] = {**document(KINDS["small"], datetime.now(timezone.utc)), "fhirServer": base}
    empty = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    whole = {**asked["prefetch"], **{key: empty for key in ("allergies", "procedures", "adverseevents") if key not in asked["prefetch"]}}
    return orjson.dumps({**asked, "prefetch": whole}), orjson.dumps({**asked, "prefetch": {}})


def taken(name: str, server: Server, body: bytes, requests: int, together: int) -> Taken:
    """Send one request many times over so many connections at once."""
    callers = [Server(server.name, server.port, server.pid, 0) for _ in range(together)]

    def share(caller: Server, count: int) -> list[tuple[float, bool]]:
        found = []
        for _ in range(count):
            started = time.perf_counter()
            content, _ = caller.post(PATH, body)
            found.append((1000 * (time.perf_counter() - started), b"did not answer within" in content or b"could not be asked" in content))
        return found

    with ThreadPoolExecutor(together) as threads:
        list(threads.map(lambda caller: share(caller, max(1, _WARM_UP // together)), callers))
        answers = [one for part in threads.map(lambda caller: share(caller, max(2, requests // together)), callers) for one in part]
    cuts = quantiles([seconds for seconds, _ in answers], n=20, method="inclusive")
    return Taken(name, together, cuts[9], cuts[18], sum(missing for _, missing in answers) / len(answers))


if __name__ == "__main__":
    typer.run(benchmark)
