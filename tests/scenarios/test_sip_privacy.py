"""What a client of OTA-SIP tells its core and its log about its user (REQ22).

The core is the test's own, and sees every octet that the client sends.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from omapush.client.service_client import ServiceClient
from omapush.content.message import PushMessage
from omapush.ota.sip.envelope import CONTENT_TYPE, encode_envelope
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.writing import encode_message
from omapush.testing.daemons import Daemon, running
from omapush.testing.kamailio import free_sip_port
from omapush.testing.plain_sip_peer import PlainSipPeer

HOST = "127.0.0.1"
ALICE = "sip:alice@push.test"
PASSWORD = "alice-secret"
DELICATE = "x-acme:delicate"
SECRET = b"a secret of the user"
NEEDED = {
    "via", "max-forwards", "from", "to", "call-id", "cseq", "contact", "expires", "supported",
    "allow", "authorization", "content-length",
}  # fmt: skip
"""Headers of a REGISTER, all of which a registrar needs (OTA-SIP 3)."""


def core(request: SipRequest) -> SipResponse:
    """Challenge who registers, then grant it; take everything else."""
    if request.method == "REGISTER" and request.headers.first("Authorization") is None:
        challenge = 'Digest realm="push.test", nonce="abc", qop="auth", algorithm=SHA-256'
        return SipResponse(401, "Unauthorized", SipHeaders((("WWW-Authenticate", challenge),)))
    contact = (request.headers.first("Contact") or "") + ";expires=600"
    return SipResponse(200, "OK", SipHeaders((("Contact", contact),)))


def client_at(peer: PlainSipPeer, folder: Path, port: int, more: str = "") -> Daemon:
    settings = folder / "client.toml"
    settings.write_text(
        f'ota_http.po_tcp = false\ncai.socket = "{folder}/cai.sock"\n'
        f'store.path = "{folder}/client.db"\n[log]\nformat = "json"\nlevel = "debug"\n'
        f'[ota_sip]\ncore = "{HOST}:{peer.port}"\ntransport = "udp"\naor = "{ALICE}"\n'
        f'password = "{PASSWORD}"\nppg = ["sip:ppg@push.test"]\nlisten = "{HOST}:{port}"\n{more}'
    )
    return Daemon("client", settings, path=folder / "cai.sock")


async def taken(peer: PlainSipPeer, cai: ServiceClient, registration_id: str, port: int) -> None:
    """Push a secret, and have the application take it."""
    headers = (
        ("Via", f"SIP/2.0/UDP {HOST}:{peer.port};branch=z9hG4bKone;rport"),
        ("Max-Forwards", "70"),
        ("From", "<sip:ppg@push.test>;tag=1"),
        ("To", f"<{ALICE}>"),
        ("Call-ID", "one"),
        ("CSeq", "1 MESSAGE"),
        ("Content-Type", CONTENT_TYPE),
    )
    push = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", DELICATE)), SECRET)
    message = SipRequest("MESSAGE", ALICE, SipHeaders(headers), encode_envelope(push))
    peer.send(encode_message(message), port)
    event = await cai.next_event(registration_id)
    assert event is not None
    assert await cai.content(event) == SECRET
    await cai.accept(event["id"])
    await peer.until(lambda: any(one.is_success for one in peer.responses))


async def test_client_tells_the_core_what_it_needs_and_its_log_no_content_and_no_password(
    tmp_path: Path,
) -> None:
    """REQ22, REQ19: applications are hidden, and nothing names the device but its instance id."""
    port = free_sip_port()
    async with PlainSipPeer(core).running() as peer:
        daemon = client_at(peer, tmp_path, port, "hide_applications = true\n")
        async with running(daemon), ServiceClient(tmp_path / "cai.sock") as cai:
            registered = await cai.register(
                {"push_application_id": DELICATE, "accept": ["text/plain"]}
            )
            assert registered["state"] == "registered", daemon.log
            await peer.next("OPTIONS")
            await taken(peer, cai, registered["id"], port)
        sent = b"\n".join(peer.octets).decode()
        for request in peer.of("REGISTER"):
            assert {name.lower() for name, _ in request.headers.fields} <= NEEDED
        assert 'username="alice"' in sent  # it did prove who it is
        for word in (PASSWORD, "delicate", "60000000000000", socket.gethostname() + ";"):
            assert word not in sent
        for word in (PASSWORD, SECRET.decode(), "Digest "):
            assert word not in daemon.log


async def test_instance_ids_are_random_and_stay(tmp_path: Path) -> None:
    """REQ22: the id of a device says nothing about it, and is the same after a restart."""
    async with PlainSipPeer(core).running() as peer:
        seen = []
        for number, name in enumerate(("one", "two", "one")):
            (tmp_path / name).mkdir(exist_ok=True)
            seen.append(await _instance(peer, tmp_path / name, f"{DELICATE}:{number}"))
    assert seen[0] == seen[2] != seen[1]
    # Version 4: of random numbers (RFC 4122 4.4).
    assert all(re.fullmatch(r"<urn:uuid:[0-9a-f-]{14}4[0-9a-f-]{21}>", one) for one in seen)


async def _instance(peer: PlainSipPeer, folder: Path, application: str) -> str:
    before = len(peer.requests)
    daemon = client_at(peer, folder, free_sip_port())
    async with running(daemon), ServiceClient(folder / "cai.sock") as cai:
        registered = await cai.register({"push_application_id": application})
        assert registered["state"] == "registered"
    contact = peer.requests[before].headers.first("Contact") or ""
    found = re.search(r'\+sip\.instance="([^"]*)"', contact)
    if found is None:
        pytest.fail(contact)
    return found[1]
