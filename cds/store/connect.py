"""From a store's URL to a database engine that loses nothing it has committed.

SQLite: write-ahead log, a sync to disk with every commit, one writer at a time.  PostgreSQL: psycopg 3, commits that wait for the disk.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from cds.store.records import StoreRefused

BUSY_SECONDS = 3
"""How long a write waits for another process's lock, and a connection for its server."""

_FORMS = "write sqlite:///cds-store.sqlite3 or postgresql://user@host/database"
_KINDS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg"}


_ALIKE: dict[str, Any] = {"hide_parameters": True, "pool_size": 1, "max_overflow": 1, "json_deserializer": orjson.loads,
                          "json_serializer": lambda value: orjson.dumps(value).decode()}


def read(url: str) -> URL:
    """A store's URL, checked; StoreRefused where it is none.  The message holds no password."""
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreRefused(f"it is not a URL; {_FORMS}") from None
    kind = _KINDS.get(found.drivername)
    if kind is None:
        raise StoreRefused(f"`{found.drivername[:40]}` is not a kind of store; {_FORMS}")
    if kind == "sqlite" and (found.database or ":memory:").startswith((":memory:", "file:")):
        raise StoreRefused("SQLite in memory would lose acknowledged feedback; name a file, for example sqlite:///cds-store.sqlite3")
    return found.set(drivername=kind)


def told(url: str) -> str:
    """The URL for people: no password."""
    return read(url).render_as_string(hide_password=True)


def engine(url: str) -> Engine:
    """An engine for one thread; StoreRefused where the URL or an SQLite file cannot be used.  A server is not called yet."""
    found = read(url)
    if found.drivername == "sqlite":
        _openable(Path(str(found.database)))
        made = create_engine(found, connect_args={"timeout": BUSY_SECONDS}, **_ALIKE)
        event.listen(made, "connect", _sqlite)
        event.listen(made, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return made
    waits = {"connect_timeout": BUSY_SECONDS, "tcp_user_timeout": BUSY_SECONDS * 1000, "application_name": "ketamine-cds"}
    made = create_engine(found, pool_pre_ping=True, connect_args={key: value for key, value in waits.items() if key not in found.query}, **_ALIKE)
    event.listen(made, "connect", _postgresql)
    return made


def identity(url: str) -> tuple[int, int] | None:
    """Which file an SQLite URL means now: a file that was removed or replaced is noticed by it.  None for a server."""
    found = read(url)
    if found.drivername != "sqlite":
        return None
    try:
        state = os.stat(str(found.database))
    except OSError:
        return None
    return state.st_dev, state.st_ino


def said(error: DBAPIError) -> str:
    """The first line of what the database said, without statement or values."""
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0][:200]


def _openable(file: Path) -> None:
    """Create the file readable by its owner only: comments may speak of patients."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreRefused(f"`{file}` cannot be opened for writing ({error.strerror}); name a file in a writable folder") from None


def _sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _postgresql(connection: Any, _: Any) -> None:
    limit = BUSY_SECONDS * 1000
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {limit}")
        cursor.execute(f"SET lock_timeout = {limit}")
        cursor.execute("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
    connection.commit()
