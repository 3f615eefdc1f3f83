"""What is remembered of a card: enough to tell what feedback is about, and nothing of the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


class StoreRefused(Exception):
    """The store cannot be used as it is; the message says why and what to do."""


class StoreUnreachable(Exception):
    """The store does not answer now; the message says how it failed."""


class Named(NamedTuple):
    """One rule on a card: its id, version and answer."""

    rule: str
    version: str
    answer: str


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card that was returned: by which service, when (UTC), its topic code, severity, rules and rulebook version."""

    uuid: str
    service: str
    topic: str
    indicator: str
    rules: tuple[Named, ...]
    rulebook: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """Feedback that was stored now and not before; `rules` is None where the card is unknown."""

    outcome: str
    rules: tuple[Named, ...] | None


def shown(card: Mapping[str, Any], service: str, at: datetime) -> ShownCard:
    """What is remembered of a card of a response."""
    extension = card["extension"]
    rules = tuple([Named(one["rule"], one["version"], one["answer"]) for one in extension.get("org.ketamine-cds.findings", ())])
    return ShownCard(card["uuid"], service, card["source"]["topic"]["code"], card["indicator"], rules,
                     extension["org.ketamine-cds.rulebook"]["version"], at)
