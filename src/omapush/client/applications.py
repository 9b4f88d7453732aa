"""The registered applications: what is accepted, whose is what, and what is announced.

The rules of CAI 5.1: a push application id belongs to one application (CAI-20), which may register
again to change its registration (CAI-21); an option that is not supported or not available now is
refused by name (CAI-26). What is announced to gateways is always computed from the live
registrations and never stored (CAI-39, 40, 51 to 53).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from omapush.cai.model import (
    ConnectionProfile,
    Protocol,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.conversion import convertible
from omapush.client.own_application import OwnApplication, with_own
from omapush.client.whitelist import contact_points_of, sources_of
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.interface import ClientCapabilities

MAX_PER_OWNER = 32
MAX_IN_ALL = 256
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

_SUPPORTED_HANDLERS = (None, "", "none")
# What a profile may ask for beyond the protocol, and until it is supported may not.
_PROFILE_OPTIONS = (
    "port",
    "cb_message_id",
    "mbms_user_service_description",
    "bcast_access_info",
)


def check_request(request: RegistrationRequest) -> ApplicationId:
    """Check a registration by itself; return the application it is for.

    :raises RegistrationRejected: not of the form of CAI 5.1, or an option that is not supported.
    """
    application = _push_application(request.push_application_id)
    if request.application_id is not None and not _URI.fullmatch(request.application_id):
        _reject(Reason.INVALID_PARAMETER, "application_id", "is no URI")
    if request.registration_uri is not None and request.profiles:
        # CAI-10: one of the two.
        _reject(Reason.INVALID_PARAMETER, "registration_uri", "excludes profiles")
    if request.registration_uri is not None:
        _unsupported("registration_uri", "the Push Service Registration procedure")
    if request.event_handler not in _SUPPORTED_HANDLERS:
        _unsupported("event_handler", f"the handler {request.event_handler!r}")
    if request.delegated_storage:
        _unsupported("delegated_storage", "storing pushes for an absent application")
    if request.instance is not None:
        _unsupported("instance", "instances under one id, which OTA-HTTP cannot tell apart,")
    for number, profile in enumerate(request.profiles):
        _check_profile(profile, f"profiles[{number}]")
    sources_of(request)
    contact_points_of(request)
    _check_media_ranges(request.accept, "accept")
    for number, entry in enumerate(request.whitelist):
        _check_media_ranges(entry.content_types, f"whitelist[{number}].content_types")
    patience = request.ack_timeout_ms
    if patience is not None and not MIN_ACK_TIMEOUT_MS <= patience <= MAX_ACK_TIMEOUT_MS:
        _reject(Reason.INVALID_PARAMETER, "ack_timeout", "is not between 1 and 120 seconds")
    return application


def own_registration(
    owner: str, application: ApplicationId, registrations: Iterable[Registration]
) -> Registration | None:
    """Return the owner's live registration for ``application``, which a new request updates.

    :raises RegistrationRejected: another application has the id, or the limits are reached.
    """
    live = [one for one in registrations if one.state.is_live]
    for one in live:
        if ApplicationId.parse(one.push_application_id).canonical == application.canonical:
            if one.owner == owner:
                return one
            raise RegistrationRejected(
                Reason.ALREADY_REGISTERED,
                f"another application is registered for {application}",
                "push_application_id",
            )
    of_user = sum(user_of(one.owner) == user_of(owner) for one in live)
    if len(live) >= MAX_IN_ALL or of_user >= MAX_PER_OWNER:
        raise RegistrationRejected(
            Reason.LIMIT_EXCEEDED,
            f"at most {MAX_PER_OWNER} registrations of a user and {MAX_IN_ALL} in all",
        )
    return None


def user_of(owner: str) -> str:
    """Return whom limits are counted for: a user may have many applications."""
    return owner.partition("/")[0]


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
    ids, types = with_own(
        (one.push_application_id for one in live),
        (accepted for one in live for accepted in _taken(one.request.accept)),
        own,
    )
    return ClientCapabilities(
        accept=_short_enough(types, "*/*") or ("application/x-nothing",),
        accept_charset=limits.accept_charset,
        accept_encoding=limits.accept_encoding,
        accept_language=limits.accept_language,
        accept_app_id=_short_enough(ids, "*") or ("x-omapush:no.application",),
        max_message_size=limits.max_message_size,
        max_push_requests=limits.max_push_requests,
    )


def _taken(accept: tuple[str, ...]) -> tuple[str, ...]:
    return (*accept, *convertible(accept)) if accept else ("*/*",)


def _short_enough(entries: Iterable[str], everything: str) -> tuple[str, ...]:
    """Return ``entries`` in one fixed order, so that the CPITag is the same each time."""
    given = tuple(sorted(entries))
    return given if len(", ".join(given)) <= MAX_ANNOUNCED else (everything,)


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


def _check_profile(profile: ConnectionProfile, where: str) -> None:
    known = {member.value for member in Protocol}
    if profile.protocol is not None and profile.protocol != Protocol.OTA_HTTP:
        what = profile.protocol if profile.protocol in known else "that protocol"
        _unsupported(f"{where}.protocol", what)
    if profile.bearer_type is not None and profile.bearer_type.lower() != "any":
        _unsupported(f"{where}.bearer_type", "choosing a bearer")
    for option in _PROFILE_OPTIONS:
        if getattr(profile, option) is not None:
            _unsupported(f"{where}.{option}", option.replace("_", " "))


def _reject(cause: Reason, parameter: str, what: str) -> None:
    raise RegistrationRejected(cause, f"{parameter} {what}", parameter)


def _unsupported(parameter: str, what: str) -> None:
    detail = f"{what} is not supported"
    raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, parameter)
