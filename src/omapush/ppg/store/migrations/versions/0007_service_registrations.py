"""Registrations at push services of the gateway (Push Service Registration)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "service_registration",
        sa.Column("registration_id", Key, nullable=False),
        sa.Column("owner", Key, nullable=False),
        sa.Column("service", Key, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("refreshed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("client_id", Key, nullable=True),
        sa.Column("terminal_id", sa.Text(), nullable=True),
        sa.Column("application_ids", sa.Text(), nullable=False),
        sa.Column("protocols", sa.Text(), nullable=False),
        sa.Column("cpi", sa.Text(), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_service_registration")),
        sqlite_with_rowid=False,
    )
    table = "service_registration"
    op.create_index("ix_service_registration_owner", table, ["owner", "service", "expires_at"])
    op.create_index("ix_service_registration_client", table, ["client_id", "registration_id"])
    op.create_index("ix_service_registration_expiry", table, ["expires_at"])
