"""What each octet of a PDU means, for people.

The trees name fields as WSP does. They are made with the functions that decode, so that both agree;
only a header without text does not end an explanation but gets a note saying why. Notes also tell
of forms that are legal and unwise, such as a media type that is spelled out although it has a
number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, Scalar, telling_how_far
from omapush.core.octets import OctetReader
from omapush.protocols.wsp.address import Address, read_address
from omapush.protocols.wsp.assigned_numbers import BEARERS, METHODS, STATUSES, PduType
from omapush.protocols.wsp.capabilities import (
    FORMS,
    ProtocolOption,
    read_identifier,
    read_parameters,
)
from omapush.protocols.wsp.explain_headers import explain_content_type, explain_headers
from omapush.protocols.wsp.multipart import cut_parts, is_binary_multipart
from omapush.protocols.wsp.pdu_codec import read_status
from omapush.protocols.wsp.values import LAYER, decode_text

Names = Mapping[int, str]
NO_NAMES: Names = MappingProxyType({})

MAX_DEPTH = 4
"""Multiparts within multiparts that are still explained."""

_PDU_NAMES = {
    PduType.CONNECT: "Connect",
    PduType.CONNECT_REPLY: "ConnectReply",
    PduType.REDIRECT: "Redirect",
    PduType.REPLY: "Reply",
    PduType.DISCONNECT: "Disconnect",
    PduType.PUSH: "Push",
    PduType.CONFIRMED_PUSH: "ConfirmedPush",
    PduType.SUSPEND: "Suspend",
    PduType.RESUME: "Resume",
    PduType.DATA_FRAGMENT: "Data Fragment",
}


def explain_pdu(octets: bytes, application_names: Names = NO_NAMES) -> Field:
    """Explain a connection-mode PDU.

    :param application_names: what numbers of application ids stand for, shown as notes.
    :raises DecodeError: malformed, other than the value of a header.
    """
    return _Explainer(OctetReader(octets, LAYER), application_names).pdu(with_transaction=False)


def explain_unit(octets: bytes, application_names: Names = NO_NAMES) -> Field:
    """Explain a connectionless PDU, which begins with its transaction id.

    Parameters and errors as of :func:`explain_pdu`.
    """
    return _Explainer(OctetReader(octets, LAYER), application_names).pdu(with_transaction=True)


class _Explainer:
    """Reads one PDU and keeps a field for all that it reads."""

    def __init__(self, reader: OctetReader, application_names: Names) -> None:
        self._reader = reader
        self._names = application_names
        self._fields: list[Field] = []

    def pdu(self, *, with_transaction: bool) -> Field:
        with telling_how_far(lambda: self._fields):
            return self._pdu(with_transaction=with_transaction)

    def _pdu(self, *, with_transaction: bool) -> Field:
        if with_transaction:
            self._number("TID", OctetReader.uint8)
        position = self._reader.position
        pdu_type = self._reader.uint8()
        name, explain = self._layout(pdu_type, position)
        self._keep("Type", position, pdu_type, note=name)
        explain()
        if self._reader.remaining:
            position = self._reader.position
            self._reader.rest()
            self._keep("trailing octets", position, note="not part of the PDU, ignored")
        octets = self._reader.between(0, self._reader.position)
        return Field(name, 0, octets, children=tuple(self._fields))

    def _layout(self, pdu_type: int, position: int) -> tuple[str, Callable[[], None]]:
        known: dict[int, Callable[[], None]] = {
            PduType.CONNECT: self._connect,
            PduType.CONNECT_REPLY: self._connect_reply,
            PduType.REDIRECT: self._redirect,
            PduType.REPLY: self._reply,
            PduType.DISCONNECT: self._session_id,
            PduType.PUSH: self._content,
            PduType.CONFIRMED_PUSH: self._content,
            PduType.SUSPEND: self._session_id,
            PduType.RESUME: self._resume,
            PduType.DATA_FRAGMENT: self._fragment,
        }
        if pdu_type in known:
            return _PDU_NAMES[PduType(pdu_type)], known[pdu_type]
        method = METHODS.get(pdu_type, f"method 0x{pdu_type:02X}")
        if 0x40 <= pdu_type <= 0x5F:
            return f"Get ({method})", self._get
        if 0x60 <= pdu_type <= 0x7F:
            return f"Post ({method})", self._post
        raise DecodeError(f"no PDU has the type 0x{pdu_type:02X}", position, LAYER)

    # Layouts after the type (WSP 8.2)

    def _connect(self) -> None:
        version = self._reader.uint8()
        self._keep("Version", self._reader.position - 1, f"{version >> 4}.{version & 0x0F}")
        self._negotiation(reply=False)

    def _connect_reply(self) -> None:
        self._number("ServerSessionId", OctetReader.uintvar)
        self._negotiation(reply=True)

    def _negotiation(self, *, reply: bool) -> None:
        capabilities_length = self._number("CapabilitiesLen", OctetReader.uintvar)
        headers_length = self._number("HeadersLen", OctetReader.uintvar)
        self._capabilities(capabilities_length, reply=reply)
        self._headers(headers_length)

    def _redirect(self) -> None:
        flags = self._reader.uint8()
        meanings = ((0x80, "permanent"), (0x40, "reuse security session"))
        chosen = [meaning for bit, meaning in meanings if flags & bit]
        self._keep("Flags", self._reader.position - 1, flags, note=", ".join(chosen) or None)
        while self._reader.remaining:
            self._fields.append(_address(self._reader))

    def _session_id(self) -> None:
        self._number("SessionId", OctetReader.uintvar)

    def _resume(self) -> None:
        self._session_id()
        length = self._number("CapabilitiesLen", OctetReader.uintvar)
        self._capabilities(length, reply=False)
        self._headers(self._reader.remaining)

    def _reply(self) -> None:
        position, octet = self._reader.position, self._reader.peek()
        status = read_status(self._reader)
        note = None if octet in STATUSES else f"0x{octet:02X} is not assigned"
        self._keep("Status", position, status, note=note)
        if self._reader.remaining:
            self._content()

    def _content(self) -> None:
        length = self._number("HeadersLen", OctetReader.uintvar)
        self._content_headers(self._reader.view(length))

    def _fragment(self) -> None:
        self._headers(self._number("HeadersLen", OctetReader.uintvar))
        self._data("")

    def _get(self) -> None:
        self._uri(self._number("URILen", OctetReader.uintvar))
        self._headers(self._reader.remaining)

    def _post(self) -> None:
        uri_length = self._number("UriLen", OctetReader.uintvar)
        headers_length = self._number("HeadersLen", OctetReader.uintvar)
        self._uri(uri_length)
        self._content_headers(self._reader.view(headers_length))

    # Parts of layouts

    def _uri(self, length: int) -> None:
        position = self._reader.position
        self._keep("Uri", position, decode_text(self._reader.take(length), position))

    def _headers(self, length: int) -> None:
        block = self._reader.view(length)
        self._fields += explain_headers(block, self._names, None)

    def _content_headers(self, block: OctetReader) -> None:
        content_type = ""
        if block.remaining:
            described = explain_content_type(block)
            self._fields.append(described)
            content_type = str(described.value or "")
        self._fields += explain_headers(block, self._names, self._reader.remaining)
        self._data(content_type)

    def _data(self, content_type: str) -> None:
        if self._reader.remaining:
            self._fields.append(explain_data(self._reader, content_type, self._names))

    def _capabilities(self, length: int, *, reply: bool) -> None:
        block = self._reader.view(length)
        while block.remaining:
            self._fields.append(_capability(block, reply=reply))

    def _number(self, name: str, read: Callable[[OctetReader], int]) -> int:
        position = self._reader.position
        value = read(self._reader)
        self._keep(name, position, value)
        return value

    def _keep(
        self, name: str, position: int, value: Scalar = None, *, note: str | None = None
    ) -> None:
        octets = self._reader.between(position, self._reader.position)
        self._fields.append(Field(name, position, octets, value, note=note))


def explain_data(
    reader: OctetReader, content_type: str, application_names: Names, depth: int = 0
) -> Field:
    """Explain a body to the end of ``reader``: a multipart's entries, or just how many octets."""
    start = reader.position
    octets = reader.between(start, start + reader.remaining)
    if not is_binary_multipart(content_type) or depth >= MAX_DEPTH:
        reader.rest()
        return Field("Data", start, octets)
    whole = reader.view(reader.remaining)
    entries: list[Field] = []
    note = None
    try:
        count = whole.uintvar()
        entries.append(Field("nEntries", start, whole.between(start, whole.position), count))
        entries.extend(
            _entry(cut.start, cut.headers, cut.data, application_names, depth)
            for cut in cut_parts(whole)
        )
        if count not in {0, len(entries) - 1}:
            note = f"nEntries says {count}, there are {len(entries) - 1}"
    except DecodeError as error:
        note = f"not a multipart to its end: {error}"
    return Field("Data", start, octets, children=tuple(entries), note=note)


