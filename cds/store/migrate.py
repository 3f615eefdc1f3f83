"""Bring a database to the schema this version needs, or say why that cannot be; safe with several processes at once."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from cds.store.connect import engine, said
from cds.store.records import StoreRefused, StoreUnreachable
from cds.store.schema import REVISIONS, VERSION_TABLE

NEEDED = REVISIONS[-1]
_LOCK = 0x6B6574616D696E65
"""The advisory lock under which PostgreSQL is migrated; SQLite's write lock does the same there."""


def prepare(url: str) -> str | None:
    """Bring the store up to date; its schema before that, None for an empty one.  StoreRefused or StoreUnreachable."""
    made = engine(url)
    try:
        return bring_up_to_date(made)
    finally:
        made.dispose()


def bring_up_to_date(made: Engine, target: str = NEEDED) -> str | None:
    """As `prepare`, over an engine."""
    try:
        with made.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            before = _version(connection)
            if before not in (None, *REVISIONS):
                raise StoreRefused(f"its schema is `{before}`, this version of ketamine-cds knows schemas up to {NEEDED}: a newer version wrote it. "
                                   "Install that version again, or name another store; nothing was changed")
            if before != target:
                _upgrade(connection, target)
            return before
    except OperationalError as error:
        raise StoreUnreachable(said(error)) from None
    except DBAPIError as error:
        raise StoreRefused(f"its tables cannot be read or set up: {said(error)}. Name a store of ketamine-cds or an empty database "
                           "in which its user may create tables") from None


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT max(version_num) FROM {VERSION_TABLE}")).scalar()


def _upgrade(connection: Connection, target: str) -> None:
    from alembic import command  # a tenth of a second, which only the first start pays
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
