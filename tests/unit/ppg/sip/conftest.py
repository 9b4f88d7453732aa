"""What the unit tests of the gateway's OTA-SIP shell share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from omapush.testing.memory_store import MemoryStore
from omapush.testing.sip_gateway_world import SipGatewayWorld


@pytest.fixture
async def world(store: MemoryStore) -> AsyncIterator[SipGatewayWorld]:
    made = SipGatewayWorld(store)
    yield made
    await made.learning.close()
