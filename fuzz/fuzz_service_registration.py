"""Whatever a push service answers: a registration that can be written again, or a DecodeError."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError, EncodeError
    from omapush.ota import service_registration


def test_one_input(data: bytes) -> None:
    try:
        read = service_registration.decode(data)
    except DecodeError:
        return
    try:
        written = service_registration.encode(read)
    except EncodeError:  # with what its parts took from the whole it can be too long
        return
    # Foreign XML may change its prefixes the first time, and not again.
    assert service_registration.encode(service_registration.decode(written)) == written


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
