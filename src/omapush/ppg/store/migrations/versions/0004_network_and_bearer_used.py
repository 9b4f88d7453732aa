"""Over which network and bearer a delivery was sent: told to the initiator (PAP 8.2.2)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; of what is older it is not known."""
    op.add_column("delivery", sa.Column("network", sa.Text(), nullable=True))
    op.add_column("delivery", sa.Column("bearer", sa.Text(), nullable=True))
