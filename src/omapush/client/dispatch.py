"""Who gets a push, or why nobody does (CAI 5.3, Architecture 5.3.2.1.3.2). Pure.

The form of the push, the application and the way that leads to it, and its types; whose pushes are
taken is judged by ``trust``. A content type that has two written forms is taken in either when the
application takes one (``conversion``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from omapush.cai.model import ConnectionProfile, Registration
from omapush.client.binding.binder import SHARED
from omapush.client.conversion import takes
from omapush.content.application_id import ANY_APPLICATION, REGISTRY, ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.interface import PoConfirmedPushInd, PushSource, PushStatus


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody gets the push; this is what the gateway is told.

    :ivar of_source: it was not the push that was refused, but whoever sent it.
    """

    status: PushStatus
    reason: str
    of_source: bool = field(default=False, compare=False)


ANYBODY = REGISTRY[ANY_APPLICATION]
"""The id that stands for every application."""
ANY_BEARER = "any"


@dataclass(frozen=True, slots=True)
class Receiver:
    """What takes pushes: a registration, and by which ways of its own they come to it.

    :ivar scopes: see ``binder.Binder.scope``.
    """

    registration: Registration
    scopes: tuple[str, ...] = (SHARED,)

    def is_reached_by(self, source: PushSource) -> bool:
        """Whether pushes that came this way are for it (CAI-11, CAI-23 to CAI-25).

        Connection profiles name the ways over which the application takes pushes; without any, it
        takes them over all that are shared. A push service may have told a registration to wait
        on those, too.
        """
        if source.binding not in self.scopes:
            arranged = self.registration.request.registration_uri is not None
            return arranged and source.binding == SHARED
        profiles = self.registration.request.profiles
        if source.binding != SHARED or not profiles:
            return True
        return any(_is_by(profile, source) for profile in profiles)


def _is_by(profile: ConnectionProfile, source: PushSource) -> bool:
    bearer = (profile.bearer_type or ANY_BEARER).lower()
    return profile.protocol in (None, source.protocol) and bearer in (
        ANY_BEARER,
        source.bearer.lower(),
    )


def application_of(push: PoConfirmedPushInd) -> ApplicationId | Refusal:
    """Return the application that ``push`` is for (AD-9), if it is of the form of a push at all."""
    try:
        application = ApplicationId.of(push.message)
    except DecodeError as error:
        return Refusal(PushStatus.USERRFS, error.reason)
    if not push.message.media_type:
        return Refusal(PushStatus.USERDCU, "the push has no Content-Type")
    return application


def receiver_of(
    application: ApplicationId, push: PoConfirmedPushInd, receivers: Iterable[Receiver]
) -> Registration | None:
    """Return the registration of that id, by number or by URI, that this way leads to.

    One that names every application gets what nobody else is registered for. A push to every
    application goes to the first that takes its type.
    """
    reached = [one for one in receivers if one.is_reached_by(push.source)]
    reached.sort(key=lambda one: push.source.binding not in one.scopes)  # who has that way first
    live = [one.registration for one in reached if one.registration.state.is_live]
    if application.canonical == ANYBODY:
        media_type = push.message.media_type
        taking = (one for one in live if takes(one.request, media_type))
        return next(taking, live[0] if live else None)
    names = names_of(application)
    named = (one for one in live if one.push_application_id in names)
    others = (one for one in live if one.push_application_id == ANYBODY)
    return next(named, None) or next(others, None)


def names_of(application: ApplicationId) -> tuple[str, ...]:
    """Return what an application of this id may be registered under."""
    if application.code is not None and application.registered_code is None:
        # A private code stands for its URI (PPG 5.1.2.1.2).
        return (application.canonical, f"{application.code:X}")
    return (application.canonical,)


def misfit(
    found: Registration | None, application: ApplicationId, push: PoConfirmedPushInd
) -> Refusal | None:
    """Return why ``found`` does not get the push, or ``None`` if it does."""
    if found is None:
        return Refusal(PushStatus.USERPND, f"no application is registered for {application}")
    media_type = push.message.media_type
    if not takes(found.request, media_type):
        return Refusal(PushStatus.USERDCU, f"the application does not take {media_type}")
    return None
