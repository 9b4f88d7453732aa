"""What the gateway's end asks about terminals: the port that the gateway's settings implement.

Synchronous and in memory: a session asks in the midst of an answer. That a terminal is not known is
nothing that the other end may notice (WAP-235, 7.2.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from omapush.ota.http.authentication import Login
from omapush.protocols.http import Header


@dataclass(frozen=True, slots=True)
class KnownCpi:
    """CPI that a terminal told before.

    :ivar tag: the one that it is believed to have now, perhaps named in its SIR.
    :ivar cpi: the CPI headers by their tag.
    """

    tag: str
    cpi: Mapping[str, tuple[Header, ...]]


class TerminalAccounts(Protocol):
    """What is known about terminals, by Terminal-ID. Nothing here raises."""

    def terminal_password(self, terminal_id: str) -> str | None:
        """Return what the terminal proves itself with; ``None``: no such terminal, or nothing."""

    def login_at(self, terminal_id: str | None) -> Login | None:
        """Return what we show to a terminal, which is the realm of its challenge.

        ``None`` for ``terminal_id``: it is not known yet which terminal it is.
        """

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        """Return the CPI that the terminal may refer to although no tag was sent to it."""


class _NoAccounts:
    def terminal_password(self, terminal_id: str) -> str | None:
        return None

    def login_at(self, terminal_id: str | None) -> Login | None:
        return None

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return None


NO_ACCOUNTS: TerminalAccounts = _NoAccounts()
"""For a gateway that shows nothing and knows nobody."""
