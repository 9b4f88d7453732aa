"""Bringing a database to the schema of this version (Alembic, run from ``Store.open``)."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from omapush.core.errors import OmapushError

# Alembic hands the connection to the revisions through variables of its modules.
_one_at_a_time = threading.Lock()

LOCATION = Path(__file__).parent / "migrations"


class SchemaTooNewError(OmapushError):
    """The database was migrated by a newer omapush; this one must not touch it."""


def configuration() -> Config:
    """Return Alembic's settings, which need no file."""
    config = Config()
    config.set_main_option("script_location", str(LOCATION).replace("%", "%%"))
    return config


def upgrade(connection: Connection) -> None:
    """Migrate within the transaction of ``connection``; do nothing if it is up to date.

    Call it from a thread that does nothing else meanwhile: migrations of one process wait here for
    each other.

    :raises SchemaTooNewError: the database has a revision that this version does not know.
    """
    with _one_at_a_time:
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    config = configuration()
    script = ScriptDirectory.from_config(config)
    at = MigrationContext.configure(connection).get_current_heads()
    if set(at) == set(script.get_heads()):
        return
    known = {revision.revision for revision in script.walk_revisions()}
    unknown = set(at) - known
    if unknown:
        raise SchemaTooNewError(
            f"the database has schema {', '.join(sorted(unknown))}, which a newer omapush made; "
            f"this one knows schemas up to {', '.join(sorted(script.get_heads()))}"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