def _entry(start: int, headers: OctetReader, data: OctetReader, names: Names, depth: int) -> Field:
    length, data_length = headers.remaining, data.remaining
    end = data.position + data_length
    octets = headers.between(start, end)
    fields = [
        Field(
            "HeadersLen, DataLen",
            start,
            headers.between(start, headers.position),
            f"{length}, {data_length}",
        )
    ]
    content_type = ""
    if headers.remaining:
        described = explain_content_type(headers)
        fields.append(described)
        content_type = str(described.value or "")
    fields += explain_headers(headers, names, data_length)
    if data_length:
        fields.append(explain_data(data, content_type, names, depth + 1))
    return Field("entry", start, octets, children=tuple(fields))


def _capability(block: OctetReader, *, reply: bool) -> Field:
    start = block.position
    one = block.view(block.uintvar())
    identifier = read_identifier(one)
    octets = block.between(start, block.position)
    if isinstance(identifier, str) or identifier not in FORMS:
        name = identifier if isinstance(identifier, str) else f"capability 0x{identifier:02X}"
        return Field(name, start, octets, one.rest().hex(), note="not known to WSP")
    name = FORMS[identifier].name
    if not one.remaining:
        return Field(name, start, octets, note="no parameters")
    value = read_parameters(one, identifier, reply=reply)
    said, note = _capability_value(value)
    return Field(name, start, octets, said, note=note)


