"""Every stream bearer passes the one contract suite."""

from __future__ import annotations

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.daemon.clock import SystemClock
from omapush.ota.interface import StreamBearer
from omapush.testing.bearer_contract import StreamBearerContract


class TestTcpBearer(StreamBearerContract):
    @pytest.fixture
    def bearer(self) -> StreamBearer:
        return TcpBearer(SystemClock())
