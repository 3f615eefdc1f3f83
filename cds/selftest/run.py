"""`cds selftest`: put a running service to every check and say what falls short, as a table for people or as JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from cds.selftest import discovery, refusals, responses
from cds.selftest.client import Answer, Client, Unreachable, address
from cds.selftest.probes import Probe, feedback, probes
from cds.selftest.seen import PASSED, SHORT, UNTRIED, Result, Seen, result

CHECKS = (*discovery.CHECKS, *responses.CHECKS, *refusals.CHECKS)
MOST_NOTES, MOST_FAULTS = 4, 3
"""Notes shown for a check, and calls without an answer after which no more are made."""
_MARKS = {PASSED: ("passed", "green"), SHORT: ("SHORT", "bold red"), UNTRIED: ("untried", "dim")}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed: the address, headers to send along, the browser origin to try, whether feedback is sent,
    and the file of the certificate authority where it is not a public one."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    origin: str = "http://localhost"
    feedback: bool = True
    authority: str | None = None


def selftest(asked: Asked, as_json: bool) -> int:
    """Check a service and print the results: 0 all passed, 1 something falls short, 2 unreachable."""
    try:
        client = Client(address(asked.url), asked.headers, asked.authority)
        seen = look(client, asked)
    except Unreachable as nothing:
        sys.stderr.write(f"cds: {nothing}\n")
        return 2
    results = [result(check, seen) for check in CHECKS]
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(told(seen, results), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        show(seen, results, Console(highlight=False))
    return 1 if any(one.state == SHORT for one in results) else 0


def look(client: Client, asked: Asked) -> Seen:
    """Everything the service answers; Unreachable where it does not, or where it is no CDS Hooks service."""
    found = client.call("GET", "/cds-services")
    _refuse_others(client, found)
    seen = Seen(client, found)
    to_ask = [*probes(seen.services, asked.origin)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Asking the service", total=len(to_ask))
        for probe in to_ask:
            _ask(seen, probe)
            bar.advance(task)
        for service in seen.services if asked.feedback else ():
            for probe in bar.track([*feedback(service, seen.cards(service["id"]))], description=f"Feedback to {service['id']}"):
                _ask(seen, probe)
    return seen


def _ask(seen: Seen, probe: Probe) -> None:
    """One more answer; Unreachable where the service has stopped answering at all."""
    seen.answers.append((probe, probe.ask(seen.client)))
    last = seen.answers[-MOST_FAULTS:]
    if len(last) == MOST_FAULTS and all(answer is not None and answer.fault for _, answer in last):
        first, answer = last[0]
        raise Unreachable(f"{seen.client.base} stopped answering after {len(seen.answers) - MOST_FAULTS + 1} calls, at `{first.name}` to "
                          f"{first.service or first.path} ({answer and answer.fault})")


def _refuse_others(client: Client, found: Answer) -> None:
    at = f"{client.base}/cds-services"
    if not found.status:
        raise Unreachable(f"nothing answers at {client.base} ({found.fault}); start the service, or name its address: "
                          "`cds selftest http://127.0.0.1:8080`")
    if found.status in (401, 403):
        raise Unreachable(f"{at} answers {found.status}; give it a token: `--header \"Authorization: Bearer …\"`")
    if found.status == 404 or 300 <= found.status < 400:
        raise Unreachable(f"{at} answers {found.status}; is a CDS Hooks service listening there?")


def told(seen: Seen, results: list[Result]) -> dict[str, object]:
    """The results as JSON says them."""
    states = Counter(one.state for one in results)
    return {"url": seen.client.base, "passed": not states[SHORT], "services": [f"{one['id']} ({one['hook']})" for one in seen.services],
            "calls": len(seen.answers) + 1, "counts": {state: states[state] for state in _MARKS},
            "checks": [{"id": one.check.id, "group": one.check.group, "level": one.check.level, "title": one.check.title, "state": one.state,
                        "notes": list(one.notes), "why": one.check.why} for one in results]}


def show(seen: Seen, results: list[Result], console: Console) -> None:
    """Print the table of checks, each with what falls short and why that matters."""
    for group in dict.fromkeys(one.check.group for one in results):
        table = Table(title=group, title_justify="left", title_style="bold", box=None, show_header=False, padding=(0, 1, 0, 0))
        table.add_column(width=7)
        table.add_column(width=6, style="dim")
        table.add_column(overflow="fold")
        for one in (one for one in results if one.check.group == group):
            mark, colour = _MARKS[one.state]
            table.add_row(Text(mark, colour), one.check.level, _said(one))
        console.print(table)
        console.print()
    states = Counter(one.state for one in results)
    services = f"{len(seen.services)} service{'s' if len(seen.services) != 1 else ''}"
    console.print(Text(f"{seen.client.base}: {states[PASSED]} passed, {states[SHORT]} fall short, {states[UNTRIED]} not tried; {services}, "
                       f"{len(seen.answers) + 1} calls with synthetic patients", "bold red" if states[SHORT] else "bold green"))


def _said(one: Result) -> Text:
    said = Text(one.check.title)
    if one.state == UNTRIED:
        said.append(f"\n  not tried: {one.notes[0]}", "dim")
    for note in one.notes[:MOST_NOTES] if one.state == SHORT else ():
        said.append(f"\n  {note}", "red")
    if one.state == SHORT:
        more = len(one.notes) - MOST_NOTES
        said.append(f"\n  and {more} more; --json names them all" if more > 0 else "", "red")
        said.append(f"\n  matters because {one.check.why}", "yellow")
    return said
