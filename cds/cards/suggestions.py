"""Suggestions that do something: delete a draft order.  CDS Hooks 2.0.1, "Suggestion" and "Action"; one action each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cds.cards.findings import Finding
from cds.cards.text import plain


def suggestions(found: Iterable[Finding], new_identifier: Callable[[], str]) -> list[dict[str, Any]]:
    """One suggestion per draft order that a finding on the card suggests to delete, in the order of the findings."""
    orders = {order.ref: order for one in found if one.message and "delete-order" in one.message.suggest
              for order in one.orders if order.draft and "(" not in order.ref}
    return [_delete(ref, order.name if len(orders) == 1 else order.text, new_identifier()) for ref, order in orders.items()]


def _delete(ref: str, name: str, identifier: str) -> dict[str, Any]:
    said = f"Remove the draft order: {plain(name, 60)}"
    return {"label": said, "uuid": identifier, "actions": [{"type": "delete", "description": said, "resourceId": ref}]}
