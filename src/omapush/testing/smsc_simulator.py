"""A simulated SMSC: takes binds and messages by SMPP, brings them to phones, sends receipts.

In a test::

    async with running_smsc() as smsc:
        smsc.phones.attach("+358*", phone)
        ...
        assert smsc.messages[0].user_data() == ...

What it does wrong, and when, is set by its ``behaviour``. From a command line, for a demo::

    python -m omapush.testing.smsc_simulator --listen 127.0.0.1:2775 --phones 2776

It writes a line for each message; modems connect to the port of ``--phones`` (see
``smsc_phones``). It keeps messages in memory and forgets the oldest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from omapush.bearers.smpp_stream import SmppStream
from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.protocols.smpp.codec import answer_to
from omapush.protocols.smpp.pdu import CancelSm, DataSm, Pdu, QuerySm, QuerySmResp, SubmitSm
from omapush.protocols.smpp.primitives import (
    SendCnf,
    SendKind,
    SessionSettings,
    SmscSettings,
)
from omapush.protocols.smpp.smsc import SmscSession
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.times import format_absolute
from omapush.protocols.smpp.values import MessageState
from omapush.testing.ports import OURS
from omapush.testing.smsc_behaviour import Behaviour
from omapush.testing.smsc_esmes import Esme, Esmes
from omapush.testing.smsc_messages import KeptMessage
from omapush.testing.smsc_phones import Phones

KEPT = 200_000
"""Messages that are remembered."""
REPEAT_SECONDS = 0.1
"""How soon a receipt that was not taken is sent again."""


def _system_clock() -> Instant:
    return Instant(time.time_ns() // 1_000_000)  # noqa: TID251 - a program of its own


class SmscSimulator:
    """The SMSC.

    :param passwords: of the ESMEs that may bind, by system id; ``None``: whoever comes.
    :ivar messages: what was taken, the oldest first.
    :ivar refused: statuses with which messages were refused.
    """

    def __init__(
        self,
        system_id: str = "simulator",
        passwords: Mapping[str, str] | None = None,
        clock: Callable[[], Instant] = _system_clock,
        on_taken: Callable[[KeptMessage], None] = lambda _message: None,
    ) -> None:
        self.behaviour = Behaviour()
        self.phones = Phones()
        self.messages: deque[KeptMessage] = deque(maxlen=KEPT)
        self.refused: list[int] = []
        self.queries: list[str] = []
        self._by_id: dict[str, KeptMessage] = {}
        self._system_id = system_id
        self._passwords = passwords
        self._clock = clock
        self._on_taken = on_taken
        self._taken = 0
        self._esmes = Esmes(self._judge, self._requested)
        self._listener: TcpListener | None = None
        self._at = ("127.0.0.1", 0)
        self._carrying: set[asyncio.Task[None]] = set()

    # -- running --

    @property
    def binds(self) -> int:
        """How many binds there were."""
        return self._esmes.binds

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._at[1]

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        """Listen. :raises BearerUnavailable: the port cannot be had."""
        session = SessionSettings(window=100, max_waiting=KEPT, max_unanswered=10_000)
        settings = SmscSettings(self._system_id, session=session)
        tcp = TcpBearer(self._clock)
        self._listener = await tcp.listen(
            host,
            port or self.port or OURS.take(),
            lambda _address: SmppStream(SmscSession(settings)),
            self._esmes.indicated,
            ListenLimits(1_000, 1_000),
            self._esmes.closed,
            tls,
        )
        self._at = (host, self._listener.port)

    async def stop(self) -> None:
        """Go away, without a word; messages are kept, and :meth:`start` comes back with them."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            self.cut()
            await listener.close("the SMSC stops")

    async def close(self) -> None:
        """Go away for good."""
        await self.stop()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        self.phones.close()

    def cut(self) -> None:
        """Lose all connections."""
        self._esmes.cut()

    async def until(self, condition: Callable[[SmscSimulator], bool]) -> None:
        """Wait until ``condition`` holds; the caller bounds the wait."""
        while not condition(self):
            await self._esmes.changed()

    # -- sessions --

    def _judge(self, system_id: str, password: str) -> int:
        if self.behaviour.bind_status:
            return self.behaviour.bind_status
        if self._passwords is None:
            return CommandStatus.ESME_ROK
        if system_id not in self._passwords:
            return CommandStatus.ESME_RINVSYSID
        right = self._passwords[system_id] == password
        return CommandStatus.ESME_ROK if right else CommandStatus.ESME_RINVPASWD

    def _requested(self, esme: Esme, pdu: Pdu) -> None:
        match pdu:
            case SubmitSm() | DataSm():
                self._submitted(esme, pdu)
            case QuerySm():
                self._queried(esme, pdu)
            case CancelSm():
                esme.answer(answer_to(pdu, self._cancelled(pdu)))
            case _:
                esme.answer(answer_to(pdu, CommandStatus.ESME_RINVCMDID))

    # -- messages --

    def _submitted(self, esme: Esme, pdu: SubmitSm | DataSm) -> None:
        status = self.behaviour.answer(pdu)
        if status:
            self.refused.append(status)
            esme.answer(answer_to(pdu, status))
            return
        self._taken += 1
        message_id = self.behaviour.new_id(self._taken)
        message = KeptMessage(message_id, esme.system_id, pdu, self._clock())
        self._keep(message)
        if self.behaviour.cut(message):
            esme.link.close("cut before the answer")
        elif status is not None:
            self._answer_later(esme, answer_to(pdu, message_id=message_id))
        if message.wants_receipt or self.phones.are_there:
            task = asyncio.create_task(self._carry(message))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)
        else:
            self._end(message, self.behaviour.fate(message))

    def _answer_later(self, esme: Esme, response: Pdu) -> None:
        if self.behaviour.delay_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self.behaviour.delay_seconds, esme.answer, response)
        else:
            esme.answer(response)

    def _keep(self, message: KeptMessage) -> None:
        if len(self.messages) == KEPT:
            self._by_id.pop(self.messages[0].message_id, None)
        self.messages.append(message)
        self._by_id[message.message_id] = message
        self._on_taken(message)

    async def _carry(self, message: KeptMessage) -> None:
        """Bring a message to its phone, and the receipt to its ESME."""
        arrived = await self._to_phone(message)
        fate = self.behaviour.fate(message) if arrived else MessageState.UNDELIVERABLE
        self._end(message, fate)
        if fate is None or not message.wants_receipt:
            return
        await asyncio.sleep(self.behaviour.receipt_seconds)
        await self.report(message)

    async def _to_phone(self, message: KeptMessage) -> bool:
        if not self.phones.are_there:
            return True
        try:
            tpdus = message.tpdus()
        except EncodeError:
            return False
        for tpdu in tpdus:
            if await self.phones.deliver(message.number, tpdu) is not None:
                return False
        return True

    def _end(self, message: KeptMessage, fate: MessageState | None) -> None:
        if message.state is MessageState.ENROUTE and fate is not None:
            message.state = fate
            message.final_at = self._clock() if fate.is_final else None
        self._esmes.tell()

    async def report(self, message: KeptMessage) -> None:
        """Send the receipt until the ESME has taken it."""
        message_id = self.behaviour.receipt_id(message.message_id)
        receipt = message.receipt(self.behaviour.receipt_form, message_id)
        while not message.reported:
            confirmation = await self.send(receipt, message.system_id)
            message.reports += 1
            response = confirmation.response
            answered = confirmation.kind is SendKind.ANSWERED and response is not None
            if answered and response is not None and not response.command_status:
                message.reported = True
            else:
                await asyncio.sleep(REPEAT_SECONDS)
            self._esmes.tell()

    async def send(self, pdu: Pdu, system_id: str | None = None) -> SendCnf:
        """Send a deliver_sm or data_sm to an ESME that is bound to get it; wait for one."""
        return await self._esmes.send(pdu, system_id)

    def _queried(self, esme: Esme, pdu: QuerySm) -> None:
        self.queries.append(pdu.message_id)
        message = self._by_id.get(pdu.message_id)
        if not self.behaviour.answers_queries or message is None:
            esme.answer(answer_to(pdu, CommandStatus.ESME_RQUERYFAIL))
            return
        final = message.final_at
        esme.answer(
            QuerySmResp(
                sequence_number=pdu.sequence_number,
                message_id=pdu.message_id,
                final_date="" if final is None else format_absolute(final),
                message_state=message.state,
            ),
        )

    def _cancelled(self, pdu: CancelSm) -> CommandStatus:
        message = self._by_id.get(pdu.message_id)
        if message is None or message.state is not MessageState.ENROUTE:
            return CommandStatus.ESME_RCANCELFAIL
        self._end(message, MessageState.DELETED)
        return CommandStatus.ESME_ROK


