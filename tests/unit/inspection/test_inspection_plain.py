"""Values of decoders as JSON has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from omapush.inspection.plain import plain
from omapush.pap.model import Priority
from omapush.protocols.smpp.values import MessageState
from omapush.protocols.sms.user_data_header import ApplicationPorts
from omapush.protocols.wsp.capabilities import ProtocolOption


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, None),
        (True, True),
        (7, 7),
        ("a", "a"),
        (b"\x01\xff", "01ff"),
        (MessageState.DELIVERED, "delivered"),
        (Priority.HIGH, "high"),
        (ProtocolOption.PUSH | ProtocolOption.CONFIRMED_PUSH, ["confirmed_push", "push"]),
        ((1, b"\x02"), [1, "02"]),
        ({4: b"\x02"}, {"4": "02"}),
        (datetime(2026, 11, 21, tzinfo=UTC), "2026-11-21T00:00:00+00:00"),
        (ApplicationPorts(2948, 9200), {"destination": 2948, "source": 9200, "bits": 16}),
    ],
)
def test_value_is_what_json_has(value: object, said: object) -> None:
    assert json.loads(json.dumps(plain(value))) == said
