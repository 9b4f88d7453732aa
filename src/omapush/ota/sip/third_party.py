"""Third-party REGISTER: the core tells the gateway that a user has registered (3GPP TS 24.229).

To names the user, and Expires how long the registration lasts. Contact is the core's own; what the
client declared stands in the REGISTER and the answer to it that the core may put into the body
(``message/sip``, or both in ``multipart/mixed``). The embedded messages need not be complete: some
cores write only the headers that matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from omapush.core.errors import DecodeError, LimitError
from omapush.ota.message_format import MAX_HEAD, header_lines, read_headers
from omapush.ota.sip.plain_text import is_plain
from omapush.ota.sip.push_features import PushFeatures
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import (
    NameAddress,
    contact_expires,
    contacts,
    expires,
    to_address,
)
from omapush.protocols.sip.message import SipHeaders, SipMessage, SipRequest, SipResponse
from omapush.protocols.sip.parameters import Parameters
from omapush.protocols.sip.uri import SipUri

SIP_MESSAGE = "message/sip"
MULTIPART = "multipart/"
SERVICE_DATA = "application/3gpp-ims+xml"
MAX_PARTS = 8
MAX_CONTACTS = 64
DEFAULT_EXPIRES_S = 3_600
"""Where nothing says how long it lasts (RFC 3261 10.3)."""

_START = re.compile(rb"(?:SIP/2\.0 ([1-6][0-9]{2})[^\r\n]*|REGISTER \S+ SIP/2\.0)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RegisteredContact:
    """One device of a user, as the core's news has it.

    :ivar uri: where it receives; behind the core, so not for addressing it.
    :ivar instance: its instance id, a URN, without ``<>``.
    :ivar gruu: by which this device alone is addressed.
    :ivar features: what it declares for push.
    :ivar expires_s: how long it is registered; 0: no longer.
    """

    uri: str
    instance: str | None
    gruu: str | None
    features: PushFeatures
    expires_s: int


@dataclass(frozen=True, slots=True)
class RegistrationNews:
    """That a user is registered, or no longer.

    :ivar aor: the public identity, in one form.
    :ivar expires_s: how long the registration lasts, 0: it has ended.
    :ivar contacts: the devices that the news tells of, if any: there may be others.
    :ivar is_all: every contact of the user was taken back.
    """

    aor: str
    expires_s: int
    contacts: tuple[RegisteredContact, ...] = ()
    is_all: bool = False

    @property
    def is_registered(self) -> bool:
        """Whether the user is still registered."""
        return self.expires_s > 0


def read_third_party(request: SipRequest) -> RegistrationNews:
    """Read a third-party REGISTER. Whether its sender is to be believed is not judged here.

    An embedded message that cannot be read is passed over: that the user is there is known without
    it.

    :raises BadSipMessage: To or Expires is not of its form; with the status for the answer.
    """
    aor = to_address(request).sip_uri().aor()
    lasts = expires(request)
    if lasts is None:
        told = [contact_expires(one, request) for one in contacts(request)]
        lasts = max((one for one in told if one is not None), default=DEFAULT_EXPIRES_S)
    embedded = tuple(_embedded(request))
    register = next((one for one in embedded if isinstance(one, SipRequest)), None)
    answer = next((one for one in embedded if isinstance(one, SipResponse)), None)
    found = _contacts(register, lasts, aor)
    if answer is not None and answer.is_success:
        granted = _contacts(answer, lasts, aor)
        found = tuple(_granted(one, granted) for one in found) or granted
    is_all = register is not None and register.headers.first("Contact") == "*"
    return RegistrationNews(str(aor), lasts, found, is_all or (lasts == 0 and not found))


def gruu_of(aor: SipUri, instance: str) -> str:
    """Return the public GRUU that a core makes of an instance, as IMS does (RFC 5627 3.2)."""
    return str(aor.with_parameter("gr", instance))


def contact_of(
    address: NameAddress, message: SipMessage, aor: SipUri, most_s: int
) -> RegisteredContact:
    """Return what a Contact of a REGISTER, or of the answer to one, says of a device.

    :param most_s: how long the registration lasts as a whole.
    :raises BadSipMessage: it is not of the form of one.
    """
    parameters = address.parameters
    instance = (parameters.get("+sip.instance") or "").strip("<>") or None
    gruu = _own_gruu(parameters.get("pub-gruu"), aor)
    if gruu is None and instance is not None:
        gruu = gruu_of(aor, instance)
    if not all(is_plain(one) for one in (address.uri, instance or "", gruu or "")):
        raise BadSipMessage("a contact that is no URI")
    own = contact_expires(address, message)
    lasts = most_s if own is None else min(own, most_s)
    return RegisteredContact(address.uri, instance, gruu, PushFeatures.read(str(parameters)), lasts)


def _own_gruu(given: str | None, aor: SipUri) -> str | None:
    """Return the public GRUU that stands in a Contact, if it is one of this user.

    The user may have written it himself: it must not lead his pushes to somebody else.
    """
    try:
        read = None if given is None else SipUri.parse(given)
    except BadSipMessage:
        return None
    if read is None or not read.gr or not read.aor().is_equivalent(aor):
        return None
    return gruu_of(aor, read.gr)


def _contacts(
    message: SipMessage | None, most_s: int, aor: SipUri
) -> tuple[RegisteredContact, ...]:
    if message is None:
        return ()
    try:
        listed = contacts(message)[:MAX_CONTACTS]
        return tuple(contact_of(one, message, aor, most_s) for one in listed if one.uri != "*")
    except BadSipMessage:
        return ()


def _granted(asked: RegisteredContact, granted: tuple[RegisteredContact, ...]) -> RegisteredContact:
    """Return a contact with what the registrar said of it; it need not repeat the features."""
    for one in granted:
        same_device = asked.instance is not None and one.instance == asked.instance
        if same_device or one.uri == asked.uri:
            features = one.features if one.features.is_for_push else asked.features
            return replace(asked, gruu=one.gruu, features=features, expires_s=one.expires_s)
    return asked


def _embedded(request: SipRequest) -> Iterator[SipMessage]:
    """Yield the SIP messages in the body that can be read."""
    for content_type, octets in _parts(request.headers.first("Content-Type"), request.body):
        if content_type.partition(";")[0].strip().lower() == SIP_MESSAGE:
            try:
                yield _read_message(octets)
            except DecodeError:
                continue


def _parts(content_type: str | None, body: bytes) -> Iterator[tuple[str, bytes]]:
    if not (content_type or "").strip().lower().startswith(MULTIPART):
        yield content_type or "", body
        return
    boundary = _boundary(content_type or "")
    if not boundary:
        return
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    for section in re.split(rb"(?:^|\r?\n)" + re.escape(mark), body)[1 : MAX_PARTS + 1]:
        if section.startswith(b"--"):
            return
        head, _, octets = section.partition(b"\r\n\r\n")
        try:
            fields = read_headers([line for line in header_lines(head) if line.strip()])
        except DecodeError:
            continue
        types = (value for name, value in fields if name.lower() in ("content-type", "c"))
        yield next(types, ""), octets


def _boundary(content_type: str) -> str | None:
    try:
        media_type, semicolon, rest = content_type.partition(";")
        return Parameters.parse(semicolon + rest).get("boundary") if media_type else None
    except BadSipMessage:
        return None


def _read_message(octets: bytes) -> SipMessage:
    """Read the start line and headers of a message that need not be complete."""
    head = octets.lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    if len(head) > MAX_HEAD:
        raise LimitError(f"an embedded message of {len(head)} octets", MAX_HEAD)
    start, *lines = header_lines(head)
    found = _START.fullmatch(start)
    if found is None:
        raise DecodeError(f"not the start of an embedded message: {start[:60]!r}", 0)
    given = read_headers([line for line in lines if line.strip()])
    headers = SipHeaders(
        tuple(("Contact" if name in "mM" else name, value) for name, value in given)
    )
    if found[1] is None:
        return SipRequest("REGISTER", "", headers)
    return SipResponse(int(found[1]), "", headers)
