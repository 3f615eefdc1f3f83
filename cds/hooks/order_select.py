"""order-select: which of the draft orders the user has just selected (hook library 1.0.1, order-select)."""

from __future__ import annotations

from cds.fhir import read
from cds.hooks.request import HookRequest


def chosen(request: HookRequest) -> frozenset[str]:
    """References and bare ids of the selected orders; empty where all draft orders are meant.

    Selections that match no draft order are taken as a slip of the client: then all of them are evaluated.
    """
    if not request.selections:
        return frozenset()
    by_url = {entry.get("fullUrl"): read.name(entry["resource"]) for entry in request.draft_orders or ()
              if isinstance(entry.get("resource"), dict) and isinstance(entry.get("fullUrl"), str)}
    named = [by_url.get(ref, ref) for ref in request.selections]
    refs = frozenset(named) | frozenset(read.tail(ref) for ref in named)
    known = {read.name(entry["resource"]) for entry in request.draft_orders or () if isinstance(entry.get("resource"), dict)}
    return refs if any(ref in refs or ref.rpartition("/")[2] in refs for ref in known) else frozenset()
