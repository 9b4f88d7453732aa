"""From the setting ``[store] url`` to a ledger."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from omapush.core.errors import OmapushError
from omapush.ppg.store.contract import Store
from omapush.ppg.store.postgresql import PostgresqlHome
from omapush.ppg.store.sql import LONGEST_WAIT_S, MOST_WAITING, Home, SqlStore
from omapush.ppg.store.sqlite import SqliteHome

KNOWN_FORMS = "sqlite:///relative/file.db, sqlite:////absolute/file.db, postgresql://user@host/name"


class StoreUrlError(OmapushError):
    """The URL names no kind of store that omapush knows."""


def open_store(
    url: str, most_waiting: int = MOST_WAITING, longest_wait_s: float = LONGEST_WAIT_S
) -> Store:
    """Return the ledger that ``url`` names; call its ``open`` before anything else.

    ``sqlite:///path`` is a file, ``postgresql://user:password@host/name`` a database; several
    hosts for a failover stand as ``?host=one:5432&host=two:5432``. A password may stay out of the
    URL and in ``PGPASSWORD`` or a ``.pgpass`` file.

    :param most_waiting: calls beyond this many at a time are refused with ``StoreUnavailable``.
    :param longest_wait_s: seconds after which a call is given up with ``StoreUnavailable``.
    :raises StoreUrlError: the URL is of no such form.
    """
    return SqlStore(_home(url), most_waiting, longest_wait_s)


def open_existing_store(url: str) -> Store:
    """Return the ledger that ``url`` names, for looking into it only: a file must be there.

    :raises StoreUrlError: the URL is of no known form, or its file does not exist.
    """
    home = _home(url)
    if isinstance(home, SqliteHome) and not home.path.exists():
        raise StoreUrlError(f"there is no ledger at {home.path}")
    return SqlStore(home, MOST_WAITING, LONGEST_WAIT_S)


def _home(url: str) -> Home:
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError) as error:
        # The URL itself may hold a password and is not repeated.
        raise StoreUrlError(f"not a store URL; known forms: {KNOWN_FORMS}") from error
    if parts.drivername == "sqlite":
        return SqliteHome(_file(parts))
    if parts.drivername in ("postgresql", "postgres"):
        return PostgresqlHome(parts)
    raise StoreUrlError(f"unknown store {parts.drivername!r}; known forms: {KNOWN_FORMS}")


def _file(parts: URL) -> Path:
    if not parts.database or parts.database == ":memory:" or parts.host:
        raise StoreUrlError(f"a SQLite store needs a file; known forms: {KNOWN_FORMS}")
    return Path(parts.database)
