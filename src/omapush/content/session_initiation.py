"""The session initiation request (SIR): open a session or connection to us (WAP-235, 7.4; SIA).

It is the body of a push of ``application/vnd.wap.sia`` to ``x-wap-application:push.sia`` and offers
servers of two kinds, which are alternatives: for a WSP push session, and for another protocol,
that is OTA-HTTP. Version 0 has only the first kind. Reading tolerates what is deployed: an end
after any complete field, later versions, application ids without their header, and contact points
whose port and address are text; :attr:`SessionInitiation.deviations` says what was met.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.explanation import Field, Scalar, telling_how_far
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.recording import Part, Recorder
from omapush.protocols.wdp import BEARERS, AddressFormat, AddressType, read_address_type

T = TypeVar("T")

LAYER = "sir"
CONTENT_TYPE = "application/vnd.wap.sia"
APPLICATION = "x-wap-application:push.sia"

MAX_OCTETS = 32_768
"""A body longer than a datagram over SMS is not looked at; a normal one fits one short message."""

OTA_HTTP = 0
"""ProtOpts: OTA-HTTP, no CPITag."""
OTA_HTTP_CPI_TAG = 1
"""ProtOpts: OTA-HTTP, and a CPITag belongs to the contact point."""

OTA_SIP = 256
"""ProtOpts: OTA-SIP [design]. The published numbers have none; 256 to 16,383 are private."""

_ACCEPT_APPLICATION = 0xB2
# Kannel and others write the field of X-Wap-Application-Id, or none.
_APPLICATION_ID = 0xAF
_TEXTUAL_HEAD = 6

_APPLICATIONS = ("Application-ID List", "Accept-Application")
_WSP_SERVERS = ("Contact Points WSP", "AddressType")
_SERVERS = ("Contact Points", "AddressType")


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """A server for OTA-HTTP.

    :ivar has_cpi_tag: the gateway says that it knows this terminal's capabilities.
    :ivar cpi_tag: their tag, 4 octets; ``None`` when it left out what it announced: then the
        gateway knows nothing.
    """

    address: AddressType
    has_cpi_tag: bool = False
    cpi_tag: bytes | None = None


@dataclass(frozen=True, slots=True)
class SessionInitiation:
    """A session initiation request, fields as in the specification.

    :ivar application_ids: what the session is for; code 0 is any application.
    :ivar wsp_contact_points: open a WSP push session to each.
    :ivar contact_points: the servers for other protocols, see :meth:`ota_http_contact_points`.
    :ivar protocol_options: ProtOpts, one for each of ``contact_points``.
    :ivar provisioning_url: 1 to 4 octets are the beginning of its SHA-1, more are the URL itself.
    :ivar cpi_tags: 4 octets each, one for each contact point that has any.
    :ivar deviations: what reading had to tolerate, for people; does not count in comparisons.
    """

    application_ids: tuple[ApplicationId, ...]
    wsp_contact_points: tuple[AddressType, ...] = ()
    contact_points: tuple[AddressType, ...] = ()
    protocol_options: tuple[int, ...] = ()
    provisioning_url: bytes = b""
    cpi_tags: tuple[bytes, ...] = ()
    version: int = 1
    deviations: tuple[str, ...] = field(default=(), compare=False)

    def ota_http_contact_points(self) -> tuple[ContactPoint, ...]:
        """Return the servers for OTA-HTTP; those of unknown protocols are left out.

        When there are not as many options, or tags, as they belong to, the first is for all.
        """
        offered = self._offered()
        options = [option for _, option in offered]
        tagged = options.count(OTA_HTTP_CPI_TAG)
        tags = iter(_for_each(self.cpi_tags, tagged) if self.cpi_tags else ())
        found = []
        for address, option in offered:
            if option == OTA_HTTP:
                found.append(ContactPoint(address))
            elif option == OTA_HTTP_CPI_TAG:
                found.append(ContactPoint(address, has_cpi_tag=True, cpi_tag=next(tags, None)))
        return tuple(found)

    def ota_sip_contact_points(self) -> tuple[AddressType, ...]:
        """Return the entries of a SIP/IP core through which the client is to register.

        They are for information: a client registers with the core that it is set up for.
        """
        return tuple(address for address, option in self._offered() if option == OTA_SIP)

    def _offered(self) -> list[tuple[AddressType, int]]:
        options = _for_each(self.protocol_options or (OTA_HTTP,), len(self.contact_points))
        return list(zip(self.contact_points, options, strict=True))

    def means_provisioning_url(self, url: str) -> bool:
        """Whether the provisioning context of ``url`` is meant; an empty field means ``""``."""
        return is_named(url, self.provisioning_url)

    def encode(self, *, complete: bool = False) -> bytes:
        """Return the body.

        :param complete: write empty fields at the end too, for receivers that want them.
        :raises EncodeError: a field that version 0 lacks, or one that cannot be written.
        """
        later = [
            _counted(b"".join(map(AddressType.encode, self.contact_points))),
            _numbers(self.protocol_options),
            _counted(self.provisioning_url),
            _tags(self.cpi_tags),
        ]
        while later and (later[-1] == b"\0" and not complete):
            later.pop()
        if self.version == 0:
            if any(one != b"\0" for one in later):
                raise EncodeError("version 0 has WSP contact points only", layer=LAYER)
            later.clear()
        writer = OctetWriter().uint8(self.version)
        writer.take(_counted(b"".join(map(_application_header, self.application_ids))))
        writer.take(_counted(b"".join(map(AddressType.encode, self.wsp_contact_points))))
        return writer.take(b"".join(later)).getvalue()


def is_named(url: str, provisioning_url: bytes) -> bool:
    """Whether the octets in a request name ``url``, by its hash or in full."""
    if 1 <= len(provisioning_url) <= 4:
        return provisioning_url_hash(url, len(provisioning_url)) == provisioning_url
    return url.encode("utf-8", "replace") == provisioning_url


def provisioning_url_hash(url: str, length: int = 4) -> bytes:
    """Return the first 1 to 4 octets of SHA-1 of ``url``, by which a request names it."""
    digest = hashlib.sha1(url.encode("utf-8", "replace"), usedforsecurity=False).digest()
    return digest[:length]


def decode(octets: bytes) -> SessionInitiation:
    """Read a session initiation request.

    :raises DecodeError: a length goes past the end, or a value has no form; position in octets.
    :raises LimitError: over 32,768 octets.
    """
    return _read(Recorder(_reader(octets)))


def explain_session_initiation(octets: bytes) -> Field:
    """Return what each octet means. :raises DecodeError: as :func:`decode`."""
    recorder = Recorder(_reader(octets))
    with telling_how_far(lambda: (_field(part, octets) for part in recorder.parts)):
        request = _read(recorder)
    children = tuple(_field(part, octets) for part in recorder.parts)
    note = "; ".join(request.deviations) or None
    return Field("Session Initiation Request", 0, octets, None, children, note)


def _reader(octets: bytes) -> OctetReader:
    if len(octets) > MAX_OCTETS:
        raise LimitError(f"{len(octets)} octets, {MAX_OCTETS} are allowed", 0, LAYER)
    return OctetReader(octets, LAYER)


def _read(recorder: Recorder) -> SessionInitiation:
    reader, deviations = recorder.reader, list[str]()

    def application(inner: OctetReader) -> ApplicationId | None:
        return _read_application(inner, deviations)

    def contact_point(inner: OctetReader) -> AddressType:
        return _read_contact_point(inner, deviations)

    version = recorder.read("Version", OctetReader.uint8)
    applications = _list(recorder, "AppIdListLen", _APPLICATIONS, application)
    wsp = _list(recorder, "ContactPointsLenWSP", _WSP_SERVERS, contact_point)
    others: tuple[AddressType, ...] = ()
    options: tuple[int, ...] = ()
    tags: tuple[bytes, ...] = ()
    url = b""
    if version > 0:
        others = _list(recorder, "ContactPointsLen", _SERVERS, contact_point)
        options = _items(recorder, "ProtOptsLen", "ProtOpts", OctetReader.uintvar)
        if reader.remaining:
            length = recorder.read("ProvURLLen", OctetReader.uintvar)
            url = recorder.read("ProvURL", lambda inner: inner.take(length))
        tags = _items(recorder, "CPITagLen", "CPITag", lambda inner: inner.take(4))
    if reader.remaining:
        deviations.append(f"{reader.remaining} octets after the known fields are ignored")
        recorder.read("ignored", OctetReader.rest)
    known = tuple(one for one in applications if one is not None)
    noted = tuple(dict.fromkeys(deviations))
    return SessionInitiation(known, wsp, others, options, url, tags, version, noted)


def _list(
    recorder: Recorder,
    length_name: str,
    names: tuple[str, str],
    reading: Callable[[OctetReader], T],
) -> tuple[T, ...]:
    """Read a length in octets and what fills them; nothing if the body has ended before.

    :param names: of the list and of one of its members.
    """
    if not recorder.reader.remaining:
        return ()
    length = recorder.read(length_name, OctetReader.uintvar)
    values: list[T] = []

    def all_of_them(reader: OctetReader) -> tuple[Part, ...]:
        inner = Recorder(reader.view(length))
        while inner.reader.remaining:
            values.append(inner.read(names[1], reading))
        return tuple(inner.parts)

    recorder.read(names[0], all_of_them)
    return tuple(values)


def _items(
    recorder: Recorder, count_name: str, name: str, reading: Callable[[OctetReader], T]
) -> tuple[T, ...]:
    """Read a number of items and the items; nothing if the body has ended before."""
    if not recorder.reader.remaining:
        return ()
    count = recorder.read(count_name, OctetReader.uintvar)
    if count > recorder.reader.remaining:
        raise DecodeError(
            f"{count} items in {recorder.reader.remaining} octets", recorder.reader.position, LAYER
        )
    return tuple(recorder.read(name, reading) for _ in range(count))


def _read_application(reader: OctetReader, deviations: list[str]) -> ApplicationId | None:
    """Read an Accept-Application header, or a value without it; ``None``: of no legal form."""
    if reader.remaining > 1 and reader.peek() in (_ACCEPT_APPLICATION, _APPLICATION_ID):
        if reader.uint8() == _APPLICATION_ID:
            deviations.append("application ids under the field of X-Wap-Application-Id")
    else:
        deviations.append("application ids without a header field")
    first = reader.peek()
    if first >= 0x80:
        return ApplicationId(None, reader.uint8() & 0x7F)
    if 1 <= first <= 30:
        return ApplicationId(None, int.from_bytes(reader.take(reader.uint8()), "big"))
    if first < 0x20:
        raise DecodeError(f"{first:#04x} begins no application id", reader.position, LAYER)
    return _application_of_text(_text(reader, deviations), deviations)


def _text(reader: OctetReader, deviations: list[str]) -> str:
    left = reader.between(reader.position, reader.position + reader.remaining)
    if b"\0" in left:
        return reader.text_string().decode("latin-1")
    deviations.append("an application id as text without its end")
    return reader.rest().decode("latin-1")


def _application_of_text(text: str, deviations: list[str]) -> ApplicationId | None:
    try:
        return ApplicationId.parse(text)
    except DecodeError:
        deviations.append(f"{text[:40]!r} is ignored: not an application id")
        return None


def _read_contact_point(reader: OctetReader, deviations: list[str]) -> AddressType:
    """Read an AddressType record, or Kannel's form of one."""
    textual = _textual_contact_point(reader)
    if textual is None:
        return read_address_type(reader)
    deviations.append("a contact point whose port and address are text")
    return textual


