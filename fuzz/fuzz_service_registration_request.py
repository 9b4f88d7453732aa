"""Whatever headers ask a push service: an offer that can be told, or a documented error."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError, EncodeError
    from omapush.ota import service_registration as wire
    from omapush.ota.service_registration import RegisteredProfile, ServiceRegistration
    from omapush.ppg.service_registration.services import (
        NoSuchServiceError,
        NothingOfferedError,
        PushService,
        offer_for,
    )

SERVICES = (
    PushService("acme", ("urn:acme:*", "4"), (RegisteredProfile("OTA-HTTP"),)),
    PushService("rest", profiles=(RegisteredProfile("OTA-SIP"), RegisteredProfile("OTA-PTM"))),
)


def test_one_input(data: bytes) -> None:
    """Read ``data`` as header lines."""
    lines = (line.partition(b":") for line in data.split(b"\n"))
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, _, value in lines]
    try:
        offer = offer_for(SERVICES, wire.read_headers(headers))
        answer = ServiceRegistration("r1", 60, offer.application_ids, offer.profiles)
        told = wire.decode(wire.encode(answer))
    except (DecodeError, EncodeError, NoSuchServiceError, NothingOfferedError):
        return
    assert told.profiles == offer.profiles


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
