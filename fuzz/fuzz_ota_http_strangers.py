"""Whoever has no password gets in nowhere: no terminal at a gateway, no gateway at a terminal."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content.message import PushMessage
    from omapush.core.instants import Instant
    from omapush.ota.http.accounts import KnownCpi
    from omapush.ota.http.authentication import Login, Scheme
    from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
    from omapush.ota.http.contexts import ProvisioningContext
    from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
    from omapush.ota.interface import (
        ClientCapabilities,
        PoConfirmedPushReq,
        PushOutcome,
        PushSource,
        RegistrationInd,
        SendOctets,
    )

NOW = Instant(1_700_000_000_000)
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")
SECRET = "a password that is in no input"
BASIC = b"uthorization: Basic"
SOURCE = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
ENTITY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"
DIGEST = (
    b'Digest username="44", realm="ppg", nonce="n", uri="/wappush", response="' + b"0" * 40
    + b'", algorithm="SHA-1"'
)  # fmt: skip
HEADERS = (
    b"X-Wap-Push-Status: 500", b"X-Wap-Push-Status: 501", b"X-Wap-Push-Status: 300",
    b"X-Wap-Push-Status: 256", b"X-Wap-Terminal-Id: 44", b"X-Wap-Terminal-Id: 45",
    b"X-Wap-Authorization: " + DIGEST, b"X-Wap-Authorization: Basic NDQ6", b"X-Wap-CPITag: t",
    b'X-Wap-Authorization: Digest x-wap-auth-status="failed_retry"',
    b'WWW-Authenticate: Digest realm="44", nonce="n", algorithm=SHA-1',
    b'WWW-Authenticate: Basic realm="44"', b"X-Wap-Bearer-Indication: 00",
    b"Authorization: " + DIGEST.replace(b'"44"', b'"ppg"'), b"Authorization: Basic cHBnOg==",
    b'X-Wap-Authenticate: Digest realm="ppg", nonce="n", algorithm="SHA-1"',
    b'X-Wap-Authenticate: Digest x-wap-auth-status="failed_noretry"', b"X-Wap-Push-ProvURL: p",
    b"X-Wap-Push-ProvURL:", b"X-Wap-Push-OTA-Version: 1.0", b"Content-Type: application/http",
)  # fmt: skip
ANSWERS = (b"HTTP/1.1 204 ", b"HTTP/1.1 200 ", b"HTTP/1.1 401 ", b"HTTP/1.1 412 ", b"HTTP/1.1 100 ")
REQUESTS = (b"OPTIONS /wappush HTTP/1.1", b"POST /wappush HTTP/1.1", b"GET /wappush HTTP/1.1")


class Accounts:
    """Terminal 44 has a password, and so has the gateway there."""

    def terminal_password(self, terminal_id: str) -> str | None:
        """Return the one there is."""
        return SECRET if terminal_id == "44" else None

    def login_at(self, terminal_id: str | None) -> Login | None:
        """Return the one there is."""
        return Login("ppg", SECRET) if terminal_id == "44" else None

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        """Return the same of everybody."""
        return KnownCpi("t", {"t": (("X-Wap-Push-MaxMsgSize", "9"),)})


def message(data: atheris.FuzzedDataProvider, starts: tuple[bytes, ...], body: bytes) -> bytes:
    """Return a message whose parts ``data`` chooses, with some octets of its own in it."""
    lines = [data.PickValueInList(list(starts))]
    lines += [data.PickValueInList(list(HEADERS)) for _ in range(data.ConsumeIntInRange(0, 6))]
    if data.ConsumeBool():
        lines.append(data.ConsumeBytes(8))
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join((*lines, b"", body))


def one_input(octets: bytes) -> None:
    """Let them talk to both ends."""
    data = atheris.FuzzedDataProvider(octets)
    if data.ConsumeBool():
        _gateway(data)
    else:
        _terminal(data)


def _gateway(data: atheris.FuzzedDataProvider) -> None:
    settings = HttpPpgSettings(
        identity="ppg",
        challenge=Scheme.DIGEST if data.ConsumeBool() else Scheme.NONE,
        proof_required=data.ConsumeBool(),
        dialled=False,
    )
    session = HttpPpgSession(
        settings, assumed_cpi_tag="t", known_cpi={"t": ()}, accounts=Accounts(), prov_url="p"
    )
    session.connected(NOW)
    session.request(PoConfirmedPushReq("a", MESSAGE), NOW)
    while data.remaining_bytes():
        session.receive(message(data, ANSWERS, b""), NOW)
        for effect in session.effects():
            assert not isinstance(effect, SendOctets) or BASIC not in effect.octets
    session.disconnected("over", NOW)
    told = session.indications()
    assert not any(isinstance(one, RegistrationInd) and one.authenticated for one in told)
    assert sum(isinstance(one, PushOutcome) for one in told) == 1


def _terminal(data: atheris.FuzzedDataProvider) -> None:
    demand = Scheme.DIGEST if data.ConsumeBool() else Scheme.BASIC
    context = ProvisioningContext(
        "44",
        prov_url="p",
        login=Login("44", SECRET, Scheme.DIGEST),
        gateway=Login("ppg", SECRET),
        demand=demand,
        takes_md5=data.ConsumeBool(),
    )
    settings = HttpTerminalSettings("44", contexts=(context,))
    session = HttpTerminalSession(settings, ClientCapabilities, SOURCE)
    session.connected(NOW)
    while data.remaining_bytes():
        session.receive(message(data, REQUESTS, ENTITY if data.ConsumeBool() else b""), NOW)
        for effect in session.effects():
            assert not isinstance(effect, SendOctets) or BASIC not in effect.octets
        assert session.indications() == []
    session.disconnected("over", NOW)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
