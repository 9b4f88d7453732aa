"""Whatever an application names as its event handler: an address, or a rejection."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.cai.model import RegistrationRejected
    from omapush.client.handlers.address import parse_address, scheme_of


def test_one_input(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        address = parse_address(text)
    except RegistrationRejected:
        return
    if address is not None:
        assert address.scheme == scheme_of(text)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
