"""order-select: which of the draft orders the user has just selected (hook library 1.0.1, order-select)."""

from __future__ import annotations

from typing import Any

from cds.fhir import read
from cds.hooks.request import HookRequest


def chosen(request: HookRequest) -> frozenset[str]:
    """References and bare ids of the selected orders; empty where all draft orders are meant.

    Selections that match no draft order are taken as a slip of the client: then all of them are evaluated.
    """
    if not request.selections:
        return frozenset()
    by_url = {entry.get("fullUrl"): _name(entry["resource"], number) for number, entry in enumerate(request.draft_orders or (), 1)
              if isinstance(entry.get("resource"), dict) and isinstance(entry.get("fullUrl"), str)}
    named = [by_url.get(ref, ref) for ref in request.selections]
    refs = frozenset(named) | frozenset(read.tail(ref) for ref in named)
    known = {_name(entry["resource"], number) for number, entry in enumerate(request.draft_orders or (), 1)
             if isinstance(entry.get("resource"), dict)}
    return refs if any(ref in refs or ref.rpartition("/")[2] in refs for ref in known) else frozenset()


def _name(resource: dict[str, Any], number: int) -> str:
    """How facts name a draft order: by its id, else by its place."""
    return read.name(resource) if resource.get("id") else f"{read.text(resource.get('resourceType'))}/(draft {number})"
