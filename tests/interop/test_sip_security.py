"""REQ19 to REQ21 with a real core: TLS, digest, who is believed, and what is not in the logs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.client.service_client import ServiceClient
from omapush.pap.codes import MessageState
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.writing import encode_message
from omapush.testing.authority import Authority
from omapush.testing.daemons import run_verb
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, Kamailio, free_sip_port
from omapush.testing.running_gateway import RunningGateway
from omapush.testing.sip_phone import sip_phone
from omapush.testing.sip_stage import Phone
from omapush.testing.sipp import Sipp

pytestmark = pytest.mark.usefixtures("sip_peers")

ALICE = f"sip:alice@{DOMAIN}"
MMS, WML = "x-wap-application:mms.ua", "x-wap-application:wml.ua"
ELSEWHERE = "127.0.0.2"
"""An address of loopback that is not the core's."""
SECRET = "hush-of-the-gateway"
LONG = 20_000
NUMBERS = itertools.count(1)
CLIENTS = f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
TIMEOUT_SECONDS = 20


async def refused_registration(alice: Phone) -> tuple[str, str | None]:
    """Return what an application hears that registers where that fails."""
    async with ServiceClient(alice.socket) as cai:
        asked = {"push_application_id": MMS, "profiles": [{"protocol": "OTA-SIP"}]}
        registration = await cai.register(asked, wait_seconds=1)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not any(one["reason"] for one in registration["bindings"]):
                registration = await cai.registration(registration["id"], wait_seconds=0.1)
    return registration["state"], registration["bindings"][0]["reason"]


# -- TLS --


def secure_gateway(core: Kamailio, port: int, folder: Path, ca_file: Path) -> RunningGateway:
    certificates = folder / "gateway"
    return RunningGateway(
        folder,
        f'[sip]\ncore = "{HOST}:{core.isc_tls_port}"\ntransport = "tls"\nuri = "{GATEWAY}"\n'
        f'listen_tls = "{HOST}:{port}"\ntls_certificate = "{certificates}.pem"\n'
        f'tls_key = "{certificates}.key"\ntls_ca = "{ca_file}"\ntrusted_names = ["{HOST}"]\n'
        f'msrp_listen = "{HOST}:{free_sip_port()}"\nmsrp_secure = true\n{CLIENTS}',
    )


@contextlib.asynccontextmanager
async def secure_core(folder: Path) -> AsyncIterator[tuple[Kamailio, int, Authority]]:
    """A core by TLS that knows the gateway at a port."""
    authority = Authority(folder)
    authority.sign("gateway", f"IP:{HOST}")
    port = free_sip_port()
    with Kamailio(auth=True, tls=authority, ppg=f"sip:{HOST}:{port};transport=tls") as core:
        yield core, port, authority


async def test_client_sends_nothing_to_core_of_another_name(tmp_path: Path) -> None:
    (tmp_path / "alice").mkdir()
    async with secure_core(tmp_path) as (core, _, authority):
        at, ca_file = f"{HOST}:{core.tls_port}", str(authority.folder / "ca.pem")
        named = {"core": at, "transport": "tls", "ca_file": ca_file, "server_name": "core.test"}
        async with sip_phone(tmp_path / "alice", **named) as alice:
            assert await refused_registration(alice) == ("pending", "security_failure")
            assert core.bindings() == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_client_reaches_no_core_elsewhere_without_tls(tmp_path: Path, transport: str) -> None:
    """REQ20: plain is refused by default."""
    settings = tmp_path / "client.toml"
    settings.write_text(
        f'[ota_sip]\ncore = "192.0.2.1:5060"\ntransport = "{transport}"\naor = "{ALICE}"\n'
    )
    ended = await run_verb("client", "--config", str(settings), folder=tmp_path)
    assert ended.status != 0
    assert "a core elsewhere is reached by tls, or with allow_plain" in ended.err + ended.out


