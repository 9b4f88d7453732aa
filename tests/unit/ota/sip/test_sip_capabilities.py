"""What a client takes, told by OPTIONS and its answer."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError
from omapush.ota.interface import ClientCapabilities
from omapush.ota.sip.capabilities import UNTOLD, read_headers, takes_envelope, to_headers
from omapush.ota.sip.push_features import PushFeatures
from omapush.protocols.sip.message import SipHeaders

CAPABILITIES = ClientCapabilities(
    accept=("application/vnd.wap.mms-message", "text/vnd.wap.si"),
    accept_charset=("UTF-8",),
    accept_encoding=("deflate", "identity"),
    accept_language=("en",),
    accept_app_id=("x-wap-application:mms.ua", "x-wap-application:unheard.of"),
    max_message_size=65_536,
    max_push_requests=4,
)


def test_capabilities_stand_in_headers_of_sip_and_of_cpi() -> None:
    assert to_headers(CAPABILITIES) == (
        (
            "Accept",
            "application/vnd.oma.push, application/vnd.wap.mms-message, text/vnd.wap.si",
        ),
        ("X-Wap-Push-Accept-Charset", "UTF-8"),
        ("Accept-Encoding", "deflate, identity"),
        ("Accept-Language", "en"),
        ("X-Wap-Push-Accept-AppID", "x-wap-application:mms.ua, x-wap-application:unheard.of"),
        ("X-Wap-Push-MaxMsgSize", "65536"),
        ("X-Wap-Push-Accept-MaxPushReq", "4"),
    )


def test_gateway_reads_what_client_told() -> None:
    told = read_headers(SipHeaders((*to_headers(CAPABILITIES), ("Allow", "MESSAGE, options"))))
    assert told.capabilities.accept == ("application/vnd.oma.push", *CAPABILITIES.accept)
    assert told.capabilities.accept_app_id == CAPABILITIES.accept_app_id
    assert told.capabilities.max_message_size == 65_536
    assert told.capabilities.max_push_requests == 4
    assert told.allows("OPTIONS")
    assert not told.allows("INVITE")
    assert read_headers(SipHeaders(told.cpi)).capabilities == told.capabilities


def test_client_that_says_nothing_is_taken_to_take_everything() -> None:
    told = read_headers(SipHeaders((("To", "<sip:a@b>"),)))
    assert told.capabilities == UNTOLD
    assert told.features == PushFeatures()
    assert told.allows("INVITE")
    assert takes_envelope(told.capabilities)


def test_applications_are_those_of_contact_if_not_listed() -> None:
    contact = '"A" <sip:a@b;gr=x>;+g.oma.pusheventapp="mms.ua,ulp.ua", <sip:c@d>;q=1'
    told = read_headers(SipHeaders((("Contact", contact),)))
    assert told.features.applications == ("mms.ua", "ulp.ua")
    assert told.capabilities.accept_app_id == (
        "x-wap-application:mms.ua",
        "x-oma-application:ulp.ua",
    )


def test_hidden_applications_are_not_told() -> None:
    headers = SipHeaders(
        (*to_headers(CAPABILITIES, hidden=True), ("Contact", "<sip:a@b>;+g.oma.pusheventapp"))
    )
    assert "mms.ua" not in str(headers)
    assert read_headers(headers).capabilities.accept_app_id == ("*",)


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        ("text/vnd.wap.si", False),
        ("application/vnd.OMA.push;q=0.5, text/plain", True),
        ("application/*", True),
        ("*/*", True),
    ],
)
def test_envelope_is_taken_unless_types_leave_it_out(accept: str, *, takes: bool) -> None:
    told = read_headers(SipHeaders((("Accept", accept),)))
    assert takes_envelope(told.capabilities) is takes


def test_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(DecodeError):
        read_headers(SipHeaders((("X-Wap-Push-MaxMsgSize", "large"),)))
