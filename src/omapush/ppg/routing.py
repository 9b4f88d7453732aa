"""Which Push-OTA variant and bearer carry a delivery, and why (PAP 8.2.2, PPG 5.1.2.2.2). Pure.

A client has one or several contacts. Those that a required network, bearer or confirmation rules
out are left out. The others are tried in this order: first as the initiator wishes, then as the
first of the operator's rules that fits prefers, then as the client's settings list them. Each route
says why it stands where it does, and the timeline shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omapush.pap.model import DeliveryMethod
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact
from omapush.ppg.patterns import matches
from omapush.ppg.store.contract import ClaimedDelivery
from omapush.ppg.wdp_names import constrains, same_name


@dataclass(frozen=True, slots=True)
class Wish:
    """What the initiator said about network, bearer and confirmation (PAP 8.2.2)."""

    network: str | None = None
    network_required: bool = False
    bearer: str | None = None
    bearer_required: bool = False
    method: DeliveryMethod = DeliveryMethod.NOTSPECIFIED

    @classmethod
    def of(cls, control: Mapping[str, object]) -> Wish:
        """Read it from what the ledger keeps of the control entity."""
        kept = control.get("qos")
        if not isinstance(kept, Mapping):
            return cls()
        return cls(
            kept.get("network"),
            bool(kept.get("network_required")),
            kept.get("bearer"),
            bool(kept.get("bearer_required")),
            DeliveryMethod(kept.get("delivery_method", DeliveryMethod.NOTSPECIFIED)),
        )

    def allows(self, contact: Contact) -> bool:
        """Whether what is required is what the contact offers."""
        if self.method is DeliveryMethod.CONFIRMED and not contact.confirms:
            return False
        return _fits(self.network, contact.network, required=self.network_required) and _fits(
            self.bearer, contact.bearer, required=self.bearer_required
        )

    def agrees(self, contact: Contact) -> int:
        """Return how many of the wishes the contact meets."""
        preferred = self.method is DeliveryMethod.PREFERCONFIRMED and contact.confirms
        return preferred + sum(
            constrains(wanted) and same_name(wanted, offered)
            for wanted, offered in ((self.network, contact.network), (self.bearer, contact.bearer))
        )


@dataclass(frozen=True, slots=True)
class RouteRule:
    """A rule of the operator's: for which deliveries it is, and what they prefer.

    :ivar name: stands in the reason of the route.
    :ivar clients: patterns of client ids; ``initiators`` and ``content_types`` likewise.
    :ivar min_octets: size of the body from which, and ``max_octets`` up to which, it holds.
    """

    name: str
    clients: tuple[str, ...] = ("*",)
    initiators: tuple[str, ...] = ("*",)
    content_types: tuple[str, ...] = ("*",)
    min_octets: int = 0
    max_octets: int | None = None
    network: str | None = None
    bearer: str | None = None

    def holds(self, claimed: ClaimedDelivery) -> bool:
        """Whether the rule is for this delivery."""
        size = len(claimed.message.body)
        return (
            _any(self.clients, claimed.client_id)
            and _any(self.initiators, claimed.initiator_id)
            and _any(self.content_types, claimed.message.media_type)
            and self.min_octets <= size
            and (self.max_octets is None or size <= self.max_octets)
        )

    def prefers(self, contact: Contact) -> bool:
        """Whether the contact is what the rule prefers."""
        wanted = Wish(self.network, constrains(self.network), self.bearer, constrains(self.bearer))
        return wanted.allows(contact)


@dataclass(frozen=True, slots=True)
class Route:
    """A way to a client. ``reason`` is a sentence for the timeline."""

    contact: Contact
    reason: str


def choose_routes(
    client: Client | None, claimed: ClaimedDelivery, rules: Sequence[RouteRule] = ()
) -> list[Route]:
    """Return the ways to ``client``, the best first; none if nothing may carry it."""
    if client is None:
        return []
    wish = Wish.of(claimed.control)
    rule = next((each for each in rules if each.holds(claimed)), None)
    ranked = [
        (-wish.agrees(contact), not (rule is not None and rule.prefers(contact)), place, contact)
        for place, contact in enumerate(client.contacts)
        if wish.allows(contact)
    ]
    return [
        Route(contact, _reason(contact, -agreed, None if unruled else rule))
        for agreed, unruled, _, contact in sorted(ranked, key=lambda each: each[:3])
    ]


def _reason(contact: Contact, agreed: int, rule: RouteRule | None) -> str:
    offered = "/".join(name for name in (contact.network, contact.bearer) if name)
    way = contact.where.way + (f" ({offered})" if offered else "")
    if agreed:
        return f"{way}, as the initiator wishes"
    return f"{way}, by rule {rule.name}" if rule is not None else way


def _fits(wanted: str | None, offered: str | None, *, required: bool) -> bool:
    return not required or not constrains(wanted) or same_name(wanted, offered)


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return any(matches(pattern, text) for pattern in patterns)
