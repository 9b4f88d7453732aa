"""Registrations at push services as rows; see ``service_registration_contract``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from omapush.core.instants import Instant
from omapush.ppg.store import schema
from omapush.ppg.store.service_registration_contract import (
    ServiceRegistrationBounds,
    ServiceRegistrationOutcome,
    ServiceRegistrationRecord,
)
from omapush.ppg.store.statements import Statement
from omapush.ppg.store.values import headers_from, json_text, readable

FORGOTTEN_TOGETHER = 256
"""So many that ran out are forgotten with each new one: no registration waits for a large work."""

_S = schema.service_registration.c
_now = bindparam("now", type_=BigInteger)
_columns = {column.name: bindparam(f"s_{column.name}", type_=column.type) for column in _S}

_keep = Statement(insert(schema.service_registration).values(_columns).on_conflict_do_nothing())
_known = Statement(select(_S.registration_id).where(_S.registration_id == bindparam("wanted")))
_count_of_owner = Statement(
    select(func.count()).where(
        _S.owner == bindparam("owner"), _S.service == bindparam("service"), _S.expires_at > _now
    )
)
_count = Statement(select(func.count()).where(_S.expires_at > _now))
_refresh = Statement(
    update(schema.service_registration)
    .where(
        _S.registration_id == bindparam("wanted"),
        _S.owner == bindparam("by"),
        _S.expires_at > _now,
    )
    .values(
        {
            name: value
            for name, value in _columns.items()
            if name not in ("registration_id", "owner", "made_at")
        }
    )
    .returning(_S.registration_id)
)
_end = Statement(
    delete(schema.service_registration)
    .where(_S.registration_id == bindparam("wanted"), _S.owner == bindparam("by"))
    .returning(*_S)
)
_one = Statement(
    select(schema.service_registration).where(_S.registration_id == bindparam("wanted"))
)
_page = (
    select(schema.service_registration)
    .where(_S.registration_id > bindparam("after"), _S.expires_at > _now)
    .order_by(_S.registration_id)
    .limit(bindparam("page", type_=BigInteger))
)
_all = Statement(_page)
_of_client = Statement(_page.where(_S.client_id == bindparam("client")))
_forget = Statement(
    delete(schema.service_registration)
    .where(
        _S.registration_id.in_(
            select(_S.registration_id)
            .where(_S.expires_at < bindparam("before", type_=BigInteger))
            .limit(bindparam("most", type_=BigInteger))
        )
    )
    .returning(_S.registration_id)
)

Wish = tuple[ServiceRegistrationRecord, ServiceRegistrationBounds]


def keep(connection: Connection, wishes: Sequence[Wish]) -> list[ServiceRegistrationOutcome]:
    """Keep new registrations within their bounds; see ``keep_service_registration``."""
    if not wishes:
        return []
    now = max(record.refreshed_at for record, _ in wishes)
    forget(connection, now, FORGOTTEN_TOGETHER)
    # Counted once for all who share the commit: the more come, the less it costs each.
    in_all = _count.run(connection, now=now).scalar_one()
    outcomes = []
    for record, bounds in wishes:
        outcome = _keep_one(connection, record, bounds, in_all)
        in_all += outcome is ServiceRegistrationOutcome.KEPT
        outcomes.append(outcome)
    return outcomes


def _keep_one(
    connection: Connection,
    record: ServiceRegistrationRecord,
    bounds: ServiceRegistrationBounds,
    in_all: int,
) -> ServiceRegistrationOutcome:
    if _known.run(connection, wanted=record.registration_id).one_or_none() is not None:
        return ServiceRegistrationOutcome.KEPT
    if in_all >= bounds.in_all:
        return ServiceRegistrationOutcome.TOO_MANY
    of_owner = _count_of_owner.run(
        connection, owner=record.owner, service=record.service, now=record.refreshed_at
    ).scalar_one()
    if of_owner >= bounds.of_owner:
        return ServiceRegistrationOutcome.TOO_MANY_OF_OWNER
    _keep.run(connection, **_row(record))
    return ServiceRegistrationOutcome.KEPT


def refresh(connection: Connection, records: Sequence[ServiceRegistrationRecord]) -> list[bool]:
    """Replace registrations; see ``refresh_service_registration``."""
    return [
        bool(
            _refresh.run(
                connection,
                wanted=record.registration_id,
                by=record.owner,
                now=record.refreshed_at,
                **_row(record),
            ).all()
        )
        for record in records
    ]


def end(
    connection: Connection, registration_id: str, owner: str, now: Instant
) -> ServiceRegistrationRecord | None:
    """Forget a registration of its owner; see ``end_service_registration``."""
    row = _end.run(connection, wanted=registration_id, by=owner).one_or_none()
    return None if row is None or row.expires_at <= now else _record(row)


def one(connection: Connection, registration_id: str) -> ServiceRegistrationRecord | None:
    """Return a registration; see ``service_registration``."""
    row = _one.run(connection, wanted=registration_id).one_or_none()
    return None if row is None else _record(row)


def several(
    connection: Connection, now: Instant, after: str, limit: int, client_id: str | None
) -> list[ServiceRegistrationRecord]:
    """Return a page of registrations; see ``service_registrations``."""
    if client_id is None:
        rows = _all.run(connection, now=now, after=after, page=limit)
    else:
        rows = _of_client.run(connection, now=now, after=after, page=limit, client=client_id)
    return [_record(row) for row in rows]


def forget(connection: Connection, expired_before: Instant, limit: int) -> int:
    """Forget what ran out; see ``forget_service_registrations``."""
    return len(_forget.run(connection, before=expired_before, most=limit).all())


def _row(record: ServiceRegistrationRecord) -> dict[str, Any]:
    return {
        "s_registration_id": record.registration_id,
        "s_owner": record.owner,
        "s_service": record.service,
        "s_made_at": record.made_at,
        "s_refreshed_at": record.refreshed_at,
        "s_expires_at": record.expires_at,
        "s_client_id": record.client_id,
        "s_terminal_id": None if record.terminal_id is None else readable(record.terminal_id),
        "s_application_ids": json_text(record.application_ids),
        "s_protocols": json_text(record.protocols),
        "s_cpi": json_text(record.cpi),
        "s_authenticated": record.authenticated,
        "s_address": readable(record.address),
    }


def _record(row: Row[Any]) -> ServiceRegistrationRecord:
    return ServiceRegistrationRecord(
        registration_id=row.registration_id,
        owner=row.owner,
        service=row.service,
        made_at=Instant(row.made_at),
        refreshed_at=Instant(row.refreshed_at),
        expires_at=Instant(row.expires_at),
        client_id=row.client_id,
        terminal_id=row.terminal_id,
        application_ids=_texts(row.application_ids),
        protocols=_texts(row.protocols),
        cpi=headers_from(row.cpi),
        authenticated=bool(row.authenticated),
        address=row.address,
    )


def _texts(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))