@contextlib.asynccontextmanager
async def running_smsc(
    passwords: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[SmscSimulator]:
    """Run a simulator on a free port of this machine."""
    smsc = SmscSimulator(passwords=passwords)
    await smsc.start(tls=tls)
    try:
        yield smsc
    finally:
        await smsc.close()


# -- the command line --


def _told(message: KeptMessage) -> None:
    octets = len(message.pdu.payload)
    told = f"{message.message_id} from {message.system_id} to {message.number}: {octets} octets"
    print(told, flush=True)  # noqa: T201 - a program's output


async def _run(given: argparse.Namespace) -> None:
    host, _, port = given.listen.rpartition(":")
    passwords = None
    if given.system_id is not None:
        passwords = {given.system_id: given.password}
    smsc = SmscSimulator(passwords=passwords, on_taken=_told)
    await smsc.start(host.strip("[]") or "127.0.0.1", int(port))
    if given.phones is not None and given.phones.isdecimal():
        await smsc.phones.listen("127.0.0.1", int(given.phones))
    elif given.phones is not None:
        await smsc.phones.listen_at(Path(given.phones))
    print(f"SMSC listens on {given.listen}", flush=True)  # noqa: T201
    try:
        await asyncio.Event().wait()
    finally:
        await smsc.close()


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m omapush.testing.smsc_simulator")
    parser.add_argument("--listen", default="127.0.0.1:2775", help="host:port for ESMEs")
    parser.add_argument("--system-id", help="who may bind; default: whoever comes")
    parser.add_argument("--password", default="", help="its password")
    parser.add_argument("--phones", help="port, or path of a Unix socket, for modems")
    return parser.parse_args(given)


def main() -> None:
    """Run a simulator until it is interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(arguments()))


if __name__ == "__main__":
    main()
