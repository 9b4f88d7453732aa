"""The tables of the ledger, once for SQLite and PostgreSQL.

What every push costs is written here, so each index has its reason beside it. Nothing is computed
by the database: no trigger, no sequence, no default. Rows carry no foreign keys; the transactions
write parent and child together and :func:`~omapush.ppg.store.records.purge` removes them together.

A row of ``delivery`` or ``notification`` that has not ended has a ``due_at``: the instant of its
next attempt, or while it is owned the end of the lease. A row that has ended has none, and so
leaves the partial indices: a million ended rows cost the claim nothing.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# Keys compare octet by octet on both databases; a language's collation would only cost time.
Key = Text().with_variant(Text(collation="C"), "postgresql")
Milliseconds = BigInteger

push = Table(
    "push",
    metadata,
    Column("push_key", Key, primary_key=True),
    Column("push_id", Key, nullable=False),
    Column("initiator_id", Text, nullable=False),
    Column("pap_version", Text, nullable=False),
    Column("received_at", Milliseconds, nullable=False),
    Column("expires_at", Milliseconds, nullable=False),
    Column("content_digest", Text, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("flags", BigInteger, nullable=False),
    Column("notify_url", Text),
    # JSON as we wrote it: never searched, so it needs no type of its own.
    Column("control", Text, nullable=False),
    Column("headers", Text, nullable=False),
    # Last, so that SQLite reads the other columns without walking a large body.
    Column("body", LargeBinary, nullable=False),
    # A push id is taken once for as long as its record is kept (PAP 2007).
    UniqueConstraint("push_id"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("push_key", Key, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("client_id", Key, nullable=False),
    Column("address", Text, nullable=False),
    Column("recipient", Key, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Milliseconds),
    # The due time it was accepted with: where hastening takes a deferred row back to.
    Column("not_before", Milliseconds, nullable=False),
    # Copies of the push's, so that settling and deferring need not read the push.
    Column("expires_at", Milliseconds, nullable=False),
    Column("owner", Text),
    Column("attempt", Integer, nullable=False),
    Column("sent_attempts", Integer, nullable=False),
    Column("code", Integer),
    Column("reason", Text, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("event_time", Milliseconds),
    # Of a group: how many of its parts have not ended. Of a part: the group's position.
    Column("open_members", Integer),
    Column("part_of", Integer),
    # What the latest attempt that was sent went over; none before.
    Column("network", Text),
    Column("bearer", Text),
    # A bearer has it and will report; kept while it is claimed, so that nobody sends it again.
    Column("handed_over", Boolean),
    # The latest attempt by which a bearer took a part of it; none: there is nothing to look up.
    Column("carried_by", Integer),
    sqlite_with_rowid=False,
)

# What bearers took and will report about. A report that comes before its part is settled is a row
# without a delivery: both insert the same key, so whichever is second finds the first.
carried_part = Table(
    "carried_part",
    metadata,
    Column("bearer", Key, primary_key=True),
    Column("reference", Key, primary_key=True),
    Column("push_key", Key),
    Column("position", Integer),
    Column("attempt", Integer),
    Column("part", Integer),
    Column("parts", Integer),
    Column("carried_at", Milliseconds),
    Column("verdict", Text),
    Column("reported_at", Milliseconds),
    Column("detail", Text, nullable=False),
    sqlite_with_rowid=False,
)
_of_delivery = carried_part.c.push_key.is_not(None)
# The parts of a delivery: all must arrive, and all go with the push.
Index(
    "ix_carried_part_delivery",
    carried_part.c.push_key,
    carried_part.c.position,
    sqlite_where=_of_delivery,
    postgresql_where=_of_delivery,
)
_orphaned = carried_part.c.push_key.is_(None)
# Reports without a delivery by age: they are bounded in number and time.
Index(
    "ix_carried_part_orphans",
    carried_part.c.reported_at,
    sqlite_where=_orphaned,
    postgresql_where=_orphaned,
)

# Deliveries of a push to very many recipients that have no row of their own yet, some hundreds in
# each row, as JSON: storing them so costs a push a hundredth of what their rows will.
expansion = Table(
    "expansion",
    metadata,
    Column("push_key", Key, primary_key=True),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("deliveries", Text, nullable=False),
    sqlite_with_rowid=False,
)

notification = Table(
    "notification",
    metadata,
    Column("push_key", Key, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("url", Key, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Milliseconds),
    Column("owner", Text),
    Column("attempt", Integer, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)

for _table, _lane in ((delivery, delivery.c.client_id), (notification, notification.c.url)):
    _open = _table.c.due_at.is_not(None)
    # What is due, oldest first; the key makes the order total.
    Index(
        f"ix_{_table.name}_due",
        _table.c.due_at,
        _table.c.push_key,
        _table.c.position,
        sqlite_where=_open,
        postgresql_where=_open,
    )
    # One client's (or one target's) backlog, and stepping over it to the next client.
    Index(
        f"ix_{_table.name}_{_lane.name}_due",
        _lane,
        _table.c.due_at,
        _table.c.push_key,
        _table.c.position,
        sqlite_where=_open,
        postgresql_where=_open,
    )

event = Table(
    "event",
    metadata,
    Column("push_key", Key, primary_key=True),
    Column("at", Milliseconds, primary_key=True, autoincrement=False),
    # Orders the events of one process within a millisecond; from a random start, so that two
    # processes never meet.
    Column("ordinal", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer),
    Column("event", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_with_rowid=False,
)

registration = Table(
    "registration",
    metadata,
    Column("client_id", Key, primary_key=True),
    Column("bearer", Key, primary_key=True),
    Column("seen_at", Milliseconds, nullable=False),
    Column("terminal_id", Text),
    Column("cpi_tag", Text),
    Column("cpi", Text, nullable=False),
    Column("authenticated", Boolean, nullable=False),
    Column("address", Text, nullable=False),
    Column("host", Key),
    sqlite_with_rowid=False,
)
_R = registration.c
# Whose terminal it is that dials in: by what it calls itself, or by where it comes from.
for _name, _by in (("terminal", _R.terminal_id), ("host", _R.host)):
    Index(
        f"ix_registration_{_name}",
        _by,
        _R.seen_at,
        sqlite_where=_by.is_not(None),
        postgresql_where=_by.is_not(None),
    )

# Nothing here but the key is indexed: a renewal then touches one row in its place.
attachment = Table(
    "attachment",
    metadata,
    Column("client_id", Key, primary_key=True),
    Column("kind", Key, primary_key=True),
    Column("node", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", Milliseconds, nullable=False),
    Column("renewed_at", Milliseconds, nullable=False),
    Column("address", Text, nullable=False),
    sqlite_with_rowid=False,
)

service_registration = Table(
    "service_registration",
    metadata,
    Column("registration_id", Key, primary_key=True),
    Column("owner", Key, nullable=False),
    Column("service", Key, nullable=False),
    Column("made_at", Milliseconds, nullable=False),
    Column("refreshed_at", Milliseconds, nullable=False),
    Column("expires_at", Milliseconds, nullable=False),
    Column("client_id", Key),
    Column("terminal_id", Text),
    # JSON, never searched.
    Column("application_ids", Text, nullable=False),
    Column("protocols", Text, nullable=False),
    Column("cpi", Text, nullable=False),
    Column("authenticated", Boolean, nullable=False),
    Column("address", Text, nullable=False),
    sqlite_with_rowid=False,
)
_S = service_registration.c
# How many an owner has at a service; what a client has; what has run out, and how many have not.
Index("ix_service_registration_owner", _S.owner, _S.service, _S.expires_at)
Index("ix_service_registration_client", _S.client_id, _S.registration_id)
Index("ix_service_registration_expiry", _S.expires_at)
