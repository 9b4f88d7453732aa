"""How Alembic runs here: on the connection that ``migrate.upgrade`` hands in.

``alembic`` itself is needed only to write new revisions; see CONTRIBUTING.
"""

from __future__ import annotations

from alembic import context

from omapush.ppg.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
