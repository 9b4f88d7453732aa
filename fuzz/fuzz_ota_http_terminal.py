"""Whatever a gateway sends, the terminal's end raises nothing and takes no more than it says.

Where every context demands credentials, nothing comes in and nothing is told, and no password of
ours is sent in clear.
"""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.instants import Instant, later
    from omapush.ota.http.authentication import Login, Scheme
    from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
    from omapush.ota.http.contexts import ProvisioningContext
    from omapush.ota.interface import (
        ClientCapabilities,
        PoConfirmedPushInd,
        PoConfirmedPushRes,
        PoPushVoidInd,
        PushSource,
        SendOctets,
    )

NOW = Instant(1_700_000_000_000)
CAPABILITIES = ClientCapabilities(max_message_size=2_000, max_push_requests=2)
SOURCE = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
OURS = Login("44", "SECRET OF OURS", Scheme.DIGEST)
GATEWAY = Login("ppg.example.com", "SECRET OF THE GATEWAY")
SETTINGS = (
    HttpTerminalSettings("44"),
    HttpTerminalSettings("44", takes_untagged=False, close_after_last=True),
    HttpTerminalSettings(
        "44",
        contexts=(ProvisioningContext("44", "http://a.example/", OURS),),
        takes_mismatched=True,
    ),
    HttpTerminalSettings(
        "44",
        contexts=(
            ProvisioningContext("44", "", OURS, GATEWAY, Scheme.DIGEST, takes_md5=True),
            ProvisioningContext("45", "http://a.example/", OURS, GATEWAY, Scheme.BASIC),
        ),
    ),
)


def one_input(octets: bytes) -> None:
    """Give ``octets`` in segments, whose lengths they choose themselves; accept every push."""
    data = atheris.FuzzedDataProvider(octets)
    settings = SETTINGS[data.ConsumeIntInRange(0, len(SETTINGS) - 1)]
    is_closed = bool(settings.contexts) and settings.contexts[0].demand is not Scheme.NONE
    sir = "2jmj7g==" if data.ConsumeBool() else None
    session = HttpTerminalSession(settings, lambda: CAPABILITIES, SOURCE, sir_cpi_tag=sir)
    now = NOW
    session.connected(now)
    while data.remaining_bytes():
        now = later(now, data.ConsumeIntInRange(0, 20_000))
        due = session.next_timer()
        if due is not None and due <= now:
            session.handle_timer(due)
        session.receive(data.ConsumeBytes(data.ConsumeIntInRange(1, 200)), now)
        for indication in session.indications():
            assert isinstance(indication, PoConfirmedPushInd)
            assert not is_closed
            assert len(indication.message.body) <= CAPABILITIES.max_message_size
            if data.ConsumeBool():
                session.request(PoConfirmedPushRes(indication.reference), now)
        for effect in session.effects():
            if isinstance(effect, SendOctets):
                assert b"SECRET" not in effect.octets
                assert b"X-Wap-Authorization: Basic U0" not in effect.octets
                assert not (is_closed and b"X-Wap-Terminal-Id" in effect.octets)
    session.disconnected("over", now)
    assert all(isinstance(one, PoPushVoidInd) for one in session.indications())
    assert session.next_timer() is None


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
