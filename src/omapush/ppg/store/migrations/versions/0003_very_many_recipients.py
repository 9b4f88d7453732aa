"""Pushes to very many recipients, and to groups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add what groups need, and the table of deliveries that have no row yet."""
    op.add_column("delivery", sa.Column("open_members", sa.Integer(), nullable=True))
    op.add_column("delivery", sa.Column("part_of", sa.Integer(), nullable=True))
    op.create_table(
        "expansion",
        sa.Column("push_key", Key, nullable=False),
        sa.Column("first", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("deliveries", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("push_key", "first", name=op.f("pk_expansion")),
        sqlite_with_rowid=False,
    )
