"""Which pushes are for the client's own applications."""

from __future__ import annotations

import pytest

from omapush.client.own_application import OwnApplication, own_application
from omapush.client.sia import SessionInitiationApplication, SiaSettings, Variant
from omapush.content.message import PushMessage
from omapush.content.session_initiation import APPLICATION, CONTENT_TYPE
from omapush.ota.interface import PoConfirmedPushInd, PushSource
from omapush.testing.virtual_clock import VirtualClock


class NoSessions:
    variants: tuple[Variant, ...] = ()

    def open(self, wish: object) -> None:
        raise AssertionError

    def is_open(self, gateway: object) -> bool:
        return False


SIA = SessionInitiationApplication(SiaSettings(), NoSessions(), VirtualClock(), set)
OWN: dict[str, OwnApplication] = {APPLICATION: SIA}


def push(content_type: str, application: str | None) -> PoConfirmedPushInd:
    headers = [("Content-Type", content_type)]
    if application is not None:
        headers.append(("X-Wap-Application-Id", application))
    message = PushMessage(tuple(headers), b"")
    return PoConfirmedPushInd("1", message, PushSource("OTA-WSP", "UDP", "192.0.2.1"))


@pytest.mark.parametrize("application", [APPLICATION, "1", "4", None, "x-wap-application:mms.ua"])
def test_request_for_a_session_is_for_session_initiation_whatever_id_it_bears(
    application: str | None,
) -> None:
    assert own_application(push(CONTENT_TYPE, application), OWN) is SIA
    assert own_application(push(CONTENT_TYPE, application), {}) is None


def test_other_pushes_go_by_their_id() -> None:
    assert own_application(push("text/plain", APPLICATION), OWN) is SIA
    assert own_application(push("text/plain", "4"), OWN) is None
    assert own_application(push("text/plain", "no id"), OWN) is None
