"""The client's daemon at a real SIP core: it registers there, and takes what sipp pushes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from omapush.bearers.udp import UdpBearer
from omapush.client.service_client import ServiceClient
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import (
    APPLICATION,
    CONTENT_TYPE,
    OTA_SIP,
    SessionInitiation,
)
from omapush.core.networks import host_and_port
from omapush.daemon.clock import SystemClock
from omapush.ota.datagrams import Peer
from omapush.ota.interface import PushFlag
from omapush.ota.sip.iari import value_of
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.protocols.sip.message import SipResponse
from omapush.protocols.wdp import AddressType
from omapush.testing.authority import Authority
from omapush.testing.daemons import Daemon, free_udp_port, run_verb, running
from omapush.testing.kamailio import GATEWAY, HOST, Kamailio
from omapush.testing.plain_sip_peer import PlainSipPeer
from omapush.testing.sipp import Sipp, SippRun

pytestmark = pytest.mark.usefixtures("sip_peers")

PATIENCE_SECONDS = 30
MMS, ULP = "x-wap-application:mms.ua", "x-oma-application:ulp.ua"
SIP = {"protocol": "OTA-SIP"}


class Phone:
    """The client's daemon with a core, and an application beside it."""

    def __init__(
        self,
        folder: Path,
        core: Kamailio,
        transport: str = "udp",
        tables: str = "",
        **more: Any,
    ) -> None:
        self.core = core
        port = core.tls_port if transport == "tls" else core.port
        table = {
            "core": host_and_port(core.host, port),
            "transport": transport,
            "aor": "sip:alice@push.test",
            "password": "alice-secret",
            **more,
        }
        self.config = folder / "client.toml"
        self.config.write_text(
            f'ota_http.po_tcp = false\ncai.socket = "{folder}/cai.sock"\n'
            f'store.path = "{folder}/client.db"\nbuilt_in.enabled = false\n[ota_sip]\n'
            + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
            + tables
        )
        self.daemon = Daemon("client", self.config, path=folder / "cai.sock")
        self.cai = ServiceClient(folder / "cai.sock")

    async def registered(self, application: str = MMS, **more: Any) -> Any:
        return await self.cai.register(
            {"push_application_id": application, "profiles": [SIP], **more}
        )

    async def takes(self, registration: Any, *, accept: bool = True) -> dict[str, Any]:
        """Have the application take, or refuse, its next push; return that."""
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            contextlib.aclosing(self.cai.events(registration["id"])) as events,
        ):
            event = await anext(aiter(events))
        if accept:
            await self.cai.accept(event["id"])
        else:
            await self.cai.reject(event["id"], "refused")
        return dict(event)

    async def push(self, **keys: str) -> SippRun:
        return await Sipp("push", self.core.isc_port, keys=keys).run()

    async def status(self) -> dict[str, Any]:
        [one] = await self.cai.sip()
        return dict(one)

    async def is_registered(self) -> bool:
        return (await self.status())["state"] == "registered"

    async def is_lost(self) -> bool:
        return (await self.status())["state"] == "lost"

    async def has_asked(self) -> bool:
        return bool((await self.status())["gateways"][0]["said"])

    async def has_told(self) -> bool:
        return bool((await self.status())["gateways"][0]["told"])

    async def omapush(self, *arguments: str) -> str:
        ended = await run_verb(
            "client", "--config", str(self.config), *arguments,
            folder=self.config.parent, environment={"COLUMNS": "200"},
        )  # fmt: skip
        assert ended.status == 0, ended.out
        return ended.out


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds at the core or at the client."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = holds()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def phone_at(
    folder: Path, core: Kamailio, transport: str = "udp", **more: Any
) -> AsyncIterator[Phone]:
    """Run the client; ``tables`` are further ones of its settings, all else is of ``[ota_sip]``."""
    phone = Phone(folder, core, transport, **more)
    async with running(phone.daemon), phone.cai:
        yield phone


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_client_registers_and_its_application_takes_a_push(
    tmp_path: Path, transport: str
) -> None:
    with Kamailio(auth=True) as core:
        async with phone_at(tmp_path, core, transport) as phone:
            registration = await phone.registered()
            assert registration["state"] == "registered", phone.daemon.log
            [binding] = core.bindings()
            assert binding.user == "alice"
            taken, pushed = await asyncio.gather(phone.takes(registration), phone.push())
            assert pushed.answers == [200]
            assert pushed.received[-1].header("X-Wap-Push-Status") == "400 Accepted"
            assert base64.b64decode(taken["content_b64"]) == b"<si/>"
            assert (taken["protocol"], taken["bearer"]) == ("OTA-SIP", "IMS")
            told = await phone.omapush("sip")
            assert "registered" in told
            assert "sip:alice@push.test;gr=urn:uuid:" in told
            assert (await phone.status())["last_answer"] == "200 OK"
        assert core.bindings() == []  # the client said good-bye


