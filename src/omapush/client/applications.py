"""The registered applications: what is accepted, and what is announced. Pure.

An option that is not supported or not available now is refused by name (CAI-26). What is announced
to gateways is always computed from the live registrations and never stored (CAI-39, 40, 51 to 53).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from omapush.cai.model import (
    CaiVersion,
    Protocol,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.conversion import convertible
from omapush.client.own_application import OwnApplication, with_own
from omapush.client.trust.whitelist import contact_points_of, sources_of
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.interface import ClientCapabilities

MAX_ID = 256
"""Characters of a push application id."""
MAX_ANNOUNCED = 4_096
"""Characters of each announced list; all headers of an answer have to fit into 16 KiB."""
MIN_ACK_TIMEOUT_MS = 1_000
MAX_ACK_TIMEOUT_MS = 120_000

# What may stand in a list of types without changing its meaning: RFC 9110, 5.6.2 and 12.5.1.
_TOKEN = r"[!#$%&'+.^_`|~0-9A-Za-z-]{1,127}"  # noqa: S105 - the grammar's word, not a password
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_MEDIA_RANGE = re.compile(rf"\*/\*|{_TOKEN}/(?:\*|{_TOKEN})")

# What a profile may ask for since CAI 1.1 only.
_SINCE_1_1 = (
    "contact_point",
    "cb_message_id",
    "mbms_user_service_description",
    "bcast_access_info",
)
_IN_1_0 = (Protocol.OTA_WSP, Protocol.OTA_HTTP, Protocol.OTA_SIP)


def check_request(request: RegistrationRequest) -> ApplicationId:
    """Check the form of a registration; return the application it is for.

    :raises RegistrationRejected: not of the form of CAI 5.1.
    """
    application = _push_application(request.push_application_id)
    if request.cai_version is CaiVersion.V1_0:
        _check_1_0(request, application)
    elif request.application_id is not None and not _URI.fullmatch(request.application_id):
        # In 1.0 it is any string.
        _reject(Reason.INVALID_PARAMETER, "application_id", "is no URI")
    if request.registration_uri is not None and request.profiles:
        # CAI-10: one of the two.
        _reject(Reason.INVALID_PARAMETER, "registration_uri", "excludes profiles")
    sources_of(request)
    contact_points_of(request)
    _check_media_ranges(request.accept, "accept")
    for number, entry in enumerate(request.whitelist):
        _check_media_ranges(entry.content_types, f"whitelist[{number}].content_types")
    patience = request.ack_timeout_ms
    if patience is not None and not MIN_ACK_TIMEOUT_MS <= patience <= MAX_ACK_TIMEOUT_MS:
        _reject(Reason.INVALID_PARAMETER, "ack_timeout", "is not between 1 and 120 seconds")
    if request.max_outstanding < 1:
        _reject(Reason.INVALID_PARAMETER, "max_outstanding", "is less than 1")
    return application


def _check_1_0(request: RegistrationRequest, application: ApplicationId) -> None:
    """Check what CAI 1.0 does not have.

    :raises RegistrationRejected: an id that OMNA has not registered, or an option of 1.1.
    """
    if application.registered_code is None:
        # CAI-6: only since 1.1 may it be an unregistered one.
        _reject(Reason.UNREGISTERED_ID, "push_application_id", "is not registered with OMNA")
    if request.registration_uri is not None:
        _unsupported("registration_uri", "the Push Service Registration procedure in CAI 1.0")
    for number, profile in enumerate(request.profiles):
        where = f"profiles[{number}]"
        if profile.protocol is not None and profile.protocol not in _IN_1_0:
            _unsupported(f"{where}.protocol", f"{profile.protocol} in CAI 1.0")
        for option in _SINCE_1_1:
            if getattr(profile, option) is not None:
                _unsupported(f"{where}.{option}", f"{option.replace('_', ' ')} in CAI 1.0")


def announced(
    registrations: Iterable[Registration],
    limits: ClientCapabilities,
    own: Iterable[OwnApplication] = (),
) -> ClientCapabilities:
    """Return what gateways are told: the union over the live registrations and the client's own.

    Beside the text form of a content type stands its binary one, which is converted.

    Without any registration nothing is accepted; the lists then hold names that no push has,
    because an empty list would be read as its default, anything. A list that would be too long
    is announced as "any": the client still refuses what nobody takes.

    :param limits: sizes, counts and codings, which do not depend on registrations.
    """
    live = [one for one in registrations if one.state.is_live]
    ids, ranges = (one.push_application_id for one in live), (one.request.accept for one in live)
    return announced_for(ids, ranges, limits, own)


def announced_for(
    ids: Iterable[str],
    ranges: Iterable[tuple[str, ...]],
    limits: ClientCapabilities,
    own: Iterable[OwnApplication] = (),
) -> ClientCapabilities:
    """Return the same as :func:`announced`, for those who know what is registered.

    :param ids: the push application ids. :param ranges: what each registration accepts, or what
        any of them does.
    """
    accepted = (media for together in dict.fromkeys(ranges) for media in _taken(together))
    every_id, types = with_own(ids, accepted, own)
    return ClientCapabilities(
        accept=_short_enough(types, "*/*") or ("application/x-nothing",),
        accept_charset=limits.accept_charset,
        accept_encoding=limits.accept_encoding,
        accept_language=limits.accept_language,
        accept_app_id=_short_enough(every_id, "*") or ("x-omapush:no.application",),
        max_message_size=limits.max_message_size,
        max_push_requests=limits.max_push_requests,
    )


def _taken(accept: tuple[str, ...]) -> tuple[str, ...]:
    return (*accept, *convertible(accept)) if accept else ("*/*",)


def _short_enough(entries: Collection[str], everything: str) -> tuple[str, ...]:
    """Return ``entries`` in one fixed order, so that the CPITag is the same each time."""
    separators = len(", ") * (len(entries) - 1)
    if sum(map(len, entries)) + separators > MAX_ANNOUNCED:
        return (everything,)
    return tuple(sorted(entries))


def is_media_range(text: str) -> bool:
    """Whether ``text`` is a MIME type or a range of them, without parameters."""
    return _MEDIA_RANGE.fullmatch(text) is not None


def _check_media_ranges(ranges: Iterable[str], where: str) -> None:
    for number, media_range in enumerate(ranges):
        if not is_media_range(media_range):
            _reject(Reason.INVALID_PARAMETER, f"{where}[{number}]", "is no MIME type")


def _push_application(text: str) -> ApplicationId:
    if not text:
        _reject(Reason.INVALID_PARAMETER, "push_application_id", "is missing")
    if len(text) > MAX_ID or "," in text:
        # Ids are announced as a list with commas (WAP-235, 7.2.5.5).
        _reject(Reason.INVALID_PARAMETER, "push_application_id", "is too long or has a comma")
    try:
        application = ApplicationId.parse(text)
    except DecodeError as error:
        raise RegistrationRejected(
            Reason.INVALID_PARAMETER, error.reason, "push_application_id"
        ) from error
    if application.code is not None and application.uri is not None:
        _reject(Reason.INVALID_PARAMETER, "push_application_id", "is a URI and a code at once")
    return application


def _reject(cause: Reason, parameter: str, what: str) -> None:
    raise RegistrationRejected(cause, f"{parameter} {what}", parameter)


def _unsupported(parameter: str, what: str) -> None:
    detail = f"{what} is not supported"
    raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, parameter)
