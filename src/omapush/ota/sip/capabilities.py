"""What a client takes, in the headers of OPTIONS and of its answer, either way round.

What SIP has a header for stands there; the rest has the header names of OTA-HTTP's CPI, which other
elements pass over [design].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from omapush.core.errors import DecodeError
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities
from omapush.ota.sip import push_resource_identifier
from omapush.ota.sip.envelope import CONTENT_TYPE
from omapush.ota.sip.plain_text import is_plain, readable
from omapush.ota.sip.push_features import PushFeatures
from omapush.protocols.sip.listing import split_outside
from omapush.protocols.sip.message import Field, SipHeaders

# The header of SIP (RFC 3261 20) for what OTA-HTTP says in the other one.
_OF_SIP: Mapping[str, str] = {
    cpi.ACCEPT: "Accept",
    cpi.ACCEPT_ENCODING: "Accept-Encoding",
    cpi.ACCEPT_LANGUAGE: "Accept-Language",
}
_OF_CPI = {name.lower(): of_cpi for of_cpi, name in _OF_SIP.items()}

UNTOLD = ClientCapabilities(
    accept=("*/*",),
    accept_charset=("*",),
    accept_encoding=("identity",),
    accept_language=("*",),
    accept_app_id=("*",),
    max_message_size=cpi.MAX_NUMBER,
)
"""What a client is taken to take of which nothing is known but that it is registered."""


@dataclass(frozen=True, slots=True)
class ToldCapabilities:
    """What one end told of itself.

    :ivar features: of its contact.
    :ivar methods: of Allow; empty: it did not say.
    :ivar cpi: the headers from which ``capabilities`` were read, for keeping.
    """

    capabilities: ClientCapabilities
    features: PushFeatures
    methods: frozenset[str] = frozenset()
    cpi: tuple[Field, ...] = ()

    def allows(self, method: str) -> bool:
        """Whether it takes requests of this method, as far as is known."""
        return not self.methods or method in self.methods


def to_headers(capabilities: ClientCapabilities, *, hidden: bool = False) -> tuple[Field, ...]:
    """Return the headers that tell what is taken.

    :param hidden: which applications there are is not told (REQ22).
    """
    others = tuple(one for one in capabilities.accept if one.lower() != CONTENT_TYPE)
    told = replace(capabilities, accept=(CONTENT_TYPE, *others))
    return tuple(
        (_OF_SIP.get(name, name), value)
        for name, value in cpi.to_headers(told)
        if name != cpi.ACCEPT_APP_ID or not hidden
    )


def read_headers(headers: SipHeaders) -> ToldCapabilities:
    """Read what one end told: in OPTIONS, in its answer, or in a REGISTER.

    An absent header says nothing: :data:`UNTOLD` counts. The applications are those of
    X-Wap-Push-Accept-AppID, or else those that the Contact declares.

    :raises DecodeError: a size or count is no number.
    """
    features = _features(headers)
    kept = cpi.of_headers(
        (_OF_CPI.get(name.lower(), name), readable(value)) for name, value in headers.fields
    )
    capabilities = _over_untold(cpi.to_capabilities(kept), {name.lower() for name, _ in kept})
    if not any(name.lower() == cpi.ACCEPT_APP_ID.lower() for name, _ in kept):
        capabilities = replace(capabilities, accept_app_id=_applications(features))
    methods = frozenset(one.upper() for one in headers.listed("Allow") if is_plain(one))
    return ToldCapabilities(capabilities, features, methods, kept)


def takes_envelope(capabilities: ClientCapabilities) -> bool:
    """Whether a push may come in an envelope: unless the types that are taken leave it out.

    A client of OTA-SIP names it beside the types of its applications; one of which the type of the
    content is known alone gets the bare form (``envelope``).
    """
    taken = {one.partition(";")[0].strip().lower() for one in capabilities.accept}
    return bool(taken & {CONTENT_TYPE, "application/*", "*/*"})


def _over_untold(read: ClientCapabilities, given: set[str]) -> ClientCapabilities:
    """Return what was read, where a header was given."""

    def is_given(name: str) -> bool:
        return name.lower() in given

    return ClientCapabilities(
        accept=read.accept if is_given(cpi.ACCEPT) else UNTOLD.accept,
        accept_charset=(
            read.accept_charset if is_given(cpi.ACCEPT_CHARSET) else UNTOLD.accept_charset
        ),
        accept_encoding=read.accept_encoding,
        accept_language=read.accept_language,
        accept_app_id=read.accept_app_id,
        max_message_size=(
            read.max_message_size
            if not given.isdisjoint((cpi.MAX_MSG_SIZE.lower(), "x-wap-push-msgsize"))
            else UNTOLD.max_message_size
        ),
        max_push_requests=read.max_push_requests,
    )


def _features(headers: SipHeaders) -> PushFeatures:
    """Return the features of all contacts together; an OPTIONS has one."""
    applications: list[str] = []
    instances: list[str] = []
    for contact in headers.listed("Contact"):
        found = PushFeatures.read(";".join(split_outside(contact, ";")[1:]))
        applications.extend(found.applications)
        instances.extend(found.instances)
    return PushFeatures(tuple(dict.fromkeys(applications)), tuple(dict.fromkeys(instances)))


def _applications(features: PushFeatures) -> tuple[str, ...]:
    if features.takes_any or not features.is_for_push:
        return UNTOLD.accept_app_id
    found = []
    for value in features.applications:
        try:
            found.append(str(push_resource_identifier.application_of(value)))
        except DecodeError:
            continue
    return tuple(found)
