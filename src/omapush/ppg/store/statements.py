"""Statements that are written once in SQLAlchemy Core and compiled once for each database.

A push pays for every statement it needs. Compiling happens at first use and never again; running
hands text and a tuple to the driver, past the parts of SQLAlchemy that adapt types (the tables use
only types that SQLite and asyncpg take and give as they are).

Statements over several rows exist in sizes that are powers of two up to :data:`LARGEST`: a few
texts then serve any number of rows, and a driver's cache of prepared statements holds them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Table,
    and_,
    bindparam,
    or_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ClauseElement

LARGEST = 32
"""Rows in one statement; more are split. 32 rows of 15 columns stay under every driver's limit."""

Row = tuple[Any, ...]
T = TypeVar("T")


class Statement:
    """A Core construct with named parameters.

    ``construct`` must have only plain :func:`~sqlalchemy.bindparam` parameters; constants in it
    are bound as they were given.
    """

    def __init__(self, construct: ClauseElement) -> None:
        self._construct = construct
        self._compiled: dict[str, tuple[str, tuple[str, ...], Mapping[str, Any]]] = {}

    def run(self, connection: Connection, **parameters: str | int | None) -> CursorResult[Any]:
        """Execute with ``parameters``."""
        text, names, constants = self._for(connection)
        return connection.exec_driver_sql(
            text, tuple(parameters[n] if n in parameters else constants[n] for n in names)
        )

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once for each of ``rows``; nothing is done for none."""
        if not rows:
            return
        text, names, constants = self._for(connection)
        connection.exec_driver_sql(
            text, [tuple(row[n] if n in row else constants[n] for n in names) for row in rows]
        )

    def run_positional(self, connection: Connection, values: Row) -> CursorResult[Any]:
        """Execute with ``values`` in the order in which the parameters stand in the text."""
        return connection.exec_driver_sql(self._for(connection)[0], values)

    def _for(self, connection: Connection) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
        dialect = connection.dialect
        known = self._compiled.get(dialect.name)
        if known is None:
            compiled = self._construct.compile(dialect=dialect)
            names = tuple(compiled.positiontup or ())  # type: ignore[attr-defined] # SQLCompiler
            known = self._compiled[dialect.name] = (str(compiled), names, compiled.params)
        return known


class Sized:
    """A family of statements over 1, 2, 4 … :data:`LARGEST` rows.

    ``build(size)`` writes the statement for ``size`` rows, whose parameters stand row by row.
    """

    def __init__(self, build: Callable[[int], ClauseElement]) -> None:
        self._build = build
        self._statements: dict[int, Statement] = {}

    def of(self, size: int) -> Statement:
        """Return the statement for ``size`` rows."""
        statement = self._statements.get(size)
        if statement is None:
            statement = self._statements[size] = Statement(self._build(size))
        return statement


class Insert(Sized):
    """Inserts rows given as tuples in the order of the table's columns.

    A row whose key is taken already is passed over, so that repeating is harmless.
    """

    def __init__(self, table: Table, returning: Column[Any] | None = None) -> None:
        def build(size: int) -> ClauseElement:
            statement = insert(table).values(
                [
                    {c.name: bindparam(f"{c.name}_{index}", type_=c.type) for c in table.c}
                    for index in range(size)
                ]
            )
            unless_taken = statement.on_conflict_do_nothing()
            return unless_taken if returning is None else unless_taken.returning(returning)

        super().__init__(build)
        self._returns = returning is not None

    def run(self, connection: Connection, rows: Sequence[Row]) -> list[Any]:
        """Insert ``rows``; return the ``returning`` column of those that went in."""
        inserted: list[Any] = []
        start = 0
        for size in _exact_sizes(len(rows)):
            values = tuple(chain.from_iterable(rows[start : start + size]))
            result = self.of(size).run_positional(connection, values)
            start += size
            if self._returns:
                inserted += [row[0] for row in result]
        return inserted


class Upsert(Sized):
    """Inserts rows given as tuples in the order of the table's columns, or changes those standing.

    The keys of one call must differ.

    :param change: given the row that would be inserted, by column name, what becomes of a standing
        row, and on which condition.
    :param returning: what is told of each row that was inserted or changed.
    """

    def __init__(
        self,
        table: Table,
        change: Callable[
            [Mapping[str, Any]], tuple[Mapping[str, ColumnElement[Any]], ColumnElement[bool]]
        ],
        returning: Sequence[Column[Any]],
    ) -> None:
        def build(size: int) -> ClauseElement:
            statement = insert(table).values(
                [
                    {c.name: bindparam(f"{c.name}_{index}", type_=c.type) for c in table.c}
                    for index in range(size)
                ]
            )
            values, condition = change(dict(statement.excluded.items()))
            return statement.on_conflict_do_update(
                index_elements=list(table.primary_key), set_=dict(values), where=condition
            ).returning(*returning)

        super().__init__(build)

    def run(self, connection: Connection, rows: Sequence[Row]) -> Iterator[sqlalchemy.Row[Any]]:
        """Insert or change ``rows``; yield those for which the condition held."""
        start = 0
        for size in _exact_sizes(len(rows)):
            values = tuple(chain.from_iterable(rows[start : start + size]))
            yield from self.of(size).run_positional(connection, values).all()
            start += size


class Lookup(Sized):
    """Selects the rows whose ``columns`` equal one of several keys.

    ``select(condition)`` writes the statement around the condition, and may bind no parameters.
    """

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        select: Callable[[ColumnElement[bool]], ClauseElement],
    ) -> None:
        def build(size: int) -> ClauseElement:
            return select(
                or_(
                    *(
                        and_(
                            *(
                                column == bindparam(f"{column.name}_{index}", type_=column.type)
                                for column in columns
                            )
                        )
                        for index in range(size)
                    )
                )
            )

        super().__init__(build)

    def run(self, connection: Connection, keys: Iterable[Row]) -> Iterator[sqlalchemy.Row[Any]]:
        """Yield the rows found, in no order. Each key must be given only once."""
        wanted = list(keys)
        for start in range(0, len(wanted), LARGEST):
            chunk = filled_up(wanted[start : start + LARGEST])
            yield from self.of(len(chunk)).run_positional(
                connection, tuple(chain.from_iterable(chunk))
            )


def filled_up(keys: Sequence[T]) -> list[T]:
    """Return ``keys`` with repetitions of the last, which find nothing new, up to a known size."""
    size = 1 << (len(keys) - 1).bit_length()
    return [*keys, *[keys[-1]] * (size - len(keys))]


def _exact_sizes(count: int) -> Iterator[int]:
    size = LARGEST
    while count:
        while size > count:
            size >>= 1
        yield size
        count -= size
