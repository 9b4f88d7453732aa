"""Whatever a terminal sends, the gateway's end raises nothing and ends each push once."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content.message import PushMessage
    from omapush.core.instants import Instant
    from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
    from omapush.ota.interface import PoConfirmedPushReq, PushOutcome

NOW = Instant(1_700_000_000_000)
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")


def one_input(octets: bytes) -> None:
    """Give ``octets`` in segments, whose lengths they choose themselves."""
    data = atheris.FuzzedDataProvider(octets)
    session = HttpPpgSession(HttpPpgSettings(), assumed_cpi_tag="t", known_cpi={"t": ()})
    session.connected(NOW)
    for delivery_id in "abc":
        session.request(PoConfirmedPushReq(delivery_id, MESSAGE), NOW)
    while data.remaining_bytes():
        session.receive(data.ConsumeBytes(data.ConsumeIntInRange(1, 200)), NOW)
        session.effects()
    session.disconnected("over", NOW)
    ended = [one.delivery_id for one in session.indications() if isinstance(one, PushOutcome)]
    assert sorted(ended) == ["a", "b", "c"]


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
