"""A SIP/IP core with a gateway and phones: Kamailio, real daemons, and an SMSC beside them.

For the use cases of ``sip_use_cases`` and for tests of the whole::

    async with sip_stage(folder) as stage:
        alice = await stage.phone("alice")
        browser = await alice.application("x-wap-application:wml.ua", "text/vnd.wap.si")
        push_id = await stage.push(alice, b"<si/>", "text/vnd.wap.si")
        await browser.takes()
        await stage.result(push_id)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omapush.client.service_client import ServiceClient
from omapush.client.service_messages import Event, Registration
from omapush.core.instants import Instant
from omapush.initiator import NotificationReceiver, PushInitiator, serve
from omapush.initiator.results import SubmissionResult
from omapush.pap.model import DeliveryMethod, ResultNotificationMessage
from omapush.ppg.store.contract import PushRecord
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, DaemonError, free_port
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, Kamailio
from omapush.testing.smsc_simulator import SmscSimulator, running_smsc

PATIENCE_SECONDS = 30
MAX_ENTITY = 16 * 1_048_576
"""Octets of the longest submission that the gateway takes."""
NUMBERS = {"alice": "+358401000001", "bob": "+358401000002", "carol": "+358401000003"}
"""Their telephone numbers, for short messages."""
PASSWORDS = {"alice": "alice-secret", "bob": "bob-secret"}
INITIATOR_PASSWORD = "initiator-secret"  # noqa: S105 - of a test's own gateway
SMSC_PASSWORD = "s3cret"  # noqa: S105 - of a simulator


@dataclass(slots=True)
class PhoneApplication:
    """An application on a phone."""

    cai: ServiceClient
    registration: Registration

    async def next_push(self) -> tuple[Event, bytes]:
        """Wait for a push; return it with its content. :raises DaemonError: none comes."""
        event = await self.cai.next_event(self.registration["id"])
        if event is None:
            raise DaemonError(f"no push came for {self.registration['push_application_id']}")
        return event, await self.cai.content(event)

    async def takes(self) -> bytes:
        """Wait for a push and take it; return its content."""
        event, content = await self.next_push()
        await self.cai.accept(event["id"])
        return content

    async def refuses(self, reason: str = "refused") -> bytes:
        """Wait for a push and refuse it; return its content."""
        event, content = await self.next_push()
        await self.cai.reject(event["id"], reason, "not wanted")
        return content


@dataclass(slots=True)
class Phone:
    """A push client as a process, with its applications.

    :ivar sip: its address of record. :ivar number: for short messages.
    """

    name: str
    daemon: Daemon
    socket: Path
    clients: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def sip(self) -> str:
        return f"sip:{self.name}@{DOMAIN}"

    @property
    def number(self) -> str:
        return NUMBERS[self.name]

    async def application(
        self, push_application_id: str, *accept: str, **more: object
    ) -> PhoneApplication:
        """Register an application of its own. :raises DaemonError: it does not become registered.

        :param more: further members of the registration request, such as ``instance``.
        """
        cai = await self.clients.enter_async_context(ServiceClient(self.socket))
        request: Mapping[str, object] = {
            "push_application_id": push_application_id,
            "accept": list(accept),
            **more,
        }
        registration = await cai.register(request)
        if registration["state"] != "registered":
            raise DaemonError(f"{registration}\n{self.daemon.log}")
        return PhoneApplication(cai, registration)

    async def off(self) -> None:
        """Switch it off; its applications keep their registrations."""
        await self.daemon.stop()

    async def on(self) -> None:
        """Switch it on again."""
        await self.daemon.start()

    async def stop(self) -> None:
        """Switch it off for good."""
        await self.clients.aclose()
        await self.daemon.stop()


class SipStage:
    """See the module."""

    def __init__(self, folder: Path, core: Kamailio, smsc: SmscSimulator) -> None:
        self.folder = folder
        self.core = core
        self.smsc = smsc
        self.phones: list[Phone] = []
        self.pap, self.admin = free_port(), free_port()
        self.gateway = Daemon("ppg", folder / "ppg.toml", port=self.pap)
        self.store = open_store(f"sqlite:///{folder}/omapush.db")
        self.initiator = PushInitiator(
            f"http://{HOST}:{self.pap}/pap", username="operator", password=INITIATOR_PASSWORD
        )
        self.receiver = NotificationReceiver()
        self.notify_to = ""

    # -- the gateway --

    def write_gateway_settings(self, more: str = "") -> None:
        """Write the gateway's settings: users are found by SIP address or by number."""
        (self.folder / "ppg.toml").write_text(
            f'[pap]\nlisten = "{HOST}:{self.pap}"\nmax_entity = {MAX_ENTITY}\n'
            f'[[initiators]]\nid = "operator"\nusername = "operator"\n'
            f'password = "{INITIATOR_PASSWORD}"\nprovisioning = true\n'
            f'[admin]\nlisten = "{HOST}:{self.admin}"\n'
            f'[store]\nurl = "sqlite:///{self.folder}/omapush.db"\n'
            '[log]\nformat = "json"\nlevel = "debug"\n'
            "[delivery]\nretry_first_seconds = 0.1\nretry_longest_seconds = 0.5\n"
            f'[sip]\ncore = "{HOST}:{self.core.isc_port}"\nuri = "{GATEWAY}"\n'
            f'listen_udp = "{HOST}:{self.core.ppg_port}"\n'
            f'listen_tcp = "{HOST}:{self.core.ppg_port}"\n'
            f'msrp_listen = "{HOST}:{free_port()}"\n{more}'
            f'[[smsc]]\nname = "main"\nendpoint = "{HOST}:{self.smsc.port}"\n'
            f'system_id = "omapush"\npassword = "{SMSC_PASSWORD}"\nsource = "12345"\n'
            + "".join(_client_table(name, number) for name, number in NUMBERS.items())
        )

    async def push(
        self,
        to: Phone | str,
        content: bytes,
        content_type: str,
        application: str | None = "x-wap-application:wml.ua",
        *,
        method: DeliveryMethod = DeliveryMethod.CONFIRMED,
        deliver_before: Instant | None = None,
    ) -> str:
        """Submit a push to a phone or a PAP address, and return its push-id.

        :raises DaemonError: it was not accepted.
        """
        result = await self.submit(
            to, content, content_type, application, method=method, deliver_before=deliver_before
        )
        if int(result.code) != 1001:
            raise DaemonError(f"not accepted: {result}")
        return result.push_id

    async def submit(
        self,
        to: Phone | str,
        content: bytes,
        content_type: str,
        application: str | None = "x-wap-application:wml.ua",
        *,
        method: DeliveryMethod = DeliveryMethod.CONFIRMED,
        deliver_before: Instant | None = None,
        progress_notes: bool = False,
    ) -> SubmissionResult:
        """Submit a push, and return the gateway's answer."""
        return await self.initiator.submit(
            [to if isinstance(to, str) else to.sip],
            application,
            content,
            content_type,
            delivery_method=method,
            deliver_before=deliver_before,
            notify_to=self.notify_to,
            progress_notes=progress_notes,
        )

    async def result(self, push_id: str) -> ResultNotificationMessage:
        """Wait for the result notification."""
        return await self.receiver.wait_for(push_id, PATIENCE_SECONDS)

    async def record(self, push_id: str) -> PushRecord:
        """Return the push as the ledger has it."""
        record = await self.store.push(push_id)
        if record is None:
            raise DaemonError(f"not in the ledger: {push_id}")
        return record

    async def timeline(self, push_id: str) -> str:
        """Return the timeline of a push, a line for each event."""
        record = await self.record(push_id)
        return "\n".join(f"{line.event}: {line.detail}" for line in record.timeline)

    async def until_said(self, push_id: str, words: str) -> str:
        """Wait until the timeline says ``words``; return all of it.

        :raises DaemonError: it does not.
        """
        said = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    if words in (said := await self.timeline(push_id)):
                        return said
                    await asyncio.sleep(0.02)
        raise DaemonError(f"{words!r} is not in:\n{said}")

    # -- phones --

    async def phone(
        self,
        name: str,
        *,
        device: str = "",
        sip: bool = True,
        short_messages: bool = False,
        http_port: int | None = None,
        others: Sequence[str] = (),
        more: str = "",
    ) -> Phone:
        """Switch on the phone of alice, bob or carol.

        :param device: tells apart several phones of one user.
        :param sip: it registers with the core. :param short_messages: it has a modem.
        :param http_port: where it listens for OTA-HTTP; ``None``: anywhere.
        :param others: further lines of its settings, outside of tables.
        :param more: further lines of its table ``[ota_sip]``.
        """
        folder = self.folder / f"{name}{device}"
        folder.mkdir(exist_ok=True)
        socket = folder / "cai.sock"
        lines = [
            f'ota_http.listen = "{HOST}:{http_port or free_port()}"',
            f'cai.socket = "{socket}"',
            f'store.path = "{folder}/client.db"',
            'log.format = "json"',
            *others,
        ]
        if short_messages:
            lines += [
                'modem.kind = "line"',
                f'modem.address = "{HOST}:{await self.smsc.phones.listen(HOST, 0)}"',
                f'modem.path = "{folder}/messages.db"',
            ]
        if sip:
            lines += ["[ota_sip]", *self._sip_lines(name), more]
        settings = folder / "client.toml"
        settings.write_text("\n".join(lines) + "\n")
        daemon = Daemon("client", settings, path=socket)
        await daemon.start()
        phone = Phone(name, daemon, socket)
        self.phones.append(phone)
        return phone

    def _sip_lines(self, name: str) -> list[str]:
        lines = [
            f'core = "{HOST}:{self.core.port}"',
            'transport = "udp"',
            f'aor = "sip:{name}@{DOMAIN}"',
            f'ppg = ["{GATEWAY}"]',
        ]
        password = PASSWORDS.get(name)
        if password is not None:
            lines.append(f'password = "{password}"')
        return lines

    async def check(self) -> None:
        """:raises DaemonError: a daemon logged a traceback, or a password."""
        for daemon in (self.gateway, *(phone.daemon for phone in self.phones)):
            for words in ("Traceback", INITIATOR_PASSWORD, SMSC_PASSWORD, *PASSWORDS.values()):
                if words in daemon.log:
                    raise DaemonError(f"{words!r} in the log:\n{daemon.log}")


