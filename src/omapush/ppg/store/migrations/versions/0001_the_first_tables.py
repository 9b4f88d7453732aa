"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "attachment",
        sa.Column("client_id", Key, nullable=False),
        sa.Column("kind", Key, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "kind", name=op.f("pk_attachment")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery",
        sa.Column("push_key", Key, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("client_id", Key, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_attempts", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("event_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("push_key", "position", name=op.f("pk_delivery")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_delivery_client_id_due",
        "delivery",
        ["client_id", "due_at", "push_key", "position"],
        unique=False,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["due_at", "push_key", "position"],
        unique=False,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "event",
        sa.Column("push_key", Key, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("push_key", "at", "ordinal", name=op.f("pk_event")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notification",
        sa.Column("push_key", Key, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", Key, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("push_key", "position", name=op.f("pk_notification")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_notification_due",
        "notification",
        ["due_at", "push_key", "position"],
        unique=False,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index(
        "ix_notification_url_due",
        "notification",
        ["url", "due_at", "push_key", "position"],
        unique=False,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "push",
        sa.Column("push_key", Key, nullable=False),
        sa.Column("push_id", Key, nullable=False),
        sa.Column("initiator_id", sa.Text(), nullable=False),
        sa.Column("pap_version", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("content_digest", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("flags", sa.BigInteger(), nullable=False),
        sa.Column("notify_url", sa.Text(), nullable=True),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("push_key", name=op.f("pk_push")),
        sa.UniqueConstraint("push_id", name=op.f("uq_push_push_id")),
    )
    op.create_table(
        "registration",
        sa.Column("client_id", Key, nullable=False),
        sa.Column("bearer", Key, nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("terminal_id", sa.Text(), nullable=True),
        sa.Column("cpi_tag", sa.Text(), nullable=True),
        sa.Column("cpi", sa.Text(), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "bearer", name=op.f("pk_registration")),
        sqlite_with_rowid=False,
    )
