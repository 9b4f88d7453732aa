"""Peers of other makes: there, or the tests that need them fail where a missing one must not pass.

A missing peer is a failure where the environment says ``CI=true``, and a skip elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

import pytest

from omapush.testing.baresip import BaresipMissing, find_baresip
from omapush.testing.kamailio import KamailioMissing, find_kamailio
from omapush.testing.libwbxml import Libwbxml, LibwbxmlMissing
from omapush.testing.sipp import SippMissing, find_sipp
from omapush.testing.tshark import Capture, Dissected, TsharkMissing


def missing(error: Exception) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(str(error))
    pytest.skip(str(error))


@pytest.fixture(scope="session")
def libwbxml() -> Libwbxml:
    """Return libwbxml."""
    try:
        return Libwbxml()
    except LibwbxmlMissing as error:
        missing(error)


@pytest.fixture(scope="session")
def dissect() -> Callable[[Capture], dict[str, Dissected]]:
    """Return what makes tshark read a capture."""

    def dissected(capture: Capture) -> dict[str, Dissected]:
        try:
            return capture.dissected()
        except TsharkMissing as error:
            missing(error)

    return dissected


@pytest.fixture(scope="session")
def sip_peers() -> None:
    """Ask for Kamailio and sipp."""
    try:
        find_kamailio()
        find_sipp()
    except (KamailioMissing, SippMissing) as error:
        missing(error)


@pytest.fixture(scope="session")
def baresip_peer() -> None:
    """Ask for baresip."""
    try:
        find_baresip()
    except BaresipMissing as error:
        missing(error)