async def test_client_fetches_nothing_from_gateway_of_another_authority(tmp_path: Path) -> None:
    """REQ20: the content of a push does not go by MSRPS to, or come from, anybody else."""
    for name in ("alice", "other"):
        (tmp_path / name).mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    other.sign("gateway", f"IP:{HOST}")
    with Kamailio(auth=True) as core:
        gateway = RunningGateway(
            tmp_path,
            f'[sip]\ncore = "{HOST}:{core.isc_port}"\nuri = "{GATEWAY}"\n'
            f'listen_udp = "{HOST}:{core.ppg_port}"\nmsrp_listen = "{HOST}:{free_sip_port()}"\n'
            f'msrp_secure = true\ntls_certificate = "{other.folder}/gateway.pem"\n'
            f'tls_key = "{other.folder}/gateway.key"\n{CLIENTS}',
        )
        table = {
            "core": f"{HOST}:{core.port}",
            "transport": "udp",
            "ca_file": f"{authority.folder}/ca.pem",
        }
        async with gateway.running(), sip_phone(tmp_path / "alice", **table) as alice:
            await alice.application(MMS, "application/octet-stream")
            push_id = await gateway.push(
                ALICE, bytes(LONG), "application/octet-stream", application=MMS
            )
            said = await gateway.until_said(push_id, "retry")
    assert "delivered" not in said
    assert "no connection to msrps://" in alice.daemon.log
    assert "TLS: unable to get local issuer certificate" in alice.daemon.log


async def test_gateway_believes_nobody_who_shows_no_certificate(tmp_path: Path) -> None:
    """By TLS it is the certificate that says who is an element of the core."""
    async with secure_core(tmp_path) as (core, port, authority):
        gateway = secure_gateway(core, port, tmp_path, authority.folder / "ca.pem")
        context = ssl.create_default_context(cafile=authority.folder / "ca.pem")
        news = (("Contact", f"<sip:scscf@{HOST}>"), ("Expires", "600"))
        async with gateway.running(), asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
            octets = request("REGISTER", GATEWAY, *news).replace(b"SIP/2.0/UDP", b"SIP/2.0/TLS")
            writer.write(octets)
            answer = await reader.readuntil(b"\r\n")
            writer.close()
            await writer.wait_closed()
    assert answer == b"SIP/2.0 403 Forbidden\r\n"


# -- digest --


async def test_gateway_proves_itself_to_core_and_its_secret_is_in_no_log(tmp_path: Path) -> None:
    """REQ19: the core does not know its address, and asks for its password."""
    port = free_sip_port()
    with Kamailio(auth=True, ppg=f"sip:{HOST}:{port}") as core:
        core.add_user("ppg", SECRET)
        gateway = RunningGateway(
            tmp_path,
            f'[sip]\ncore = "{HOST}:{core.port}"\nuri = "{GATEWAY}"\n'
            f'listen_udp = "{HOST}:{port}"\nusername = "ppg"\npassword = "{SECRET}"\n{CLIENTS}',
            log='level = "debug"\n',
        )
        async with gateway.running(), Sipp("client_uas", core.port, calls=2) as device:
            keys = {"contact_port": str(device.port)}
            assert (await Sipp("register", core.port, keys=keys).run()).answers == [401, 200]
            for _ in range(2):
                result = await gateway.ended(await gateway.push(ALICE, b"x", application=MMS))
                assert result.message_state is MessageState.DELIVERED
            for message in (await device.finished()).requests:
                assert message.header("P-Asserted-Identity") == f"<{GATEWAY}>"
                assert message.header("Proxy-Authorization") is None
    assert SECRET not in gateway.daemon.log
    assert "response=" not in gateway.daemon.log


async def test_gateway_with_wrong_password_is_told_so(tmp_path: Path) -> None:
    port = free_sip_port()
    with Kamailio(auth=True, ppg=f"sip:{HOST}:{port}") as core:
        core.add_user("ppg", "another")
        gateway = RunningGateway(
            tmp_path,
            f'[sip]\ncore = "{HOST}:{core.port}"\nuri = "{GATEWAY}"\n'
            f'listen_udp = "{HOST}:{port}"\nusername = "ppg"\npassword = "{SECRET}"\n'
            f"ask_capabilities = false\n{CLIENTS}",
        )
        async with gateway.running():
            result = await gateway.ended(await gateway.push(ALICE, b"x", application=MMS))
    assert (result.message_state, int(result.code)) == (MessageState.UNDELIVERABLE, 4000)
    assert SECRET not in gateway.daemon.log


