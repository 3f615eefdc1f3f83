"""`cds evaluate --check-fhir`: where a request departs from FHIR R4, as a table on a terminal, else one line for each place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds.fhir import r4

MOST = 500
"""Places that are listed; the rest is counted."""
_ADVICE = "advice only; the response is the same"


def tell(document: Mapping[str, Any]) -> None:
    """Say on standard error where the FHIR of a CDS Hooks request is not R4."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with console.status("Comparing the request with FHIR R4"):
            found = r4.of_request(document)
    else:
        found = r4.of_request(document)
    shown, more = found[:MOST], len(found) - MOST
    if not found:
        console.print(Text("FHIR R4: no departure found in its elements, types, codes and dates"), soft_wrap=True)
    elif console.is_terminal:
        _table(shown, more, console)
    else:
        for one in shown:
            console.print(Text(f"{one.path}: {one.value or 'missing'}: {one.says}"), soft_wrap=True)
    if found:
        places = "1 place departs" if len(found) == 1 else f"{len(found)} places depart"
        console.print(Text(f"FHIR R4: {places} from it{f', {MOST} are listed' if more > 0 else ''} ({_ADVICE})"), soft_wrap=True)


def _table(shown: list[r4.Departure], more: int, console: Console) -> None:
    table = Table(title="Where the request departs from FHIR R4", title_justify="left")
    for heading, ratio in (("Where", 4), ("What stands there", 3), ("What R4 says", 3)):
        table.add_column(heading, overflow="fold", ratio=ratio)
    for one in shown:
        table.add_row(Text(one.path), Text(one.value or "missing", style="yellow"), Text(one.says))
    if more > 0:
        table.add_row(Text(f"and {more} more"), Text(), Text())
    console.print(table)
