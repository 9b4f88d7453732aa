"""Whatever an application sends to the service access point: a request, or a rejection."""

import json
import sys

import atheris

with atheris.instrument_imports():
    from omapush.cai import wire
    from omapush.cai.model import RegistrationRejected
    from omapush.client.applications import check_request


def test_one_input(data: bytes) -> None:
    try:
        value = wire.parse_object(data)
        wire.rejection(value)
    except RegistrationRejected:
        pass
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
