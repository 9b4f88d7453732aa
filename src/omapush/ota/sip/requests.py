"""The requests of OTA-SIP outside of dialogs, as the gateway and the client build them.

Whatever has to be new each time (Call-ID, tags, numbers) is an argument; Via, Max-Forwards and
Content-Length are the core's to write (``core.SipCore``). Addresses are taken as they are: whoever
got them from outside has read them with ``protocols.sip.uri`` before.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from omapush.content.application_id import HEADER as APPLICATION_ID
from omapush.content.application_id import ApplicationId
from omapush.core.instants import SECOND_MS, Instant, format_http_date
from omapush.ota.interface import PpgRequest
from omapush.ota.push_headers import PUSH_ID, PUSH_INFO, PUSH_SIZE, format_push_info
from omapush.ota.sip.envelope import CONTENT_TYPE, bare_headers, encode_envelope
from omapush.ota.sip.push_features import PushFeatures, accept_contact
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse

CLIENT_METHODS = ("MESSAGE", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS")
GATEWAY_METHODS = ("REGISTER", "OPTIONS", "NOTIFY", "ACK", "BYE", "CANCEL")
MAX_EXPIRES_S = 2**32 - 1
SDP = "application/sdp"
REGISTRATION_INFO = "application/reginfo+xml"


class Priority(enum.StrEnum):
    """How urgent a push is (RFC 3261 20.26) [design]: from PAP's high, medium and low."""

    URGENT = "urgent"
    NORMAL = "normal"
    NON_URGENT = "non-urgent"


@dataclass(frozen=True, slots=True)
class Names:
    """What names a request: never the same for two requests outside of a dialog.

    :ivar tag: of From.
    """

    call_id: str
    tag: str
    cseq: int = 1


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends requests.

    :ivar uri: its address of record, or the service identity of a gateway.
    :ivar routes: the elements of Route, first hop first: the core's address, or the Service-Route
        of the registration (RFC 3608).
    :ivar is_trusted: it belongs to the core's trust domain and asserts its identity itself (RFC
        3325), as a gateway does.
    :ivar service: the ICSI of push, a URN, if the network has one (RFC 6050).
    """

    uri: str
    routes: tuple[str, ...] = ()
    is_trusted: bool = False
    service: str | None = None

    def headers(self, to: str, names: Names, method: str) -> SipHeaders:
        """Return the headers that every request of this sender has.

        :param to: a URI.
        """
        kind = "Asserted" if self.is_trusted else "Preferred"
        given: list[Field] = [("Route", one) for one in self.routes]
        given += [
            ("From", f"<{self.uri}>;tag={names.tag}"),
            ("To", f"<{to}>"),
            ("Call-ID", names.call_id),
            ("CSeq", f"{names.cseq} {method}"),
            (f"P-{kind}-Identity", f"<{self.uri}>"),
        ]
        if self.service is not None:
            given.append((f"P-{kind}-Service", self.service))
        return SipHeaders(tuple(given))


@dataclass(frozen=True, slots=True)
class Target:
    """To whom a push goes.

    :ivar uri: an address of record, or a public GRUU for one device.
    :ivar application: which application there.
    :ivar instance: which one of several, by its Application ID of the CAI.
    :ivar features: what the contact is known to declare; ``None``: not known.
    :ivar one_copy: the core is not to send it to several contacts (RFC 3841 9.1); it may all the
        same.
    :ivar explicit: devices that declare no applications are left out.
    """

    uri: str
    application: ApplicationId
    instance: str | None = None
    features: PushFeatures | None = None
    one_copy: bool = True
    explicit: bool = True

    def headers(self) -> tuple[Field, ...]:
        """Return the caller preferences. :raises DecodeError: no push application id."""
        asked = accept_contact(
            self.application, self.instance, contact=self.features, explicit=self.explicit
        )
        given = (("Accept-Contact", asked),)
        return (*given, ("Request-Disposition", "no-fork")) if self.one_copy else given


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a request says of a push beside the push message.

    :ivar expires_at: the push is worth nothing from then.
    """

    now: Instant
    expires_at: Instant
    priority: Priority = Priority.NORMAL

    def headers(self) -> tuple[Field, ...]:
        """Return Date, Expires and Priority; at least a second is left."""
        left = (self.expires_at - self.now) // SECOND_MS
        given = (
            ("Date", format_http_date(self.now)),
            ("Expires", str(min(max(left, 1), MAX_EXPIRES_S))),
        )
        if self.priority is Priority.NORMAL:
            return given
        return (*given, ("Priority", self.priority.value))


