"""Run by Alembic: migrate over the connection it is handed, inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from cds.store.schema import METADATA, VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE)
context.run_migrations()
