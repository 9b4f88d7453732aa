"""Which application a push is for, or why nobody gets it (Architecture C.3 step 8). Pure.

The order is that of the checks in CAI 5.3 and Architecture 6.2: is there such an application, may
this source push to it, does it want this type.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omapush.cai.model import Registration
from omapush.client.whitelist import Source, admits, read_entries, type_matches
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.interface import PoConfirmedPushInd, PushStatus


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody gets the push; this is what the gateway is told."""

    status: PushStatus
    reason: str


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
    found = next(
        (one for one in registrations if one.state.is_live and _is_for(one, application)), None
    )
    if found is None:
        return Refusal(PushStatus.USERPND, f"no application is registered for {application}")
    own = read_entries(found.request.whitelist)
    if not admits(device_list, own, push.source.address, media_type):
        return Refusal(PushStatus.USERRFS, "the source is not on the whitelist")
    accept = found.request.accept
    if accept and not any(type_matches(one, media_type) for one in accept):
        return Refusal(PushStatus.USERDCU, f"the application does not take {media_type}")
    return found


def _is_for(registration: Registration, application: ApplicationId) -> bool:
    """Whether the registration names ``application``, by number or by URI (AD-9)."""
    return ApplicationId.parse(registration.push_application_id).same_application(application)