# -- who is believed --


def request(method: str, uri: str, *more: tuple[str, str], body: bytes = b"") -> bytes:
    fields = (
        ("Via", f"SIP/2.0/UDP {ELSEWHERE}:5060;branch=z9hG4bK{next(NUMBERS)};rport"),
        ("Max-Forwards", "70"),
        ("From", f"<{GATEWAY}>;tag=1"),
        ("To", f"<{ALICE}>"),
        ("Call-ID", f"{next(NUMBERS)}@{ELSEWHERE}"),
        ("CSeq", f"1 {method}"),
        *more,
    )
    return encode_message(SipRequest(method, uri, SipHeaders(fields), body))


async def asked(source: str, port: int, octets: bytes) -> SipResponse:
    """Send a datagram from an address of loopback, and return the final answer."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setblocking(False)
        end.bind((source, 0))
        await loop.sock_sendto(end, octets, (HOST, port))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                answer = parse_message(await loop.sock_recv(end, 65_535))
                if isinstance(answer, SipResponse) and answer.status >= 200:
                    return answer


async def test_forged_identity_does_not_get_past_core_and_whitelist(tmp_path: Path) -> None:
    """REQ19, RFC 3325: the core takes away what a user asserts, and says who he is."""
    with Kamailio() as core:
        async with sip_phone(tmp_path, core=f"{HOST}:{core.port}", transport="udp") as alice:
            application = await alice.application(
                MMS, "text/vnd.wap.si", whitelist=[{"addr": GATEWAY, "type": "URI"}]
            )
            forged = {
                "sender": f"sip:mallory@{DOMAIN}", "header": f"P-Asserted-Identity: <{GATEWAY}>"
            }  # fmt: skip
            refused = await Sipp("push", core.port, keys=forged).run()
            assert refused.answers == [403]
            said = refused.received[-1].header("X-Wap-Push-Status") or ""
            assert said.startswith("235 ")
            _, taken = await asyncio.gather(application.takes(), Sipp("push", core.isc_port).run())
            assert taken.answers == [200]


async def test_client_takes_nothing_from_others_than_the_core(tmp_path: Path) -> None:
    with Kamailio() as core:
        async with sip_phone(tmp_path, core=f"{HOST}:{core.port}", transport="udp") as alice:
            await alice.application(MMS, "text/plain")
            [binding] = core.bindings()
            port = int(binding.contact.partition("@")[2].partition(":")[2].partition(";")[0])
            forged = (("P-Asserted-Identity", f"<{GATEWAY}>"), ("Content-Type", "text/plain"))
            for method in ("MESSAGE", "INVITE", "OPTIONS"):
                answer = await asked(ELSEWHERE, port, request(method, ALICE, *forged, body=b"x"))
                assert answer.status == 403
            assert "sip_stranger" in alice.daemon.log


async def test_gateway_believes_no_registration_from_others_than_the_core(tmp_path: Path) -> None:
    """A third-party REGISTER of a stranger would send pushes wherever he likes."""
    with Kamailio() as core:
        gateway = RunningGateway(
            tmp_path,
            f'[sip]\ncore = "{HOST}:{core.isc_port}"\nuri = "{GATEWAY}"\n'
            f'listen_udp = "{HOST}:{core.ppg_port}"\n{CLIENTS}',
        )
        inner = (
            "REGISTER sip:push.test SIP/2.0\r\n"
            f'Contact: <sip:alice@{ELSEWHERE}>;+g.oma.pusheventapp="mms.ua"\r\n\r\n'
        ).encode()
        news = (
            ("P-Asserted-Identity", f"<{ALICE}>"),
            ("Contact", f"<sip:scscf@{ELSEWHERE}>"),
            ("Expires", "600"),
            ("Content-Type", "message/sip"),
        )
        async with gateway.running():
            for method in ("REGISTER", "OPTIONS"):
                for source, status in ((ELSEWHERE, 403), (HOST, 200)):
                    octets = request(method, GATEWAY, *news, body=inner)
                    assert (await asked(source, core.ppg_port, octets)).status == status
        assert gateway.daemon.log.count("sip_request_refused") == 2
