"""From what a message tells of a device to what is kept of it."""

from __future__ import annotations

from dataclasses import replace

from omapush.core.instants import Instant
from omapush.ota.interface import ClientCapabilities
from omapush.ota.sip.capabilities import read_headers, takes_envelope
from omapush.ota.sip.envelope import CONTENT_TYPE
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.third_party import RegistrationNews
from omapush.ppg.sip.address_of_record import (
    address_of_record,
    device_of_user,
    instance_of,
    is_device,
)
from omapush.ppg.sip.registrations import ANY_METHOD, Device, Source, until
from omapush.protocols.sip.header_fields import NameAddress
from omapush.protocols.sip.message import SipHeaders


def device_told_by(headers: SipHeaders, user: str, source: Source, until: Instant) -> Device | None:
    """Return the device that tells of itself: in OPTIONS, or in its answer.

    :param user: whose device it is; a GRUU in Contact counts only if it is his.
    :returns: ``None``: it does not say who it is.
    :raises BadSipMessage: its Contact cannot be read. :raises DecodeError: nor what it takes.
    """
    contacts = headers.listed("Contact")
    if not contacts:
        return None
    contact = NameAddress.parse(contacts[0])
    told = read_headers(headers)
    features = told.features if told.features.is_for_push else None
    methods = told.methods & ANY_METHOD if told.methods else ANY_METHOD
    known = device_of(contact, user, source, until)
    return replace(
        known,
        features=features,
        methods=methods,
        capabilities=fitted(told.capabilities),
        wants_bare=not takes_envelope(told.capabilities),
    )


def device_of(contact: NameAddress, user: str, source: Source, until: Instant) -> Device:
    """Return the device of a Contact that was registered, or that is said to be."""
    instance = contact.parameters.get("+sip.instance")
    given = contact.parameters.get("pub-gruu") or contact.uri
    own = is_device(given) and address_of_record(given) == user
    gruu = device_of_user(user, given) if own else None
    features = PushFeatures.read(str(contact.parameters))
    key = instance.strip("<>") if instance else instance_of(given) or contact.uri
    told = features if features.is_for_push else None
    return Device(key, source, until, gruu, told, contact=None if gruu else contact.uri)


def fitted(told: ClientCapabilities) -> ClientCapabilities:
    """Return what content is compared with: the envelope is no content.

    Who names nothing but the envelope does not say what may be in it.
    """
    accept = tuple(one for one in told.accept if one.lower() != CONTENT_TYPE)
    return replace(told, accept=accept or ("*/*",))


def known_by_news(news: RegistrationNews, now: Instant) -> tuple[list[Device], list[str]]:
    """Return the devices that the core says are registered, and the keys of those that are not."""
    here: list[Device] = []
    gone: list[str] = []
    for contact in news.contacts:
        key = contact.instance or contact.uri
        if contact.expires_s == 0:
            gone.append(key)
            continue
        features = contact.features if contact.features.is_for_push else None
        lasts = until(now, contact.expires_s)
        known = Device(key, Source.THIRD_PARTY, lasts, contact.gruu, features)
        here.append(replace(known, contact=contact.uri))
    return here, gone
