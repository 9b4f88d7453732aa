"""The way of a farm's clients over a SIP core: one end of SIP for all of them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable

from omapush.bearers.sip_core import SipCoreBearer
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.client.farm.clients import Farm, FarmClient
from omapush.client.farm.sip_clients import SipAccounts, SipFarm
from omapush.core.instants import Instant
from omapush.daemon.farm_settings import SipPlan
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.primitives import EndpointSettings

# A core of a lab sends pushes of all clients from one address, as fast as it can; and with UDP the
# answer to each is remembered for half a minute.
_ENDPOINT = EndpointSettings(maximum_server_transactions=65_536, maximum_remembered=131_072)
_NAMESPACE = uuid.UUID("6e1b6f1c-3b8e-5d0c-9a55-7d2c8f0e4a11")
"""Under which the instance ids of simulated clients are made: the same in each run."""


class SipClients:
    """Clients that are registered at a SIP core."""

    def __init__(
        self,
        plan: SipPlan,
        farm: Farm,
        clients: Iterable[FarmClient],
        clock: Callable[[], Instant],
        begin: Callable[[], None],
    ) -> None:
        accounts = SipAccounts(
            domain=plan.domain,
            transport=plan.transport,
            new_token=lambda: secrets.token_hex(10),
            instance_of=lambda name: uuid.uuid5(_NAMESPACE, f"{name}@{plan.domain}").urn,
            password=plan.password,
            expires_s=plan.expires_s,
        )
        self._bearer = SipCoreBearer(_sockets(plan), clock, endpoint=_ENDPOINT)
        self._farm = SipFarm(farm, clients, accounts, self._bearer, clock, begin)
        self._bearer.serve(self._farm)

    async def start(self) -> None:
        """Open the sockets and begin. :raises BearerUnavailable: an address cannot be had."""
        await self._bearer.open()
        self._farm.start()

    async def open(self, client: FarmClient) -> None:
        """Have ``client`` registered."""
        await self._farm.register(client)

    def vanish(self, client: FarmClient, milliseconds: int) -> None:
        """Let ``client`` answer nothing for a time."""
        self._farm.vanish(client, milliseconds)

    async def close(self) -> None:
        """Take the registrations back and close the sockets."""
        await self._farm.close()
        await self._bearer.close("the farm ends")


def _sockets(plan: SipPlan) -> TransportSettings:
    listen: tuple[Listen, ...] = ()
    if plan.local is not None:
        both = (Transport.UDP, Transport.TCP)
        listen = tuple(Listen(one, plan.local.host, plan.local.port) for one in both)
    return TransportSettings(
        core=Hop(plan.transport, plan.core.host, plan.core.port),
        listen=listen,
        messages_per_second=None,
    )