async def test_client_registers_by_tls_only_with_the_right_core(tmp_path: Path) -> None:
    """REQ20."""
    authority = Authority(tmp_path)
    with Kamailio(auth=True, tls=authority) as core:
        ca_file = str(authority.folder / "ca.pem")
        async with phone_at(tmp_path, core, "tls", ca_file=ca_file) as phone:
            registration = await phone.registered()
            assert registration["state"] == "registered", phone.daemon.log
            _, pushed = await asyncio.gather(phone.takes(registration), phone.push())
            assert pushed.answers == [200]
    with Kamailio(auth=True, tls=authority) as core:
        (tmp_path / "other").mkdir()
        async with phone_at(tmp_path / "other", core, "tls") as phone:
            registration = await phone.cai.register(
                {"push_application_id": MMS, "profiles": [SIP]}, wait_seconds=0
            )
            await until(phone.is_lost)
            [binding] = (await phone.cai.registration(registration["id"]))["bindings"]
            assert (binding["state"], binding["reason"]) == ("pending", "security_failure")
            assert core.bindings() == []


async def test_wrong_password_fails_the_registration(tmp_path: Path) -> None:
    """REQ19."""
    with Kamailio(auth=True) as core:
        async with phone_at(tmp_path, core, password="no-such-secret") as phone:
            registration = await phone.registered()
            assert (registration["state"], registration["reason"]) == (
                "failed",
                "security_failure",
            )
            assert core.bindings() == []
            assert "no-such-secret" not in phone.daemon.log


async def test_applications_come_and_go_at_the_core(tmp_path: Path) -> None:
    """CAI 5.2: the set at the core is that of the applications that are left."""
    with Kamailio() as core:
        async with phone_at(tmp_path, core) as phone:
            first, second = await phone.registered(MMS), await phone.registered(ULP)
            assert [one.user for one in core.bindings()] == ["alice"]
            pushed = await phone.push(accept_contact='*;+g.oma.pusheventapp="wml.ua";require')
            assert pushed.answers == [480]
            await phone.cai.deregister(first["id"])
            for _ in range(100):
                if (await phone.push()).answers == [480]:
                    break
            taken, pushed = await asyncio.gather(
                phone.takes(second),
                phone.push(
                    accept_contact='*;+g.oma.pusheventapp="ulp.ua";require',
                    content_type="application/vnd.omaloc-supl-init",
                    body="supl",
                ),
            )
            assert (pushed.answers, taken["push_application_id"]) == ([200], ULP)
            await phone.cai.deregister(second["id"])
            await until(lambda: not core.bindings())


async def test_instances_of_one_application_get_each_its_own(tmp_path: Path) -> None:
    """CAI-22: several applications under one id, told apart by instance (IARI)."""
    with Kamailio() as core:
        async with phone_at(tmp_path, core) as phone, ServiceClient(tmp_path / "cai.sock") as other:
            first = await phone.registered(instance="urn:uuid:1")
            second = await other.register(
                {"push_application_id": MMS, "profiles": [SIP], "instance": "urn:uuid:2"}
            )
            assert (first["state"], second["state"]) == ("registered", "registered")
            wanted = (
                '*;+g.oma.pusheventapp="mms.ua";'
                f'+g.3gpp.iari-ref="{value_of("urn:uuid:1")}";require;explicit'
            )
            taken, pushed = await asyncio.gather(
                phone.takes(first), phone.push(accept_contact=wanted)
            )
            assert (pushed.answers, taken["registration"]) == ([200], first["id"])


async def test_refusal_reaches_the_gateway(tmp_path: Path) -> None:
    with Kamailio() as core:
        async with phone_at(tmp_path, core, acceptance_seconds=1) as phone:
            registration = await phone.registered(accept=["text/plain"])
            wrong_type = await phone.push()
            assert wrong_type.answers == [415]
            assert wrong_type.received[-1].header("Accept") == (
                "application/vnd.oma.push, application/vnd.wap.sia, text/plain"
            )
            text = "Content-Type: text/plain\r\nX-Wap-Application-Id: 4\r\n\r\nhello"
            _, refused = await asyncio.gather(
                phone.takes(registration, accept=False), phone.push(body=text)
            )
            assert refused.answers == [603]
            late = await phone.push(body=text)
            assert late.answers == [480]
            assert (late.received[-1].header("X-Wap-Push-Status") or "").startswith("234")
            malformed = await phone.push(body="no headers")
            assert malformed.answers == [400]


