"""Fixtures that several folders of tests share."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterator
from itertools import count

import pytest

from omapush.testing.postgresql import PostgresqlCluster, PostgresqlMissing

pytest.register_assert_rewrite(
    "omapush.testing.store_contract",
    "omapush.testing.bearer_contract",
    "omapush.testing.short_message_bearer_contract",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is collected out of the garbage collector's sight.

    Thousands of tests and all modules stay until the end: to look through them again and again
    takes a fifth of the time of the quick tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[PostgresqlCluster]:
    """A cluster for this test process alone, gone at its end."""
    try:
        with PostgresqlCluster() as cluster:
            yield cluster
    except PostgresqlMissing as error:
        # Where a missing peer must not pass unseen, it fails.
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def new_database(postgresql_cluster: PostgresqlCluster) -> Callable[[], str]:
    """Return a function that makes an empty database and returns its URL."""
    return lambda: postgresql_cluster.create_database(f"ledger_{next(_numbers)}")


_numbers = count(1)
