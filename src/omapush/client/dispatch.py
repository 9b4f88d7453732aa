"""Who gets a push, or why nobody does (CAI 5.3, Architecture 5.3.2.1.3.2). Pure.

The order of the checks: the form of the push, the device's whitelist, the application, the
application's whitelist and contact points, its types. A content type that has two written forms is
taken in either when the application takes one (``conversion``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omapush.cai.model import Registration
from omapush.client.conversion import takes
from omapush.client.whitelist import (
    Source,
    admits,
    contact_points_of,
    sources_of,
)
from omapush.content.application_id import ANY_APPLICATION, REGISTRY, ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.interface import PoConfirmedPushInd, PushStatus


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody gets the push; this is what the gateway is told."""

    status: PushStatus
    reason: str


_ANYBODY = REGISTRY[ANY_APPLICATION]


def choose(
    push: PoConfirmedPushInd,
    registrations: Iterable[Registration],
    device_list: tuple[Source, ...] | None,
) -> Registration | Refusal:
    """Return the registration that ``push`` is for."""
    try:
        application = ApplicationId.of(push.message)
    except DecodeError as error:
        return Refusal(PushStatus.USERRFS, error.reason)
    media_type = push.message.media_type
    if not media_type:
        return Refusal(PushStatus.USERDCU, "the push has no Content-Type")
    found = _registration_for(application, media_type, registrations)
    refusal = stranger(push, found, device_list)
    if refusal is not None:
        return refusal
    if found is None:
        return Refusal(PushStatus.USERPND, f"no application is registered for {application}")
    if not takes(found.request, media_type):
        return Refusal(PushStatus.USERDCU, f"the application does not take {media_type}")
    return found


def stranger(
    push: PoConfirmedPushInd, found: Registration | None, device_list: tuple[Source, ...] | None
) -> Refusal | None:
    """Return the refusal of a source not trusted, or not the one that the application expects.

    Where no application is registered the device's list counts as well: a stranger does not learn
    which applications there are.
    """
    source, media_type = push.source, push.message.media_type
    own = sources_of(found.request) if found is not None else ()
    if not admits(device_list, own, source, media_type):
        return Refusal(PushStatus.USERRFS, "the source is not on the whitelist")
    expected = contact_points_of(found.request) if found is not None else ()
    if expected and not admits((), expected, source, media_type):
        return Refusal(PushStatus.USERRFS, "the source is not the contact point")
    return None


def _registration_for(
    application: ApplicationId, media_type: str, registrations: Iterable[Registration]
) -> Registration | None:
    """Return the registration of that id, by number or by URI (AD-9).

    One that names every application gets what nobody else is registered for. A push to every
    application goes to the first that takes its type.
    """
    live = [one for one in registrations if one.state.is_live]
    if application.canonical == _ANYBODY:
        taking = (one for one in live if takes(one.request, media_type))
        return next(taking, live[0] if live else None)
    names = {application.canonical}
    if application.code is not None and application.registered_code is None:
        names.add(f"{application.code:X}")  # a private code stands for its URI (PPG 5.1.2.1.2)
    named = (one for one in live if one.push_application_id in names)
    others = (one for one in live if one.push_application_id == _ANYBODY)
    return next(named, None) or next(others, None)