def _capability_value(value: object) -> tuple[Scalar, str | None]:
    if isinstance(value, ProtocolOption):
        said = [option.name or "" for option in ProtocolOption if option & value]
        return int(value), ", ".join(said) or None
    if isinstance(value, int):
        return value, None
    if isinstance(value, tuple):
        return ", ".join(_listed(item) for item in value), None
    return str(value), None


def _listed(item: object) -> str:
    """Return an item of a capability's list: an address, or a code with or without its name."""
    if isinstance(item, Address):
        return _address_text(item)
    code, name = item if isinstance(item, tuple) else (item, None)
    return f"0x{code:02X}" if name is None else f"0x{code:02X} {name}"


def _address_text(address: Address) -> str:
    plain = address.address
    dotted = ".".join(str(octet) for octet in plain) if len(plain) == 4 else plain.hex()
    return dotted if address.port is None else f"{dotted} port {address.port}"


def _address(reader: OctetReader) -> Field:
    start = reader.position
    address = read_address(reader)
    octets = reader.between(start, reader.position)
    bearer = None if address.bearer is None else f"bearer 0x{address.bearer:02X}"
    if address.bearer in BEARERS:
        bearer = f"{bearer}, {BEARERS[address.bearer]}"
    return Field("Address", start, octets, _address_text(address), note=bearer)
