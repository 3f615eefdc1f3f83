"""Statements: remember cards, store feedback once, tell which cards are known.  Each runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from cds.hooks.feedback import Feedback
from cds.store.records import Named, ShownCard, Stored
from cds.store.schema import CARDS, FEEDBACK

_AT_ONCE = 500  # values of one IN list


def remember(connection: Connection, cards: Sequence[ShownCard]) -> None:
    """Remember returned cards; one that is known already is left as it is."""
    rows = [{"uuid": one.uuid, "service": one.service, "topic": one.topic, "indicator": one.indicator,
             "rules": [named._asdict() for named in one.rules], "rulebook": one.rulebook, "shown_at": one.at} for one in cards]
    connection.execute(_once(connection, CARDS), rows)


def known(connection: Connection, cards: Iterable[str]) -> dict[str, tuple[Named, ...]]:
    """The rules of those cards that are known."""
    asked = list(dict.fromkeys(cards))
    found: dict[str, tuple[Named, ...]] = {}
    for start in range(0, len(asked), _AT_ONCE):
        rows = connection.execute(select(CARDS.c.uuid, CARDS.c.rules).where(CARDS.c.uuid.in_(asked[start:start + _AT_ONCE])))
        found |= {uuid: tuple(Named(**named) for named in rules) for uuid, rules in rows}
    return found


def keep(connection: Connection, items: Sequence[Feedback], received: datetime) -> list[Stored]:
    """Store feedback, each once however often it is sent; those that were not stored before, with the rules of their cards."""
    about = known(connection, (one.card for one in items))
    by_key = {one.key(): one for one in items}
    rows = [{"key": key, "card": one.card, "card_known": one.card in about, "service": one.service, "outcome": one.outcome,
             "outcome_at": one.at, "suggestions": list(one.suggestions), "reasons": [_filled(asdict(reason)) for reason in one.reasons],
             "comment": one.comment, "received_at": received} for key, one in by_key.items()]
    if not rows:
        return []
    new = connection.execute(_once(connection, FEEDBACK).returning(FEEDBACK.c.key), rows).scalars()
    return [Stored(by_key[key].outcome, about.get(by_key[key].card)) for key in new]


def _filled(members: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


def _once(connection: Connection, table: Table) -> Any:
    """An INSERT that leaves a row with the same key as it is."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert
    return insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key))
