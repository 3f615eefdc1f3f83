"""What the service offers and what it asks clients to prefetch, derived from the rules of each hook.

CDS Hooks 2.0.1, "Discovery"; templates use only instance reads and type searches with widely supported parameters.
"""

from __future__ import annotations

from typing import Any

from cds.fhir.queries import prefetch
from cds.hooks.request import HOOKS
from cds.rulebook import Rulebook
from cds.web import site

_TITLES = {"patient-view": "Ketamine therapy: open chart", "order-select": "Ketamine therapy: selecting an order",
           "order-sign": "Ketamine therapy: signing an order"}


def service_id(hook: str) -> str:
    """The id of the one service that answers a hook."""
    return f"ketamine-{hook}"


def services(book: Rulebook) -> dict[str, Any]:
    """The discovery document."""
    return {"services": [_service(hook, book) for hook in HOOKS]}


def _service(hook: str, book: Rulebook) -> dict[str, Any]:
    rules = [rule for rule in book.rules if hook in rule.hooks]
    titles = "; ".join(rule.title for rule in rules if not rule.silent)
    here = site.unchecked(book)
    return {
        "hook": hook,
        "id": service_id(hook),
        "title": _TITLES[hook],
        "description": f"Contraindications, interactions and dosing of ketamine and esketamine. Checks: {titles}. "
                       f"Rulebook {book.book.version}, awaiting clinical sign-off; says what it could not check." + (f" {here}" if here else ""),
        "prefetch": prefetch(hook, rules, book),
        "usageRequirements": "Send the prefetch lists complete, or not at all: a list that is missing, null, an error or cut off is reported "
                             "as not checked; procedures and adverse events are used where they are sent. " +
                             ("Draft orders are read from context.draftOrders." if hook != "patient-view" else
                                                   "Speaks only about patients with ketamine or esketamine in the last 365 days."),
    }
