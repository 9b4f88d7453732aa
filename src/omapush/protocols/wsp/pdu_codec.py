"""PDUs to octets and back (WSP 8.2).

Taken although it is sloppy: octets after the last field of a PDU that has no body; a Reply without
header block; an unassigned status, which counts as the first of its class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.wsp.address import encode_addresses, read_addresses
from omapush.protocols.wsp.assigned_numbers import STATUS_OCTETS, STATUSES, PduType
from omapush.protocols.wsp.capabilities import (
    Capabilities,
    encode_capabilities,
    read_capabilities,
)
from omapush.protocols.wsp.headers import (
    HeaderBlock,
    encode_content_headers,
    encode_headers,
    read_content_headers,
    read_headers,
)
from omapush.protocols.wsp.pdu import (
    UNIT_PDUS,
    ConfirmedPush,
    Connect,
    ConnectReply,
    DataFragment,
    Disconnect,
    Get,
    Pdu,
    Post,
    Push,
    Redirect,
    Reply,
    Resume,
    Suspend,
)
from omapush.protocols.wsp.profile import DEFAULT_PROFILE, HeaderProfile
from omapush.protocols.wsp.values import LAYER, decode_text

# Decoding


def decode_pdu(octets: bytes, *, tolerant: bool = False) -> Pdu:
    """Decode a connection-mode PDU: what WTP carries as user data.

    :param tolerant: keep headers whose value or number means nothing in ``raw_headers``.
    :raises DecodeError: malformed. :raises LimitError: a number or a header block too large.
    """
    return _read_pdu(OctetReader(octets, LAYER), tolerant=tolerant)


def decode_unit_pdu(octets: bytes, *, tolerant: bool = False) -> tuple[int, Pdu]:
    """Decode a connectionless PDU; returns its transaction id too (WSP 8.2.1).

    Raises as :func:`decode_pdu`, and :class:`DecodeError` for a PDU that needs a session.
    """
    reader = OctetReader(octets, LAYER)
    transaction_id = reader.uint8()
    pdu = _read_pdu(reader, tolerant=tolerant)
    if not isinstance(pdu, UNIT_PDUS):
        raise DecodeError(f"{type(pdu).__name__} needs a session", 1, LAYER)
    return transaction_id, pdu


class _Reader(Protocol):
    def __call__(self, reader: OctetReader, *, tolerant: bool) -> Pdu: ...


def _read_pdu(reader: OctetReader, *, tolerant: bool) -> Pdu:
    position = reader.position
    pdu_type = reader.uint8()
    read = _READERS.get(pdu_type)
    if read is not None:
        return read(reader, tolerant=tolerant)
    plain = _PLAIN_READERS.get(pdu_type)
    if plain is not None:
        return plain(reader)
    if 0x40 <= pdu_type <= 0x5F:
        return _read_get(reader, pdu_type, tolerant=tolerant)
    if 0x60 <= pdu_type <= 0x7F:
        return _read_post(reader, pdu_type, tolerant=tolerant)
    raise DecodeError(f"no PDU has the type 0x{pdu_type:02X}", position, LAYER)


def _read_connect(reader: OctetReader, *, tolerant: bool) -> Connect:
    version = reader.uint8()
    capabilities, block = _read_negotiation(reader, tolerant=tolerant, reply=False)
    return Connect(capabilities, block.headers, version, block.raw_headers)


def _read_connect_reply(reader: OctetReader, *, tolerant: bool) -> ConnectReply:
    session_id = reader.uintvar()
    capabilities, block = _read_negotiation(reader, tolerant=tolerant, reply=True)
    return ConnectReply(session_id, capabilities, block.headers, block.raw_headers)


def _read_negotiation(
    reader: OctetReader, *, tolerant: bool, reply: bool
) -> tuple[Capabilities, HeaderBlock]:
    capabilities_length = reader.uintvar()
    headers_length = reader.uintvar()
    capabilities = read_capabilities(reader.view(capabilities_length), reply=reply)
    return capabilities, read_headers(reader.view(headers_length), tolerant=tolerant)


def _read_redirect(reader: OctetReader) -> Redirect:
    return Redirect(reader.uint8(), read_addresses(reader))


def _read_disconnect(reader: OctetReader) -> Disconnect:
    return Disconnect(reader.uintvar())


def _read_suspend(reader: OctetReader) -> Suspend:
    return Suspend(reader.uintvar())


def _read_resume(reader: OctetReader, *, tolerant: bool) -> Resume:
    session_id = reader.uintvar()
    capabilities = read_capabilities(reader.view(reader.uintvar()), reply=False)
    block = read_headers(reader, tolerant=tolerant)
    return Resume(session_id, block.headers, capabilities, block.raw_headers)


def _read_content(reader: OctetReader, *, tolerant: bool) -> tuple[HeaderBlock, bytes]:
    headers = reader.view(reader.uintvar())
    body = reader.rest()
    return read_content_headers(headers, len(body), tolerant=tolerant), body


def _read_push(reader: OctetReader, *, tolerant: bool) -> Push:
    block, body = _read_content(reader, tolerant=tolerant)
    return Push(block.headers, body, block.raw_headers)


def _read_confirmed_push(reader: OctetReader, *, tolerant: bool) -> ConfirmedPush:
    block, body = _read_content(reader, tolerant=tolerant)
    return ConfirmedPush(block.headers, body, block.raw_headers)


_CLASSES = {0x1: 100, 0x2: 200, 0x3: 300, 0x4: 400, 0x5: 400, 0x6: 500}


def _read_reply(reader: OctetReader, *, tolerant: bool) -> Reply:
    position = reader.position
    octet = reader.uint8()
    status = STATUSES.get(octet, _CLASSES.get(octet >> 4))
    if status is None:
        raise DecodeError(f"no status has the octet 0x{octet:02X}", position, LAYER)
    if not reader.remaining:
        return Reply(status)
    block, body = _read_content(reader, tolerant=tolerant)
    return Reply(status, block.headers, body, block.raw_headers)


def _read_fragment(reader: OctetReader, *, tolerant: bool) -> DataFragment:
    headers = read_headers(reader.view(reader.uintvar()), tolerant=tolerant)
    return DataFragment(headers.headers, reader.rest(), headers.raw_headers)


def _read_get(reader: OctetReader, method: int, *, tolerant: bool) -> Get:
    uri = _read_uri(reader, reader.uintvar())
    block = read_headers(reader, tolerant=tolerant)
    return Get(uri, block.headers, method, block.raw_headers)


def _read_post(reader: OctetReader, method: int, *, tolerant: bool) -> Post:
    uri_length = reader.uintvar()
    headers_length = reader.uintvar()
    uri = _read_uri(reader, uri_length)
    headers = reader.view(headers_length)
    body = reader.rest()
    block = read_content_headers(headers, len(body), tolerant=tolerant)
    return Post(uri, block.headers, body, method, block.raw_headers)


def _read_uri(reader: OctetReader, length: int) -> str:
    position = reader.position
    return decode_text(reader.take(length), position)


_PLAIN_READERS: dict[int, Callable[[OctetReader], Pdu]] = {
    PduType.REDIRECT: _read_redirect,
    PduType.DISCONNECT: _read_disconnect,
    PduType.SUSPEND: _read_suspend,
}
"""PDUs that have no headers."""

_READERS: dict[int, _Reader] = {
    PduType.CONNECT: _read_connect,
    PduType.CONNECT_REPLY: _read_connect_reply,
    PduType.REPLY: _read_reply,
    PduType.PUSH: _read_push,
    PduType.CONFIRMED_PUSH: _read_confirmed_push,
    PduType.RESUME: _read_resume,
    PduType.DATA_FRAGMENT: _read_fragment,
}


# Encoding


def encode_pdu(pdu: Pdu, profile: HeaderProfile = DEFAULT_PROFILE) -> bytes:
    """Encode a connection-mode PDU.

    :param profile: what the peer knows of headers.
    :raises EncodeError: a header or number that cannot be written.
    """
    writer = OctetWriter()
    match pdu:
        case Push() | ConfirmedPush():
            is_push = isinstance(pdu, Push)
            writer.uint8(PduType.PUSH if is_push else PduType.CONFIRMED_PUSH)
            _write_content(writer, pdu, profile)
        case Reply():
            writer.uint8(PduType.REPLY).uint8(_status_octet(pdu.status))
            _write_content(writer, pdu, profile)
        case Disconnect():
            writer.uint8(PduType.DISCONNECT).uintvar(pdu.session_id)
        case Suspend():
            writer.uint8(PduType.SUSPEND).uintvar(pdu.session_id)
        case Redirect():
            writer.uint8(PduType.REDIRECT).uint8(pdu.flags).take(encode_addresses(pdu.addresses))
        case Get() | Post():
            _write_method(writer, pdu, profile)
        case DataFragment():
            headers = encode_headers(pdu.headers, profile, pdu.raw_headers)
            writer.uint8(PduType.DATA_FRAGMENT).uintvar(len(headers)).take(headers).take(pdu.body)
        case _:
            _write_session(writer, pdu, profile)
    return writer.getvalue()


def encode_unit_pdu(
    transaction_id: int, pdu: Pdu, profile: HeaderProfile = DEFAULT_PROFILE
) -> bytes:
    """Encode a connectionless PDU with its transaction id, 0 to 255, which is the Push Id too.

    :raises EncodeError: as :func:`encode_pdu`; a PDU that needs a session; no such id.
    """
    if not isinstance(pdu, UNIT_PDUS):
        raise EncodeError(f"{type(pdu).__name__} needs a session", layer=LAYER)
    return OctetWriter().uint8(transaction_id).take(encode_pdu(pdu, profile)).getvalue()


def _status_octet(status: int) -> int:
    octet = STATUS_OCTETS.get(status)
    if octet is None:
        raise EncodeError(f"WSP has no octet for status {status}", layer=LAYER)
    return octet


def _write_content(
    writer: OctetWriter, pdu: Push | ConfirmedPush | Reply, profile: HeaderProfile
) -> None:
    headers = encode_content_headers(pdu.headers, pdu.body, profile, pdu.raw_headers)
    writer.uintvar(len(headers)).take(headers).take(pdu.body)


def _write_method(writer: OctetWriter, pdu: Get | Post, profile: HeaderProfile) -> None:
    uri = pdu.uri.encode("utf-8", "surrogateescape")
    if isinstance(pdu, Get):
        if not 0x40 <= pdu.method <= 0x5F:
            raise EncodeError(f"0x{pdu.method:02X} is no method without body", layer=LAYER)
        writer.uint8(pdu.method).uintvar(len(uri)).take(uri)
        writer.take(encode_headers(pdu.headers, profile, pdu.raw_headers))
        return
    if not 0x60 <= pdu.method <= 0x7F:
        raise EncodeError(f"0x{pdu.method:02X} is no method with a body", layer=LAYER)
    headers = encode_content_headers(pdu.headers, pdu.body, profile, pdu.raw_headers)
    writer.uint8(pdu.method).uintvar(len(uri)).uintvar(len(headers))
    writer.take(uri).take(headers).take(pdu.body)


def _write_session(
    writer: OctetWriter, pdu: Connect | ConnectReply | Resume, profile: HeaderProfile
) -> None:
    capabilities = encode_capabilities(pdu.capabilities)
    headers = encode_headers(pdu.headers, profile, pdu.raw_headers)
    match pdu:
        case Resume():
            writer.uint8(PduType.RESUME).uintvar(pdu.session_id).uintvar(len(capabilities))
            writer.take(capabilities).take(headers)
            return
        case Connect():
            writer.uint8(PduType.CONNECT).uint8(pdu.version)
        case ConnectReply():
            writer.uint8(PduType.CONNECT_REPLY).uintvar(pdu.session_id)
    writer.uintvar(len(capabilities)).uintvar(len(headers)).take(capabilities).take(headers)
