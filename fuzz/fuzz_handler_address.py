"""Whatever an application names as its event handler: an address, or a rejection."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.cai.model import RegistrationRejected
    from omapush.client.handlers.address import parse_address, scheme_of


BEGINNINGS = ("", "exec:", 'exec:["/', "unix:/", "http:", "http://127.0.0.1", "dbus:", "python:")


def test_one_input(data: bytes) -> None:
    # The kinds are looked up by name, which a fuzzer does not guess.
    text = BEGINNINGS[data[0] % len(BEGINNINGS)] if data else ""
    text += data[1:].decode("utf-8", "surrogateescape")
    try:
        address = parse_address(text)
    except RegistrationRejected:
        return
    if address is not None:
        assert address.scheme == scheme_of(text)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
