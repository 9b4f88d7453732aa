"""Opening, migrating and closing ledgers, and what happens when they are away."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy
import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from omapush.core.instants import Instant
from omapush.ppg.store import postgresql, schema
from omapush.ppg.store.contract import Accepted, RegistrationRecord, StoreUnavailable
from omapush.ppg.store.migrate import SchemaTooNewError, configuration
from omapush.ppg.store.opening import StoreUrlError, open_store
from omapush.ppg.store.postgresql import PostgresqlHome
from omapush.testing.postgresql import PostgresqlCluster
from omapush.testing.store_contract import at, attachment, new_push


def sqlite_url(directory: Path) -> str:
    return f"sqlite:///{directory}/ledger.db"


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "nonsense", "", "sqlite://h/x"]
)
def test_url_of_no_known_form_is_refused_naming_the_known_forms(url: str) -> None:
    with pytest.raises(StoreUrlError, match=r"sqlite:///.*postgresql://"):
        open_store(url)


def test_password_of_a_url_is_in_no_repr_and_no_error() -> None:
    assert "secret" not in repr(open_store("postgresql://user:secret@host/name"))
    with pytest.raises(StoreUrlError) as caught:
        open_store("postgresq://user:secret@host/name")
    assert "secret" not in str(caught.value)


async def test_sqlite_store_makes_a_private_file_in_a_private_directory(tmp_path: Path) -> None:
    directory = tmp_path / "var"
    store = open_store(sqlite_url(directory))
    await store.open()
    await store.accept([new_push(1)])
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}
    await store.close()
    await store.close()


async def test_sqlite_store_at_a_relative_path_lies_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///here.db")
    await store.open()
    await store.close()
    assert (tmp_path / "here.db").exists()


@pytest.mark.parametrize("place", ["missing/too/ledger.db", "directory", "text"])
async def test_sqlite_store_that_cannot_be_opened_says_which_and_why(
    place: str, tmp_path: Path
) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "text").write_text("this is no database, but long enough to be looked at" * 100)
    with pytest.raises(StoreUnavailable, match=f"{place}: ."):
        await open_store(f"sqlite:///{tmp_path}/{place}").open()


async def test_closed_store_refuses_every_call(tmp_path: Path) -> None:
    store = open_store(sqlite_url(tmp_path))
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.accept([new_push(1)])
    await store.open()
    await store.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.counts()


async def test_close_finishes_what_was_begun(tmp_path: Path) -> None:
    store = open_store(sqlite_url(tmp_path))
    await store.open()
    pending = asyncio.create_task(store.accept([new_push(1)]))
    await asyncio.sleep(0)
    await store.close()
    assert await pending == [Accepted(new_push(1).push_key)]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return new_database()


async def in_database(url: str, work: Callable[[sqlalchemy.Connection], object]) -> object:
    if url.startswith("sqlite"):
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            return work(connection)
    async_engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    try:
        async with async_engine.begin() as async_connection:
            return await async_connection.run_sync(work)
    finally:
        await async_engine.dispose()


async def test_migrated_database_has_the_tables_of_the_schema(url: str) -> None:
    store = open_store(url)
    await store.open()
    await store.close()

    def differences(connection: sqlalchemy.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, schema.metadata)

    assert await in_database(url, differences) == []


async def test_ledger_of_an_older_omapush_keeps_its_clients(url: str) -> None:
    def made_before(connection: sqlalchemy.Connection) -> None:
        older = configuration()
        older.attributes["connection"] = connection
        command.upgrade(older, "0005")
        for insert in (
            "INSERT INTO attachment VALUES ('a', 'wsp', 'node', 1, 2000000)",
            "INSERT INTO registration VALUES ('a', '00', 7, 't', NULL, '{}', FALSE, 'there')",
        ):
            connection.execute(sqlalchemy.text(insert))

    await in_database(url, made_before)
    store = open_store(url)
    await store.open()
    registration = RegistrationRecord("a", "00", Instant(7), "t", None, address="there")
    assert await store.registrations_of_terminal("t") == [registration]
    [held] = await store.attachments("a", Instant(0))
    assert (held.node, held.address) == ("node", "")
    assert await store.attach([held], Instant(1)) == [True]
    await store.close()


async def test_database_of_a_newer_omapush_is_left_alone(url: str) -> None:
    store = open_store(url)
    await store.open()
    await store.close()
    change = sqlalchemy.text("UPDATE alembic_version SET version_num = '9999'")
    await in_database(url, lambda connection: connection.execute(change) and None)
    with pytest.raises(SchemaTooNewError, match=r"9999.*newer"):
        await open_store(url).open()


async def test_stores_that_start_at_once_on_an_empty_database_all_open(url: str) -> None:
    stores = [open_store(url) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    answers = await asyncio.gather(*(s.accept([new_push(n)]) for n, s in enumerate(stores)))
    assert [type(answer[0]) for answer in answers] == [Accepted] * 4
    for store in stores:
        await store.close()


async def test_processes_that_start_at_once_on_an_empty_database_all_open(url: str) -> None:
    child = (
        "import asyncio, sys; from omapush.ppg.store.opening import open_store;"
        "asyncio.run(open_store(sys.argv[1]).open())"
    )
    children = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", child, url) for _ in range(3)
    ]
    assert [await each.wait() for each in children] == [0, 0, 0]


async def test_postgresql_store_outlives_a_crash_of_the_server() -> None:
    with PostgresqlCluster(durable=True) as cluster:
        store = open_store(cluster.create_database("ledger"))
        await store.open()
        await store.accept([new_push(1)])
        cluster.kill()
        with pytest.raises(StoreUnavailable):
            await store.accept([new_push(2)])
        with pytest.raises(StoreUnavailable):
            await store.push(new_push(1).push_id)
        cluster.start()
        for _ in range(4):  # each broken connection of the pool is noticed by one call
            try:
                await store.accept([new_push(2)])
                break
            except StoreUnavailable:
                continue
        assert await store.push(new_push(1).push_id) is not None
        assert await store.push(new_push(2).push_id) is not None
        await store.close()


async def test_postgresql_store_without_a_server_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await open_store(f"postgresql://user@/name?host={tmp_path}").open()


async def test_node_is_woken_again_after_the_database_was_away() -> None:
    with PostgresqlCluster(durable=True) as cluster:
        url = cluster.create_database("ledger")
        here, there = open_store(url), open_store(url)
        woken = asyncio.Event()

        async def is_woken() -> None:
            async with asyncio.timeout(30):
                await woken.wait()
            woken.clear()

        for store in (here, there):
            await store.open()
        async with here.wake_ups("here", woken.set), there.wake_ups("there", lambda: None):
            await is_woken()
            cluster.kill()
            # Who is to be told cannot be looked up, and nobody waits for it.
            with pytest.raises(StoreUnavailable):
                await there.hasten(["a"], at(0))
            cluster.start()
            await is_woken()  # for what may have been said meanwhile
            await here.attach([attachment("a", "here", 1, 9_000)], at(0))
            await there.accept([new_push(1, ["a"])])
            await is_woken()
        for store in (here, there):
            await store.close()


async def test_database_that_is_away_wakes_nobody_and_ends_nothing(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "FIRST_WAIT_MS", 1)
    monkeypatch.setattr(postgresql, "LONGEST_WAIT_MS", 1)
    heard: list[str] = []
    away = PostgresqlHome(make_url(new_database()).update_query_dict({"host": "/nowhere"}))
    async with asyncio.timeout(30):
        listening = asyncio.create_task(away.listen("channel", heard.append))
        with structlog.testing.capture_logs() as logs:
            while len(logs) < 3:  # noqa: ASYNC110 # of which nobody is told
                await asyncio.sleep(0.01)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
    assert not heard
    assert {each["event"] for each in logs} == {"wake_ups_lost"}


async def test_silent_connection_for_wake_ups_is_probed(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "PROBE_EVERY_S", 0.001)
    probed = asyncio.Event()

    execute = asyncpg.Connection.execute

    async def probe(driver: asyncpg.Connection, query: str, *more: Any, **named: Any) -> str:
        if query != "SELECT 1":
            return await execute(driver, query, *more, **named)
        probed.set()
        raise asyncpg.ConnectionDoesNotExistError("gone")

    heard: list[str] = []
    home = PostgresqlHome(make_url(new_database()))
    monkeypatch.setattr(asyncpg.Connection, "execute", probe)
    async with asyncio.timeout(30):
        listening = asyncio.create_task(home.listen("channel", heard.append))
        await probed.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert heard[0] == ""  # it did listen
