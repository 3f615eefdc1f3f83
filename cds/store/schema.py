"""The tables as this version reads and writes them; `migrations/` brings a database there step by step."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, MetaData, String, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

REVISIONS = ("0001", "0002")
"""Every schema this version knows, oldest first; the last one is the one it needs."""

VERSION_TABLE = "cds_schema"


class Instant(TypeDecorator):
    """An aware datetime, kept and read in UTC also where the database knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """To the database."""
        return value and value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """From the database."""
        return value and (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


LISTED = JSON().with_variant(JSONB(), "postgresql")
METADATA = MetaData()

FEEDBACK = Table(
    "cds_feedback", METADATA,
    Column("key", String(64), primary_key=True),
    Column("card", Text, nullable=False, index=True),
    Column("card_known", Boolean, nullable=False),
    Column("service", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("outcome_at", Instant, nullable=False),
    Column("suggestions", LISTED, nullable=False),
    Column("reasons", LISTED, nullable=False),
    Column("comment", Text),
    Column("received_at", Instant, nullable=False, index=True),
)

CARDS = Table(
    "cds_card", METADATA,
    Column("uuid", String(64), primary_key=True),
    Column("service", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("indicator", Text, nullable=False),
    Column("rules", LISTED, nullable=False),
    Column("rulebook", Text, nullable=False),
    Column("shown_at", Instant, nullable=False, index=True),
)
