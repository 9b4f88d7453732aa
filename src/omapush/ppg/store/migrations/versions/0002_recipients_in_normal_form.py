"""Recipients in their normal form, by which cancellation and replacement find them again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column; what is older keeps the spelling of the initiator as its only one."""
    op.add_column(
        "delivery", sa.Column("recipient", Key, nullable=False, server_default=sa.text("''"))
    )
    op.execute("UPDATE delivery SET recipient = address")
