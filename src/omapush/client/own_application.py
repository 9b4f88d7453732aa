"""Applications that are part of the client itself, such as session initiation (``sia``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from omapush.client.dispatch import Refusal
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.interface import PoConfirmedPushInd


class OwnApplication(Protocol):
    """An application that gets its pushes without registering, before any other is looked for.

    The device's whitelist has let the push through; there is no queue and no waiting.
    """

    @property
    def push_application_id(self) -> str:
        """Its id, in canonical form."""

    @property
    def accept(self) -> tuple[str, ...]:
        """The types that it takes."""

    @property
    def announced(self) -> bool:
        """Whether gateways are told that it is there: whether it could do anything."""

    def push(self, push: PoConfirmedPushInd) -> Refusal | None:
        """Take a push, or say why not; must not block and must not raise."""


def own_application(
    push: PoConfirmedPushInd, own: Mapping[str, OwnApplication]
) -> OwnApplication | None:
    """Return the application of the client that ``push`` is for, if it is for one."""
    if not own:
        return None
    try:
        return own.get(ApplicationId.of(push.message).canonical)
    except DecodeError:
        return None


def with_own(
    ids: Iterable[str], types: Iterable[str], own: Iterable[OwnApplication]
) -> tuple[dict[str, None], dict[str, None]]:
    """Return ids and types with those of the client's own applications, each once."""
    all_ids, all_types = dict.fromkeys(ids), dict.fromkeys(types)
    for one in (each for each in own if each.announced):
        all_ids[one.push_application_id] = None
        all_types |= dict.fromkeys(one.accept)
    return all_ids, all_types