def _textual_contact_point(reader: OctetReader) -> AddressType | None:
    """Read Kannel's record: right flags and bearer, then port and IPv4 address as decimal text.

    No real record looks so: one of an IPv4 bearer has 4 octets of address, not 7 or more.
    """
    start, left = reader.position, reader.remaining
    if left < _TEXTUAL_HEAD:
        return None
    head = reader.between(start, start + _TEXTUAL_HEAD)
    flags, bearer, port = head[0], BEARERS.get(head[1]), head[2:]
    length = flags & 0x3F
    if flags < 0xC0 or bearer is None or bearer.address_format is not AddressFormat.IPV4:
        return None
    if not port.isdigit() or left < _TEXTUAL_HEAD + length:
        return None
    text = reader.between(start + _TEXTUAL_HEAD, start + _TEXTUAL_HEAD + length)
    try:
        address = ipaddress.IPv4Address(text.decode("latin-1"))
    except ValueError:
        return None
    reader.take(_TEXTUAL_HEAD + length)
    return AddressType(address.packed, bearer.code, int(port))


def _for_each(values: tuple[T, ...], count: int) -> tuple[T, ...]:
    """Return ``count`` values: ``values``, or if their number differs the first repeated."""
    return values if len(values) == count else values[:1] * count


def _application_header(application: ApplicationId) -> bytes:
    writer = OctetWriter().uint8(_ACCEPT_APPLICATION)
    code = application.registered_code
    if code is None:
        uri = application.uri or ""
        if not uri.isascii() or not uri.isprintable() or not uri:
            raise EncodeError(f"{uri[:40]!r} cannot be an application id", layer=LAYER)
        return writer.text_string(uri.encode("ascii")).getvalue()
    if code < 0x80:
        return writer.uint8(0x80 | code).getvalue()
    octets = code.to_bytes((code.bit_length() + 7) // 8, "big")
    if len(octets) > 30:
        raise EncodeError("a code of over 30 octets", layer=LAYER)
    return writer.uint8(len(octets)).take(octets).getvalue()


def _counted(octets: bytes) -> bytes:
    return OctetWriter().uintvar(len(octets)).take(octets).getvalue()


def _numbers(numbers: tuple[int, ...]) -> bytes:
    writer = OctetWriter().uintvar(len(numbers))
    for number in numbers:
        writer.uintvar(number)
    return writer.getvalue()


def _tags(tags: tuple[bytes, ...]) -> bytes:
    if any(len(tag) != 4 for tag in tags):
        raise EncodeError("a CPITag has 4 octets", layer=LAYER)
    return OctetWriter().uintvar(len(tags)).take(b"".join(tags)).getvalue()


def _field(part: Part, octets: bytes) -> Field:
    value = part.value
    if isinstance(value, tuple):
        children = tuple(_field(one, octets) for one in value)
        return Field(part.name, part.start, octets[part.start : part.end], None, children)
    return Field(part.name, part.start, octets[part.start : part.end], _shown(value))


def _shown(value: object) -> Scalar:
    if isinstance(value, AddressType):
        bearer = "" if value.bearer is None else f" by {BEARERS.get(value.bearer, value.bearer)}"
        port = "" if value.port is None else f" port {value.port}"
        return value.text + port + bearer
    if isinstance(value, bytes):
        # ProvURL of over 4 octets is the URL itself; "ignored" octets may be anything.
        return value.decode("ascii") if len(value) > 4 and _is_text(value) else value.hex()
    if isinstance(value, int):
        return value
    return None if value is None else str(value)


def _is_text(octets: bytes) -> bool:
    return octets.isascii() and octets.decode("ascii").isprintable()
