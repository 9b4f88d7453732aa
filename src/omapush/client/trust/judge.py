"""Whose pushes are taken: the port that dispatch asks, and its simplest implementation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from omapush.cai.model import Registration, Trust
from omapush.client.dispatch import Refusal
from omapush.client.trust.whitelist import Source, admits, contact_points_of, sources_of
from omapush.content.application_id import ApplicationId
from omapush.ota.interface import PoConfirmedPushInd, PushFlag, PushStatus


class SourceJudge(Protocol):
    """Says whether the source of a push may push, and what is to be believed of what it says."""

    async def judge(
        self,
        push: PoConfirmedPushInd,
        application: ApplicationId,
        found: Registration | None,
        granted: Sequence[str] = (),
    ) -> Refusal | Trust:
        """Judge a push.

        :param found: the registration that it is for, if there is one: a stranger is not to learn
            which applications there are.
        :param granted: contact points that a server of that registration has named.
        """


class FixedList:
    """A device list that never changes; ``None``: there is none."""

    def __init__(self, device_list: tuple[Source, ...] | None = None) -> None:
        self._device_list = device_list

    async def judge(
        self,
        push: PoConfirmedPushInd,
        application: ApplicationId,
        found: Registration | None,
        granted: Sequence[str] = (),
    ) -> Refusal | Trust:
        """Judge by the list and the registration's own."""
        refusal = _stranger(push, found, self._device_list)
        if refusal is not None:
            return refusal
        own = bool(found is not None and found.request.whitelist)
        return Trust(
            whitelisted=self._device_list is not None or own,
            authenticated=PushFlag.INITIATOR_AUTHENTICATED in push.flags,
            trusted=PushFlag.CONTENT_TRUSTED in push.flags,
        )


def _stranger(
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