async def test_core_that_restarts_has_the_client_back_after_a_refresh(tmp_path: Path) -> None:
    with Kamailio(values={"MIN_EXPIRES": "1"}) as core:
        async with phone_at(tmp_path, core, expires_seconds=10) as phone:
            registration = await phone.registered()
            core.restart()
            assert core.bindings() == []
            await until(core.bindings)
            _, pushed = await asyncio.gather(phone.takes(registration), phone.push())
            assert pushed.answers == [200]


async def test_core_that_restarts_has_the_client_back_when_its_connection_broke(
    tmp_path: Path,
) -> None:
    with Kamailio() as core:
        async with phone_at(tmp_path, core, "tcp", expires_seconds=3_600) as phone:
            registration = await phone.registered()
            core.restart()
            await until(core.bindings)
            _, pushed = await asyncio.gather(phone.takes(registration), phone.push())
            assert pushed.answers == [200]


async def test_registration_outlives_the_client(tmp_path: Path) -> None:
    """CAI-44: after a crash the application is registered again without being asked."""
    with Kamailio() as core:
        async with phone_at(tmp_path, core) as phone:
            registration = await phone.registered()
            instance = (await phone.status())["instance"]
            await phone.daemon.kill()
            await phone.daemon.start()
            await until(phone.is_registered)
            assert (await phone.status())["instance"] == instance
            _, pushed = await asyncio.gather(phone.takes(registration), phone.push())
            assert pushed.answers == [200]


async def test_session_initiation_request_has_the_gateway_told(tmp_path: Path) -> None:
    """Section 12: it came by another way, and the client registers and tells its gateway."""
    udp = free_udp_port()
    with Kamailio(answer_within=1) as core:
        async with phone_at(
            tmp_path, core, tables=f'[ota_wsp]\nudp_listen = "{HOST}:{udp}"\n', ppg=[GATEWAY]
        ) as phone:
            await phone.registered()
            await until(phone.has_asked)
            assert not (await phone.status())["gateways"][0]["told"]
            peer = PlainSipPeer(lambda _request: SipResponse(200, "OK"), core.ppg_port)
            async with peer.running() as gateway:
                request = SessionInitiation(
                    (ApplicationId.parse(MMS),),
                    contact_points=(AddressType.of_ip(HOST, core.port),),
                    protocol_options=(OTA_SIP,),
                )
                headers = (("Content-Type", CONTENT_TYPE), ("X-Wap-Application-Id", APPLICATION))
                push = PushMessage(headers, request.encode())
                sender = await UdpBearer(SystemClock()).open(HOST, 0, lambda octets, peer: None)
                sender.send(encode_unit_push(push, PushFlag.NONE, 1), Peer(HOST, udp))
                sender.close()
                # the client registers, which the core tells, and says itself what it takes
                assert (await gateway.next("REGISTER")).uri == GATEWAY
                told = await gateway.next("OPTIONS")
                assert told.headers.first("Contact") is not None
                await until(phone.has_told)


async def test_connection_itself_is_registered_where_the_core_can(tmp_path: Path) -> None:
    """RFC 5626, for clients behind translators of addresses."""
    with Kamailio(auth=True, outbound=True) as core:
        async with phone_at(tmp_path, core, "tcp", outbound=True) as phone:
            registration = await phone.registered()
            assert registration["state"] == "registered", phone.daemon.log
            _, pushed = await asyncio.gather(phone.takes(registration), phone.push())
            assert pushed.answers == [200]


async def test_client_takes_pushes_over_ipv6(tmp_path: Path) -> None:
    """REQ6."""
    with Kamailio(host="::1") as core:
        async with phone_at(tmp_path, core) as phone:
            registration = await phone.registered()
            push = Sipp("push", core.isc_port, host="::1")
            _, pushed = await asyncio.gather(phone.takes(registration), push.run())
            assert pushed.answers == [200]


async def test_each_push_reaches_its_device_and_its_application(tmp_path: Path) -> None:
    """REQ1: user, device and application."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with Kamailio() as core:
        async with phone_at(tmp_path / "one", core) as one, phone_at(tmp_path / "two", core) as two:
            mms, ulp = await one.registered(MMS), await two.registered(ULP)
            also = await two.registered(MMS)
            assert len(core.bindings()) == 2
            by_application = '*;+g.oma.pusheventapp="ulp.ua";require;explicit'
            supl = {"content_type": "application/vnd.omaloc-supl-init", "body": "supl"}
            _, pushed = await asyncio.gather(
                two.takes(ulp), one.push(accept_contact=by_application, **supl)
            )
            assert pushed.answers == [200]
            for phone, registration in ((one, mms), (two, also)):
                gruu = (await phone.status())["gruu"]
                _, pushed = await asyncio.gather(phone.takes(registration), phone.push(target=gruu))
                assert pushed.answers == [200]
