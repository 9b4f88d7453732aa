"""Whatever a terminal sends, the gateway's end raises nothing and ends each push once."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content.message import PushMessage
    from omapush.core.instants import Instant
    from omapush.ota.http.authentication import Login, Scheme
    from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings, KnownCpi
    from omapush.ota.interface import PoConfirmedPushReq, PomRegisterReq, PushOutcome

NOW = Instant(1_700_000_000_000)
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")


class Accounts:
    def terminal_password(self, terminal_id: str) -> str | None:
        return "secret" if terminal_id == "44" else None

    def login_at(self, terminal_id: str | None) -> Login | None:
        return Login("ppg", "secret")

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return KnownCpi("t", {"t": (), "other": ()})


def one_input(octets: bytes) -> None:
    """Give ``octets`` in segments, whose lengths they choose themselves."""
    data = atheris.FuzzedDataProvider(octets)
    challenge = data.PickValueInList(list(Scheme))
    session = HttpPpgSession(
        HttpPpgSettings(challenge=challenge),
        assumed_cpi_tag="t",
        known_cpi={"t": ()},
        accounts=Accounts(),
        new_nonce=lambda: "nonce",
    )
    session.connected(NOW)
    for delivery_id in "abc":
        session.request(PoConfirmedPushReq(delivery_id, MESSAGE), NOW)
    while data.remaining_bytes():
        session.receive(data.ConsumeBytes(data.ConsumeIntInRange(1, 200)), NOW)
        session.request(PomRegisterReq(), NOW)
        session.effects()
    session.disconnected("over", NOW)
    ended = [one.delivery_id for one in session.indications() if isinstance(one, PushOutcome)]
    assert sorted(ended) == ["a", "b", "c"]


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
