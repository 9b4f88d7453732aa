"""What the client says of itself in the Connect of a push session."""

from __future__ import annotations

from omapush.ota.interface import ClientCapabilities
from omapush.ota.wsp.session import connect_headers

TAKES = ClientCapabilities(accept_app_id=("x-wap-application:mms.ua",))


def test_client_names_its_bearer() -> None:
    assert ("Bearer-Indication", "0B") in connect_headers(TAKES, "0B")


def test_client_leaves_out_a_bearer_that_says_nothing() -> None:
    # A gateway that did not expect the header ended its process over it.
    assert connect_headers(TAKES, "00") == connect_headers(TAKES, None)
    assert "Bearer-Indication" not in dict(connect_headers(TAKES, "00"))
