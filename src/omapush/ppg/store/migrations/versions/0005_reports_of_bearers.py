"""What bearers took of a delivery, and what they report of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns and the table; nothing that is older was handed over."""
    op.add_column("delivery", sa.Column("handed_over", sa.Boolean(), nullable=True))
    op.add_column("delivery", sa.Column("carried_by", sa.Integer(), nullable=True))
    op.create_table(
        "carried_part",
        sa.Column("bearer", Key, nullable=False),
        sa.Column("reference", Key, nullable=False),
        sa.Column("push_key", Key, nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("part", sa.Integer(), nullable=True),
        sa.Column("parts", sa.Integer(), nullable=True),
        sa.Column("carried_at", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bearer", "reference", name=op.f("pk_carried_part")),
        sqlite_with_rowid=False,
    )
    _partial_index("ix_carried_part_delivery", ["push_key", "position"], "push_key IS NOT NULL")
    _partial_index("ix_carried_part_orphans", ["reported_at"], "push_key IS NULL")


def _partial_index(name: str, columns: list[str], condition: str) -> None:
    op.create_index(
        name,
        "carried_part",
        columns,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )
