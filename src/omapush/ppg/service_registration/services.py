"""Which push service serves a request, and what it offers. Pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, OmapushError
from omapush.ota.service_registration import RegisteredProfile, ServiceRegistrationRequest
from omapush.ppg.patterns import ANYTHING, names_application


class NoSuchServiceError(OmapushError):
    """No push service here is for any of the applications."""


class NothingOfferedError(OmapushError):
    """The push service has no profile of a variant that the client offers."""


@dataclass(frozen=True, slots=True)
class PushService:
    """A push service of this gateway.

    :ivar applications: patterns of the application ids that it is for; ``*`` is for all.
    :ivar profiles: the ways by which pushes come, best first; none: by those that clients are
        provisioned with.
    :ivar of_owner: so many registrations of one owner hold at a time.
    """

    name: str
    applications: tuple[str, ...] = (ANYTHING,)
    profiles: tuple[RegisteredProfile, ...] = ()
    of_owner: int = 32


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client is given.

    :ivar application_ids: those of the request that the service is for; of a request for any
        application, those that the service names. Empty: any.
    :ivar profiles: those of variants that the client offers, best first; none: it is to use the
        one that it is provisioned with.
    """

    service: PushService
    application_ids: tuple[str, ...]
    profiles: tuple[RegisteredProfile, ...]


def offer_for(services: Iterable[PushService], request: ServiceRegistrationRequest) -> Offer:
    """Return what the first service that is for one of the applications offers.

    :raises NoSuchServiceError: no service is for any of them.
    :raises NothingOfferedError: it offers no variant that the client does.
    """
    asked = request.capabilities.accept_app_id
    for service in services:
        served = _served(service, asked)
        if served is not None:
            return Offer(service, served, _profiles(service, request.protocols))
    raise NoSuchServiceError("no push service here is for any of these applications")


def _served(service: PushService, asked: Sequence[str]) -> tuple[str, ...] | None:
    if ANYTHING in asked:
        if any(pattern.endswith(ANYTHING) for pattern in service.applications):
            return ()
        return service.applications
    served = tuple(
        application
        for application in dict.fromkeys(asked)
        if any(_is_for(pattern, application) for pattern in service.applications)
    )
    return served or None


def _is_for(pattern: str, application: str) -> bool:
    if pattern == ANYTHING:
        return True
    try:
        return names_application(pattern, ApplicationId.parse(application))
    except DecodeError:
        return False


def _profiles(service: PushService, offered: Sequence[str]) -> tuple[RegisteredProfile, ...]:
    variants = {protocol.casefold() for protocol in offered}
    profiles = tuple(
        profile
        for profile in service.profiles
        if not variants or profile.protocol is None or profile.protocol.casefold() in variants
    )
    if service.profiles and not profiles:
        raise NothingOfferedError("the push service has no profile of a variant that is offered")
    return profiles
