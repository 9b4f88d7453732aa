"""The push that asks a device to register with the core (SIR, OTA-SIP 12)."""

from __future__ import annotations

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import OTA_SIP, SessionInitiation
from omapush.ppg.session_request import request_message
from omapush.protocols.wdp import AddressType


def registration_request(host: str, port: int, application: ApplicationId) -> PushMessage:
    """Return the push.

    :param host: of the core, an IP address; the device goes to the core that it is set up for.
    """
    point = AddressType.of_ip(host, port)
    return request_message(
        SessionInitiation((application,), contact_points=(point,), protocol_options=(OTA_SIP,))
    )
