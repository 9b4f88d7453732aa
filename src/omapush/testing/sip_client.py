"""A client's OTA-SIP at a core in memory: the real binder, registration and user agent.

::

    core = LoopbackCore(clock)
    sip = SipClient(core.client, clock)
    agent = PushClient(..., ways=Ways((sip.binder,)))
    sip.take_over(agent)
    await agent.start()
    sip.start()
    response = await core.deliver(core.client, message)      # a push, and what it is answered
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.sip.account import Account
from omapush.client.sip.binder import OtaSipBinder
from omapush.client.sip.exchange import AuthenticatedExchange
from omapush.client.sip.media import MediaPorts, MediaPushes
from omapush.client.sip.media_offer import MediaTerms
from omapush.client.sip.registration import SipRegistration
from omapush.client.sip.user_agent import SipUserAgent, UserAgentRules
from omapush.core.instants import Instant
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    ConnectionLink,
    PoUnitPushInd,
    StreamLink,
)
from omapush.protocols.msrp.session import MsrpRequest
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.hop import Transport
from omapush.testing.sip_link import LoopbackEnd

INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


class SipClient:
    """See the module. Implements ``PushReceiver`` for what it hands over to.

    :param aor: the user. :param transport: that the core is said to be reached by.
    :ivar own: ids that the client takes by itself.
    """

    def __init__(
        self,
        end: LoopbackEnd,
        clock: Callable[[], Instant],
        *,
        aor: str = "sip:alice@push.test",
        instance: str = INSTANCE,
        transport: Transport = Transport.UDP,
        gateways: Iterable[str] = (),
        rules: UserAgentRules | None = None,
        password: str | None = None,
    ) -> None:
        self.own: set[str] = set()
        self._receiver: PushReceiver | None = None
        rules = rules or UserAgentRules()
        numbers = count(1)
        account = Account(
            aor,
            instance,
            f"{transport.value} {end.address}",
            transport,
            lambda: 0.5,
            lambda: f"token{next(numbers):016}",
            gateways=tuple(gateways),
        )
        user = aor.partition(":")[2].partition("@")[0]
        digest = None if password is None else DigestClient(user, password, lambda: "cnonce")
        self.registration = SipRegistration(account, end, digest, self, rules, clock)
        self.binder = OtaSipBinder(self.registration, lambda: self.own)
        self.registration.on_change = self.binder.changed
        ports = MediaPorts(
            lambda: MediaTerms("127.0.0.1", self.capabilities().accept, rules.max_message_size),
            self.registration.contact_uri,
            AuthenticatedExchange(end, digest).send,
            _connects_nowhere,
            lambda: f"session{next(numbers):016}",
        )
        media = MediaPushes(self, ports, clock, rules.max_message_size)
        self.user_agent = SipUserAgent(self, media, rules, self.registration.contact, clock)
        end.serve(self.user_agent)

    def take_over(self, receiver: PushReceiver) -> None:
        """Have ``receiver`` get the pushes."""
        self._receiver = receiver

    def start(self) -> None:
        """Begin to register."""
        self.registration.start()

    async def close(self) -> None:
        """Take the registration back."""
        await self.registration.close()

    # -- client.binding.push_receiver.PushReceiver --

    def capabilities(self) -> ClientCapabilities:
        """Ask the receiver."""
        return self._known().capabilities()

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        """Hand over."""
        self._known().indication(link, indication)

    def unit_push(self, indication: PoUnitPushInd) -> object:
        """Hand over."""
        return self._known().unit_push(indication)

    def _known(self) -> PushReceiver:
        if self._receiver is None:
            raise AssertionError("nobody takes the pushes")
        return self._receiver


async def _connects_nowhere(*_: object) -> ConnectionLink[MsrpRequest]:
    raise BearerUnavailable("there is no network")