def message(
    sender: Sender,
    names: Names,
    target: Target,
    push: PpgRequest,
    circumstances: Circumstances,
    *,
    bare: bool = False,
) -> SipRequest:
    """Return the MESSAGE of a connectionless push (RFC 3428).

    :param bare: without the envelope, for a client that takes none.
    :raises EncodeError: a header of the push cannot be written.
    :raises DecodeError: no push application id.
    """
    headers = sender.headers(target.uri, names, "MESSAGE").added(
        *target.headers(), *circumstances.headers(), *marks(push)
    )
    if bare:
        headers, body = headers.added(*bare_headers(push.message)), push.message.body
    else:
        body = encode_envelope(push.message)
        headers = headers.added(("Content-Type", CONTENT_TYPE))
    return SipRequest("MESSAGE", target.uri, headers, body)


def invite(
    sender: Sender,
    names: Names,
    target: Target,
    push: PpgRequest,
    circumstances: Circumstances,
    *,
    contact: str,
    offer: bytes,
) -> SipRequest:
    """Return the INVITE to the session that a connection-oriented push goes through.

    It tells early what is to come, so that the client can refuse it before any content flows.

    :param contact: the URI at which this end receives.
    :param offer: the session description.
    :raises DecodeError: no push application id.
    """
    when = tuple(one for one in circumstances.headers() if one[0] != "Expires")
    early = (
        (APPLICATION_ID, str(target.application)),
        (PUSH_SIZE, str(len(push.message.body))),
    )
    headers = sender.headers(target.uri, names, "INVITE").added(
        ("Contact", f"<{contact}>"),
        *target.headers(),
        *when,
        *marks(push),
        *early,
        _allow(GATEWAY_METHODS),
        ("Content-Type", SDP),
    )
    return SipRequest("INVITE", target.uri, headers, offer)


def options(
    sender: Sender,
    names: Names,
    to: str,
    contact: str,
    told: Iterable[Field] = (),
    *,
    methods: Iterable[str] = CLIENT_METHODS,
) -> SipRequest:
    """Return the OPTIONS that tells what this end takes, and asks what the other takes.

    :param contact: the value of Contact, with the features of the sender.
    :param told: ``capabilities.to_headers``; and caller preferences, where they are needed.
    """
    headers = sender.headers(to, names, "OPTIONS").added(
        ("Contact", contact), *told, _allow(methods), ("Supported", "gruu")
    )
    return SipRequest("OPTIONS", to, headers)


def options_answer(
    contact: str, told: Iterable[Field] = (), *, methods: Iterable[str] = CLIENT_METHODS
) -> SipResponse:
    """Return the 200 to an OPTIONS: the same in the other direction; there is no body."""
    headers = SipHeaders((("Contact", contact), *told, _allow(methods), ("Supported", "gruu")))
    return SipResponse(200, "OK", headers)


def contact_of(uri: str, features: PushFeatures) -> str:
    """Return the value of a Contact that declares features."""
    return ";".join((f"<{uri}>", *features.parameters()))


def register(
    sender: Sender,
    names: Names,
    registrar: str,
    contact: str,
    expires_s: int,
    *,
    supported: Iterable[str] = ("path", "gruu"),
) -> SipRequest:
    """Return a REGISTER (RFC 3261 10.2): the sender binds its address of record to ``contact``.

    :param registrar: the URI of the domain.
    :param contact: the value of Contact.
    :param expires_s: 0 takes the binding back.
    """
    # Who registers says in To who it is; routes are for what comes after (RFC 3608 6.1).
    fields = Sender(sender.uri).headers(sender.uri, names, "REGISTER")
    headers = fields.without("P-Preferred-Identity").added(
        ("Contact", contact),
        ("Expires", str(expires_s)),
        ("Supported", ", ".join(supported)),
        _allow(CLIENT_METHODS),
    )
    return SipRequest("REGISTER", registrar, headers)


def subscribe(sender: Sender, names: Names, aor: str, contact: str, expires_s: int) -> SipRequest:
    """Return the SUBSCRIBE to the registrations of a user (RFC 3680), outside of a dialog.

    :param contact: the URI at which this end receives; 0 as ``expires_s`` asks once.
    """
    headers = sender.headers(aor, names, "SUBSCRIBE").added(
        ("Contact", f"<{contact}>"),
        ("Event", "reg"),
        ("Accept", REGISTRATION_INFO),
        ("Expires", str(expires_s)),
    )
    return SipRequest("SUBSCRIBE", aor, headers)


def marks(push: PpgRequest) -> tuple[Field, ...]:
    """Return what says of a push how it goes: X-Push-Id and X-Wap-Push-Info.

    The same headers stand beside a push within an MSRP session.
    """
    info = format_push_info(push.flags, response_allowed=False)
    given = ((PUSH_ID, push.delivery_id),)
    return given if info is None else (*given, (PUSH_INFO, info))


def _allow(methods: Iterable[str]) -> Field:
    return ("Allow", ", ".join(methods))