@contextlib.asynccontextmanager
async def sip_stage(
    folder: Path, *, auth: bool = True, more: str = "", answer_within: float = 15.0
) -> AsyncIterator[SipStage]:
    """Set up the core, the SMSC and the gateway; phones come when they are asked for.

    :param auth: users prove to the core who they are.
    :param more: lines of the table ``[sip]``, and tables after it.
    :param answer_within: seconds until the core answers for a phone that does not.
    :raises KamailioMissing: there is no core. :raises DaemonError: something did not end well.
    """
    passwords = {"omapush": SMSC_PASSWORD}
    async with contextlib.AsyncExitStack() as stack:
        core = stack.enter_context(Kamailio(auth=auth, answer_within=answer_within))
        smsc = await stack.enter_async_context(running_smsc(passwords))
        stage = SipStage(folder, core, smsc)
        stage.write_gateway_settings(more)
        await stage.gateway.start()
        try:
            await stage.store.open()
            async with serve(stage.receiver) as stage.notify_to, stage.initiator:
                yield stage
        finally:
            for phone in stage.phones:
                await phone.stop()
            await stage.store.close()
            await stage.gateway.stop()
        await stage.check()


def _client_table(name: str, number: str) -> str:
    """Return a client that is reached by SIP, and by SMS where that fails."""
    address = f"WAPPUSH={number}/TYPE=PLMN@ppg.example.net"
    return (
        f'[[clients]]\nid = "{name}"\naddresses = {json.dumps([address])}\n'
        f'[[clients.contacts]]\nsip = "sip:{name}@{DOMAIN}"\n'
        f'[[clients.contacts]]\nota_wsp_sms = "{number}"\n'
    )
