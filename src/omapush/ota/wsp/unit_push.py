"""The connectionless push: Po-Unit-Push as one datagram, both ends (WAP-235, 6.3; WSP 8.2.4.1).

The datagram goes to port 2948 of the client, over UDP or as short messages; nobody answers it. The
transaction id in its first octet is all that tells a repetition from another push of the same
content, so a gateway derives it from the delivery.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from omapush.content.message import Header, PushMessage
from omapush.core.errors import DecodeError
from omapush.ota.interface import PoUnitPushInd, PushFlag, PushSource
from omapush.protocols.wdp import Port
from omapush.protocols.wsp.assigned_numbers import HEADER_FIELDS
from omapush.protocols.wsp.headers import DEFAULT_PAGE, RawHeader
from omapush.protocols.wsp.pdu import Push
from omapush.protocols.wsp.pdu_codec import decode_unit_pdu, encode_unit_pdu
from omapush.protocols.wsp.profile import DEFAULT_PROFILE, HeaderProfile

PUSH_PORT = Port.PUSH.value
"""WAP Push on the client, not secure (WAP-259, appendix B)."""
GATEWAY_PORT = Port.CONNECTIONLESS.value
"""What pushes come from: the connectionless session service (WAP-259, appendix B)."""
PUSH_FLAG = "Push-Flag"

REMEMBERED_OCTETS = 16_384
"""Longer bodies are encoded anew each time; they are rare, and memory is bounded."""

_CONTENT_TYPE = "content-type"
_BINARY = re.compile("[01]{1,7}").fullmatch


@dataclass(frozen=True, slots=True)
class UnitPush:
    """A connectionless push that was read.

    :ivar transaction_id: 0 to 255.
    :ivar left_out: headers whose octets say nothing that is known; the push is taken without them.
    """

    transaction_id: int
    message: PushMessage
    flags: PushFlag = PushFlag.NONE
    left_out: tuple[RawHeader, ...] = ()


def encode_unit_push(
    message: PushMessage,
    flags: PushFlag,
    transaction_id: int,
    profile: HeaderProfile = DEFAULT_PROFILE,
) -> bytes:
    """Return the datagram that carries ``message``.

    :param transaction_id: 0 to 255.
    :raises EncodeError: the message has no Content-Type, or a header that WSP cannot say.
    """
    # The same push goes to very many recipients, and differs in its first octet only.
    encoded = _remembered if len(message.body) <= REMEMBERED_OCTETS else _encoded
    return bytes((transaction_id,)) + encoded(message, flags, profile)[1:]


def _encoded(message: PushMessage, flags: PushFlag, profile: HeaderProfile) -> bytes:
    return encode_unit_pdu(0, Push(headers_for_the_air(message, flags), message.body), profile)


_remembered = functools.lru_cache(maxsize=256)(_encoded)


def decode_unit_push(octets: bytes) -> UnitPush:
    """Read a datagram that came to the push port.

    :raises DecodeError: it is no push, or malformed.
    """
    transaction_id, pdu = decode_unit_pdu(octets, tolerant=True)
    if not isinstance(pdu, Push):
        raise DecodeError(f"a {type(pdu).__name__} came where a Push belongs", 1, "wsp")
    headers, flags = split_flags(pdu.headers)
    return UnitPush(transaction_id, PushMessage(headers, pdu.body), flags, pdu.raw_headers)


def unit_push_indication(octets: bytes, source: PushSource) -> PoUnitPushInd:
    """Return what a datagram from ``source`` means to the Push Client.

    :raises DecodeError: it is no push, or malformed.
    """
    push = decode_unit_push(octets)
    # A bearer may deliver a datagram twice. One octet is not much, so the source goes with it, and
    # whoever compares adds the content.
    push_id = f"{source.address} {push.transaction_id:02x}"
    headers = (*push.message.headers, *unassigned_headers(push.left_out))
    message = PushMessage(headers, push.message.body)
    return PoUnitPushInd(message, source, push.flags, push_id)


def unassigned_headers(left_out: Iterable[RawHeader]) -> tuple[Header, ...]:
    """Return headers whose number WSP has not assigned as ``x-wsp-0xNN`` (CAI-60).

    Their value is the text that they carry, or else its octets in hexadecimal digits. Of a number
    that is assigned, with a value that makes no sense, there is nothing to be told.
    """
    return tuple(
        (f"x-wsp-0x{one.field:02X}", _text_or_digits(one.octets))
        for one in left_out
        if one.page == DEFAULT_PAGE and isinstance(one.field, int)
        if one.field not in HEADER_FIELDS
    )


def _text_or_digits(octets: bytes) -> str:
    text = octets[:-1]
    is_text = octets[-1:] == b"\0" and text.isascii() and text.decode("ascii").isprintable()
    return text.decode("ascii") if is_text else octets.hex()


def headers_for_the_air(message: PushMessage, flags: PushFlag) -> tuple[Header, ...]:
    """Return the headers of a Push PDU: Content-Type first, the flags last (WAP-235 6.4.1.3)."""
    first = [each for each in message.headers if each[0].lower() == _CONTENT_TYPE]
    others = [each for each in message.headers if each[0].lower() != _CONTENT_TYPE]
    last = [(PUSH_FLAG, format(flags, "b"))] if flags else []
    return (*first, *others, *last)


def split_flags(headers: tuple[Header, ...]) -> tuple[tuple[Header, ...], PushFlag]:
    """Return the headers without Push-Flag, and what it said; bits without meaning are ignored."""
    flags = PushFlag.NONE
    kept = []
    for name, value in headers:
        if name.lower() == PUSH_FLAG.lower():
            # 1 to 7 binary digits (WAP-235 6.4.1.3); what else stands there says nothing.
            flags |= PushFlag(int(value, 2) & 7) if _BINARY(value) else PushFlag.NONE
        else:
            kept.append((name, value))
    return tuple(kept), flags
