"""What is known of the terminals that dial in: where they are attached, and where they were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns; an attachment of before counts as renewed long ago."""
    op.add_column(
        "attachment",
        sa.Column("renewed_at", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )
    op.add_column(
        "attachment", sa.Column("address", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.add_column("registration", sa.Column("host", Key, nullable=True))
    for name, column in (("terminal", "terminal_id"), ("host", "host")):
        condition = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_registration_{name}",
            "registration",
            [column, "seen_at"],
            sqlite_where=condition,
            postgresql_where=condition,
        )
