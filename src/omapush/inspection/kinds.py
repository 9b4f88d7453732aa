"""What can be asked for: one table, each kind with its reader and its explanation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NoReturn

from omapush.content.session_initiation import explain_session_initiation
from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.inspection.access import explain_pap, read_pap
from omapush.inspection.bodies import read_session_initiation, read_wbxml
from omapush.inspection.model import Kind, Reader
from omapush.inspection.msrp_frames import explain_msrp, read_msrp
from omapush.inspection.ota_http import explain_ota_http, read_ota_http
from omapush.inspection.session_pdus import explain_wsp, read_wsp
from omapush.inspection.short_messages import explain_tpdu, read_tpdu, read_user_data
from omapush.inspection.sip_messages import explain_sip, read_sip
from omapush.inspection.smpp_pdus import read_smpp
from omapush.inspection.transactions import read_wtp
from omapush.protocols import wbxml
from omapush.protocols.smpp.explain import explain as explain_smpp
from omapush.protocols.smpp.stream import MAX_PDU
from omapush.protocols.sms.explain import explain_user_data
from omapush.protocols.sms.tpdu import Direction
from omapush.protocols.wtp.explain import explain as explain_wtp

MAX_OCTETS = 1_048_576
"""Octets of the longest input; a short message, a datagram, a PDU of SMPP are far below."""


class NotYetKnownError(DecodeError):
    """The protocol of a kind is not known to this version."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """How one kind is read.

    :ivar layer: the protocol's name in errors.
    :ivar explain: the tree for an error too: its ``explained`` is how far it got.
    :ivar most: octets of the longest input that is looked at.
    """

    layer: str
    read: Reader
    explain: Callable[[bytes], Field]
    most: int = MAX_OCTETS


def _unknown(kind: Kind) -> Decoder:
    def refuse(_: bytes) -> NoReturn:
        raise NotYetKnownError(
            f"{kind.value} cannot be decoded yet: this version does not know its protocol",
            layer=kind.value,
        )

    return Decoder(kind.value, refuse, refuse)


def _tpdu(direction: Direction) -> Decoder:
    return Decoder("sms", partial(read_tpdu, direction), partial(explain_tpdu, direction))


NOT_YET_KNOWN = (Kind.CBS, Kind.ALC)
"""Kinds whose protocols this version lacks."""

KINDS: Mapping[Kind, Decoder] = MappingProxyType(
    {
        Kind.PAP: Decoder("pap", read_pap, explain_pap),
        Kind.OTA_HTTP: Decoder("ota-http", read_ota_http, explain_ota_http),
        Kind.SIP: Decoder("sip", read_sip, explain_sip),
        Kind.MSRP: Decoder("msrp", read_msrp, explain_msrp),
        Kind.SMPP: Decoder("smpp", read_smpp, explain_smpp, MAX_PDU),
        Kind.SMS_USER_DATA: Decoder("sms", read_user_data, explain_user_data),
        Kind.WBXML: Decoder("wbxml", read_wbxml, wbxml.explain),
        Kind.WSP: Decoder("wsp", read_wsp, explain_wsp),
        Kind.SMS_DELIVER: _tpdu(Direction.TO_MOBILE),
        Kind.SMS_SUBMIT: _tpdu(Direction.FROM_MOBILE),
        Kind.SIR: Decoder("sir", read_session_initiation, explain_session_initiation),
        Kind.WTP: Decoder("wtp", read_wtp, explain_wtp),
        **{kind: _unknown(kind) for kind in NOT_YET_KNOWN},
    }
)
"""Every kind, in the order in which a guess prefers them."""

KNOWN = tuple(kind for kind in KINDS if kind not in NOT_YET_KNOWN)
"""The kinds whose protocols are known."""
