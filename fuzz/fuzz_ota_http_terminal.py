"""Whatever a gateway sends, the terminal's end raises nothing and takes no more than it says."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.instants import Instant
    from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
    from omapush.ota.interface import (
        ClientCapabilities,
        PoConfirmedPushInd,
        PoConfirmedPushRes,
        PushSource,
    )

NOW = Instant(1_700_000_000_000)
CAPABILITIES = ClientCapabilities(max_message_size=2_000, max_push_requests=2)
SOURCE = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")


def one_input(octets: bytes) -> None:
    """Give ``octets`` in segments, whose lengths they choose themselves; accept every push."""
    data = atheris.FuzzedDataProvider(octets)
    session = HttpTerminalSession(HttpTerminalSettings("44"), lambda: CAPABILITIES, SOURCE)
    session.connected(NOW)
    while data.remaining_bytes():
        session.receive(data.ConsumeBytes(data.ConsumeIntInRange(1, 200)), NOW)
        for indication in session.indications():
            assert isinstance(indication, PoConfirmedPushInd)
            assert len(indication.message.body) <= CAPABILITIES.max_message_size
            session.request(PoConfirmedPushRes(indication.reference), NOW)
        session.effects()
    session.disconnected("over", NOW)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
