"""What is kept of a Push Service Registration over restarts: its name, and what its bindings keep.

It is JSON, the ``server_data`` of one binding of the agent's.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from omapush.cai.model import ConnectionProfile
from omapush.core.instants import Instant

_MEMBERS = frozenset(field.name for field in fields(ConnectionProfile))


@dataclass(frozen=True, slots=True)
class KeptProfile:
    """What the binder of a variant keeps for one profile of the answer."""

    protocol: str
    profile: ConnectionProfile
    server_data: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A registration at a push service.

    :ivar uri: where it was made.
    :ivar location: what it is called; ``None``: nothing.
    :ivar expires: until when it holds; ``None``: until it is ended.
    """

    uri: str
    location: str | None = None
    expires: Instant | None = None
    profiles: tuple[KeptProfile, ...] = ()

    def write(self) -> str:
        """Return it as text; empty if there is nothing to end at any server."""
        if self.location is None and not self.profiles:
            return ""
        return json.dumps(asdict(self))

    def of_profile(self, protocol: str, profile: ConnectionProfile) -> str:
        """Return what was kept for this profile, or nothing."""
        for one in self.profiles:
            if (one.protocol, one.profile) == (protocol, profile):
                return one.server_data
        return ""

    def with_profile(self, protocol: str, profile: ConnectionProfile, server_data: str) -> Kept:
        """Return it with something else kept for this profile; empty: nothing any more."""
        others = tuple(
            one for one in self.profiles if (one.protocol, one.profile) != (protocol, profile)
        )
        mine = (KeptProfile(protocol, profile, server_data),) if server_data else ()
        return replace(self, profiles=others + mine)


def read_kept(text: str) -> Kept | None:
    """Read what :meth:`Kept.write` has written; ``None``: nothing, or not ours."""
    try:
        value = json.loads(text)
        return Kept(
            _text(value["uri"]),
            None if value["location"] is None else _text(value["location"]),
            None if value["expires"] is None else Instant(int(value["expires"])),
            tuple(_profile(one) for one in value["profiles"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _profile(value: Any) -> KeptProfile:  # noqa: ANN401 - as JSON has it
    members = {name: member for name, member in value["profile"].items() if name in _MEMBERS}
    profile = ConnectionProfile(**members)
    return KeptProfile(_text(value["protocol"]), profile, _text(value["server_data"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
