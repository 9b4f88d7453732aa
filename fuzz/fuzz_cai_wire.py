"""Whatever an application sends to the service access point: a request of either version, a change,
or a rejection."""

import contextlib
import json
import sys

import atheris

with atheris.instrument_imports():
    from omapush.cai import wire, wire_1_0
    from omapush.cai.model import RegistrationRejected, RegistrationRequest
    from omapush.client.applications import check_request


def test_one_input(data: bytes) -> None:
    try:
        value = wire.parse_object(data)
        wire.rejection(value)
    except RegistrationRejected:
        pass
    for read in (
        wire_1_0.registration_request,
        lambda value: wire.changed_request(RegistrationRequest("2"), value),
    ):
        with contextlib.suppress(RegistrationRejected):
            read(wire.parse_object(data))
    try:
        request = wire.registration_request(wire.parse_object(data))
        check_request(request)
    except RegistrationRejected:
        return
    written = json.dumps(wire.request_members(request)).encode()
    assert wire.registration_request(wire.parse_object(written)) == request


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
