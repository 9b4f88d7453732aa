"""Complete push messages from a few plain arguments, one function for each kind.

Every function sets the Content-Type and the application that OMNA registered for the kind. Where a
content type has a text and a binary form, the text is what a gateway expects; ``binary`` asks for
the form that goes to the device, for gateways that pass bodies through.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from omapush.content import mms_notification as mms
from omapush.content import session_initiation as sir
from omapush.content.application_id import ANY_APPLICATION, REGISTRY, ApplicationId
from omapush.content.application_id import HEADER as APPLICATION_ID
from omapush.content.email_notification import EmailNotification
from omapush.content.indication import (
    CacheOperation,
    LoadingAction,
    ServiceIndication,
    ServiceLoading,
    SignalAction,
)
from omapush.content.indication.document import PushDocument
from omapush.content.message import Header, PushMessage
from omapush.content.provisioning import bootstrap_security, documents
from omapush.content.provisioning.bootstrap_security import SecurityMethod
from omapush.content.provisioning.model import ProvisioningDocument
from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import DAY_MS, SECOND_MS, Instant
from omapush.protocols.wdp import AddressType

BROWSER = "x-wap-application:wml.ua"
"""Takes SI, SL, CO and provisioning, and whatever names no application."""
EMAIL = "x-wap-application:emn.ua"
LWM2M = "x-wap-application:lwm2m.dm"

DEFAULT_EXPIRY = mms.Expiry(seconds=3 * DAY_MS // SECOND_MS)
OCTETS = "application/octet-stream"

_SERVER = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[^:]+)):(?P<port>[0-9]{1,5})")
_PREFIXES = ("x-wap-application:", "x-oma-application:")


def mms_notification(
    content_location: str,
    message_size: int,
    *,
    from_: str | None = None,
    subject: str | None = None,
    transaction_id: str | None = None,
    expiry: mms.Expiry = DEFAULT_EXPIRY,
    message_class: mms.MessageClass | str = mms.MessageClass.PERSONAL,
    version: str = "1.0",
) -> PushMessage:
    """Return the push that tells a handset to fetch a multimedia message.

    :param content_location: the URI to fetch; it should be short, it goes through an SMS.
    :param message_size: octets of the message.
    :param from_: ``+358401234567`` gets ``/TYPE=PLMN``; anything else is taken as it is.
    :param transaction_id: by default made from the location, so that repeating is harmless.
    :raises EncodeError: a value does not fit.
    """
    made_up = "T" + hashlib.sha256(content_location.encode("utf-8", "replace")).hexdigest()[:10]
    notification = mms.MmsNotification(
        transaction_id=transaction_id or made_up,
        content_location=content_location,
        version=version,
        from_=_mms_address(from_),
        subject=subject,
        message_class=message_class,
        message_size=message_size,
        expiry=expiry,
    )
    return _message(mms.MEDIA_TYPE, mms.APPLICATION_ID, mms.encode(notification))


def _mms_address(address: str | None) -> str | None:
    if address is None:
        return None
    digits = address.removeprefix("+")
    is_number = digits.isascii() and digits.isdecimal()
    return f"{address}/TYPE=PLMN" if is_number else address


def service_indication(
    text: str,
    href: str | None = None,
    *,
    si_id: str | None = None,
    created: Instant | None = None,
    expires: Instant | None = None,
    action: SignalAction = SignalAction.SIGNAL_MEDIUM,
    binary: bool = False,
) -> PushMessage:
    """Return the push of a service indication.

    Give ``created`` and an id (or ``href``), or a later one cannot replace it.

    :raises EncodeError: a deletion without ``si_id``, or a character that XML cannot hold.
    """
    document = ServiceIndication(
        text=text, href=href, si_id=si_id, created=created, si_expires=expires, action=action
    )
    return _document_message(document, BROWSER, binary=binary)


def service_loading(
    href: str, *, action: LoadingAction = LoadingAction.EXECUTE_LOW, binary: bool = False
) -> PushMessage:
    """Return the push of a service loading.

    :raises EncodeError: no address, or a character that XML cannot hold.
    """
    return _document_message(ServiceLoading(href, action), BROWSER, binary=binary)


def cache_operation(
    objects: Sequence[str] = (),
    services: Sequence[str] = (),
    *,
    content_uri: str | None = None,
    binary: bool = False,
) -> PushMessage:
    """Return the push of a cache operation.

    :param content_uri: what relative addresses are relative to.
    :raises EncodeError: nothing to invalidate, or a character that XML cannot hold.
    """
    document = CacheOperation(tuple(objects), tuple(services))
    extra = (("X-Wap-Content-URI", content_uri),) if content_uri else ()
    return _document_message(document, BROWSER, *extra, binary=binary)


def email_notification(
    mailbox: str, *, timestamp: Instant | None = None, binary: bool = False
) -> PushMessage:
    """Return the push that tells of new mail.

    :param mailbox: a URI; a bare address gets ``mailat:``.
    :raises EncodeError: no mailbox, or a character that XML cannot hold.
    """
    uri = f"mailat:{mailbox}" if "@" in mailbox and ":" not in mailbox else mailbox
    return _document_message(EmailNotification(uri, timestamp), EMAIL, binary=binary)


def provisioning(
    document: ProvisioningDocument,
    *,
    method: SecurityMethod | None = None,
    pin: str | None = None,
    network_secret: bytes | None = None,
) -> PushMessage:
    """Return the push of a provisioning document, always in WBXML since its MAC covers that.

    :param method: how the device knows the sender; ``None``: only where the bearer protects it.
        With USERPINMAC nothing secret is needed here: the PIN for the user is made by
        :func:`~omapush.content.provisioning.bootstrap_security.user_pin_mac` of the body.
    :raises EncodeError: the secret of ``method`` is missing, or the document cannot be written.
    """
    body = documents.write_wbxml(document)
    if method is None:
        return _message(documents.BINARY_MEDIA_TYPE, BROWSER, body)
    mac = None
    if method is not SecurityMethod.USERPINMAC:
        mac = bootstrap_security.mac_of(method, body, pin=pin, network_secret=network_secret)
    return _message(bootstrap_security.content_type(method, mac), BROWSER, body)


def wake_up(
    application: str = LWM2M, *, body: bytes = b"", content_type: str = OCTETS
) -> PushMessage:
    """Return a small push that makes an application on the device do what it does when pushed.

    :param application: a push application id: a URI, a code, or the name that OMNA registered
        without its prefix, ``lwm2m.dm``, ``syncml.dm``.
    :param body: what the application expects; often nothing.
    :raises EncodeError: no application id.
    """
    return _message(content_type, application_uri(application), body)


def session_initiation(
    servers: Sequence[str] = (),
    *,
    wsp_servers: Sequence[str] = (),
    applications: Sequence[str] = (),
    provisioning_url: str | None = None,
) -> PushMessage:
    """Return the push that makes a client connect to a gateway (SIR).

    :param servers: IP addresses, each with ``:port`` or without, to connect to for OTA-HTTP;
        ``wsp_servers`` likewise for a WSP session.
    :param applications: what the connection is for, as in :func:`wake_up`; nothing means any.
    :param provisioning_url: names the configuration context to be used; its hash is sent.
    :raises EncodeError: an address that is none, or no server at all.
    """
    if not servers and not wsp_servers:
        raise EncodeError("no server to connect to")
    wanted = [ApplicationId.parse(application_uri(name)) for name in applications]
    url = b"" if provisioning_url is None else sir.provisioning_url_hash(provisioning_url)
    request = sir.SessionInitiation(
        application_ids=tuple(wanted) or (ApplicationId(None, ANY_APPLICATION),),
        wsp_contact_points=tuple(map(_server, wsp_servers)),
        contact_points=tuple(map(_server, servers)),
        protocol_options=(sir.OTA_HTTP,) * len(servers),
        provisioning_url=url,
    )
    return _message(sir.CONTENT_TYPE, sir.APPLICATION, request.encode())


def _server(word: str) -> AddressType:
    """Read ``192.0.2.1``, ``192.0.2.1:4035``, ``2001:db8::1`` or ``[2001:db8::1]:4035``."""
    found = _SERVER.fullmatch(word)
    if found is None:
        return AddressType.of_ip(word)
    port = int(found["port"])
    if not 0 < port <= 0xFFFF:
        raise EncodeError("a port is a number from 1 to 65535")
    return AddressType.of_ip(found["v6"] or found["v4"], port)


def application_uri(name: str) -> str:
    """Return the value of X-Wap-Application-Id for ``name``, the prefix put in where it is one of
    OMNA's.

    :raises EncodeError: not an application id.
    """
    known = (prefix + name for prefix in _PREFIXES)
    uri = next((uri for uri in known if uri in REGISTRY.values()), name)
    try:
        ApplicationId.parse(uri)
    except DecodeError as error:
        raise EncodeError(error.reason, error.position) from error
    return uri


def _document_message(
    document: PushDocument, application: str, *extra: Header, binary: bool
) -> PushMessage:
    if binary:
        return _message(document.BINARY_TYPE, application, document.to_wbxml(), *extra)
    # PushDocument.to_xml writes UTF-8.
    content_type = f"{document.TEXT_TYPE}; charset=utf-8"
    return _message(content_type, application, document.to_xml(), *extra)


def _message(content_type: str, application: str, body: bytes, *extra: Header) -> PushMessage:
    headers = (("Content-Type", content_type), (APPLICATION_ID, application), *extra)
    return PushMessage(headers, body)
