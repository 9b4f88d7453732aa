"""A gateway's OTA-SIP shell beside a scripted device, joined by the core in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace

from omapush.content.application_id import ApplicationId
from omapush.content.message import Header, PushMessage
from omapush.core.instants import HOUR_MS, Instant
from omapush.ota.interface import OutcomeKind, PushOutcome
from omapush.ota.sip.core import Answer, Origin
from omapush.ota.sip.requests import Sender
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, SipContact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.reach import Passage
from omapush.ppg.recipients import Recipients
from omapush.ppg.sip.application_server import ApplicationServer
from omapush.ppg.sip.attempt import Means
from omapush.ppg.sip.calling import Caller
from omapush.ppg.sip.learning import Learning
from omapush.ppg.sip.line import SipLine, SipLineSettings
from omapush.ppg.sip.media_push import MediaPush
from omapush.ppg.sip.message_push import MessagePush
from omapush.ppg.sip.metrics import SipMetrics
from omapush.ppg.sip.reach import SipReach, SipUsers
from omapush.ppg.sip.registrations import Registrations
from omapush.ppg.sip.subscriptions import Subscriptions
from omapush.ppg.store.contract import ClaimedDelivery, NewDelivery, NewPush
from omapush.ppg.transform import Unfit
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse
from omapush.testing.memory_store import MemoryStore
from omapush.testing.sip_link import LoopbackCore, LoopbackEnd
from omapush.testing.virtual_clock import VirtualClock

PPG = "sip:ppg@push.test"
ALICE = "sip:alice@push.test"
INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
GRUU = f"{ALICE};gr={INSTANCE}"
MMS: tuple[Header, ...] = (
    ("Content-Type", "text/plain"),
    ("X-Wap-Application-Id", "4"),
)
RETRY = RetryPolicy(first_ms=1_000, longest_ms=8_000)


class ScriptedDevice:
    """A user's device that answers as it is told; implements ``ota.sip.core.SipServer``.

    :ivar pushes: what came by MESSAGE. :ivar invites: and by INVITE.
    :ivar answers: to MESSAGEs, one after the other; then 200.
    :ivar told: headers of its answer to OPTIONS.
    """

    def __init__(self, end: LoopbackEnd, instance: str = INSTANCE) -> None:
        self.end = end
        self.instance = instance
        self.pushes: list[SipRequest] = []
        self.invites: list[SipRequest] = []
        self.acks: list[SipRequest] = []
        self.others: list[SipRequest] = []
        self.answers: list[SipResponse] = []
        self.told: tuple[Field, ...] = (("Accept", "*/*"), ("X-Wap-Push-MaxMsgSize", "100000"))
        self.when_invited: Callable[[SipRequest], SipResponse] = lambda _: SipResponse(
            488, "Not Acceptable Here"
        )
        self._numbers = itertools.count(1)
        end.serve(self)

    def contact(self, applications: str = "mms.ua") -> str:
        """Return the Contact that it registers."""
        tag = f'+g.oma.pusheventapp="{applications}"'
        return f'<sip:alice@{self.end.address}>;+sip.instance="<{self.instance}>";{tag}'

    async def register(self, applications: str = "mms.ua", expires: int = 600) -> SipResponse:
        """Register it, or take the registration back."""
        return await self.send(
            "REGISTER",
            "sip:push.test",
            ALICE,
            ("Contact", self.contact(applications)),
            ("Expires", str(expires)),
            ("Supported", "gruu"),
        )

    async def send(self, method: str, uri: str, to: str, *fields: Field) -> SipResponse:
        """Send a request as alice."""
        number = next(self._numbers)
        headers = (
            ("From", f"<{ALICE}>;tag=a{number}"),
            ("To", f"<{to}>"),
            ("Call-ID", f"{number}@{self.end.address}"),
            ("CSeq", f"{number} {method}"),
            *fields,
        )
        return await self.end.send(SipRequest(method, uri, SipHeaders(headers)))

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        """Answer as it was told."""
        match request.method:
            case "MESSAGE":
                self.pushes.append(request)
                answer(self.answers.pop(0) if self.answers else SipResponse(200, "OK"))
            case "INVITE":
                self.invites.append(request)
                answer(self.when_invited(request))
            case "OPTIONS":
                self.others.append(request)
                contact = (("Contact", self.contact()),)
                answer(SipResponse(200, "OK", SipHeaders((*contact, *self.told))))
            case _:
                self.others.append(request)
                answer(SipResponse(200, "OK"))

    def acknowledged(self, ack: SipRequest) -> None:
        """Keep it."""
        self.acks.append(ack)

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        """Nothing follows."""

    def cancelled(self, invite: SipRequest) -> None:
        """Nothing follows."""


class OtherWay:
    """A connectionless way to the same client, for session requests."""

    not_before = Instant(0)
    is_open = False
    worth_keeping = False
    outstanding_limit = 1

    def __init__(self) -> None:
        self.asked: list[ClaimedDelivery] = []

    async def passage(self, claimed: ClaimedDelivery, message: PushMessage) -> Passage | Unfit:
        """Take a session request."""
        self.asked.append(claimed)
        return self

    async def push(self) -> PushOutcome:
        """Send it."""
        return PushOutcome("", OutcomeKind.DONE, "sent")

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> None:
        """Ask nobody."""

    def retire(self, reason: str) -> None:
        """Nothing is open."""


class SipGatewayWorld:
    """One client, alice, whom the core leads to.

    :param learns: what devices take is told to the ledger, for which there has to be a loop.
    """

    def __init__(
        self,
        store: MemoryStore,
        settings: SipLineSettings | None = None,
        digest: DigestClient | None = None,
        *,
        learns: bool = True,
    ) -> None:
        self.store = store
        self.clock = VirtualClock()
        self.core = LoopbackCore(self.clock)
        self.device = ScriptedDevice(self.core.client)
        self.hastened: list[str] = []
        self.client = Client("alice", (), (Contact(SipContact(ALICE)),))
        self.recipients = Recipients([self.client])
        self.learning = Learning(store, self.recipients.client_of_sip_user, self.clock)
        self.registrations = Registrations(
            self.clock,
            came=self.hastened.append,
            changed=self.learning.changed if learns else None,
        )
        tokens = (f"token{number:015d}" for number in itertools.count(1))
        self.line = SipLine(
            Caller(self.core.gateway, SipMetrics(), digest, frozenset({"push.test"})),
            Sender(PPG, ("<sip:127.0.0.1:5060;lr>",), is_trusted=True),
            self.registrations,
            SipMetrics(),
            settings or SipLineSettings(),
            lambda: next(tokens),
            self.clock,
        )
        self.media: MediaPush | None = None
        self.subscriptions = Subscriptions(self.line)
        self.other = OtherWay()
        self._pushes = itertools.count()
        self.serve()

    def serve(self) -> None:
        """Have the gateway serve what comes."""
        media = () if self.media is None else (self.media,)
        dialogs = (*media, self.subscriptions)
        self.core.gateway.serve(
            ApplicationServer(
                self.line,
                lambda user: self.recipients.client_of_sip_user(user) is not None,
                dialogs,
            )
        )

    def asks_devices(self, *, asks: bool) -> None:
        """Set whether devices are asked of which nothing is known."""
        self.line = replace(self.line, settings=replace(self.line.settings, ask_capabilities=asks))

    def users(self, *, asks: bool = True, subscribes: bool = False) -> SipUsers:
        """Return what reaching users needs."""
        subscriptions = self.subscriptions if subscribes else None
        means = Means(self.line, MessagePush(self.line), self.media)
        return SipUsers(means, _request if asks else None, 60_000, subscriptions)

    def reach(
        self, *, asks: bool = True, by_other_way: bool = True, subscribes: bool = False
    ) -> SipReach:
        """Return the way to alice."""
        return SipReach(
            self.client,
            SipContact(ALICE),
            self.users(asks=asks, subscribes=subscribes),
            self.other if by_other_way else None,
            self.store,
            RETRY,
            self.clock,
        )

    async def claim(
        self,
        body: bytes = b"hello",
        *,
        confirmed: bool = True,
        address: str = ALICE,
        headers: tuple[Header, ...] = MMS,
        control: dict[str, object] | None = None,
    ) -> ClaimedDelivery:
        """Store a push and claim it."""
        now = self.clock()
        number = next(self._pushes)
        push = NewPush(
            push_key=f"{number:032x}",
            push_id=f"{number}@pi",
            initiator_id="weather",
            pap_version="2.0",
            received_at=now,
            expires_at=Instant(now + HOUR_MS),
            content_digest="",
            confirmed=confirmed,
            flags=0,
            notify_url=None,
            control=control or {},
            message=PushMessage(headers, body),
            deliveries=(NewDelivery(0, address, "alice", now, address),),
        )
        await self.store.accept([push])
        [claimed] = await self.store.claim("ppg-1/a", now, 300_000, 1, 1)
        return claimed

    async def pushed(self, reach: SipReach, claimed: ClaimedDelivery) -> PushOutcome:
        """Push, and return what came of it."""
        passage = await reach.passage(claimed, claimed.message)
        if isinstance(passage, Unfit):
            raise TypeError(passage.reason)
        return await passage.push()

    async def register(self) -> None:
        """Register the device, and let the core tell the gateway."""
        await self.device.register()
        await self.settle()

    async def settle(self) -> None:
        """Let what is under way in the core arrive."""
        for _ in range(10):
            await asyncio.sleep(0)


def _request(application_id: ApplicationId) -> PushMessage:
    return PushMessage((("Content-Type", "application/vnd.wap.sia"),), str(application_id).encode())
