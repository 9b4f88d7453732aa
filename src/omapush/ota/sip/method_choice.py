"""MESSAGE or INVITE: how a push is carried, by its size, by what the client takes and by policy.

A MESSAGE outside of a session must be short (RFC 3428 8): the sender does not know which hops are
by UDP. What is longer goes by MSRP in a session.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from omapush.ota.sip.results import Method

MESSAGE_SIZE_LIMIT = 1_300
"""Octets of a whole request that every hop may carry by UDP (RFC 3428 8, RFC 3261 18.1.1)."""
VIA_RESERVE = 200
"""Octets that the proxies on the way may add [design]."""


@dataclass(frozen=True, slots=True)
class MethodPolicy:
    """What the operator says about the choice.

    :ivar message_size_limit: octets of the longest MESSAGE at its last hop; more than 1,300 only
        for a core that is known to be by TCP throughout.
    :ivar via_reserve: octets that a MESSAGE may grow by on the way.
    :ivar session_for_confirmed: confirmed pushes go by MSRP, whatever their size.
    """

    message_size_limit: int = MESSAGE_SIZE_LIMIT
    via_reserve: int = VIA_RESERVE
    session_for_confirmed: bool = False

    def fits(self, size: int) -> bool:
        """Whether a MESSAGE of this many octets, as it leaves, may be sent."""
        return size + self.via_reserve <= self.message_size_limit


def methods_for(
    size: int, policy: MethodPolicy, *, confirmed: bool, allowed: Collection[str] | None = None
) -> tuple[Method, ...]:
    """Return the methods to try, one after the other as long as the answer says
    ``Next.OTHER_METHOD``; none: the push cannot be carried to this client (PAP 3007).

    :param size: octets of the push as a MESSAGE, as it leaves (``SipCore.request_size``).
    :param confirmed: the initiator wants to know that the application took it.
    :param allowed: the methods that the client has told; ``None``: not known.
    """
    order: tuple[Method, ...] = (Method.INVITE,)
    if policy.fits(size):
        order = (Method.MESSAGE, Method.INVITE)
        if confirmed and policy.session_for_confirmed:
            order = (Method.INVITE, Method.MESSAGE)
    return tuple(one for one in order if allowed is None or one.value in allowed)
