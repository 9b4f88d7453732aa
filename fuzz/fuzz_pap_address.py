"""Any text is an address or an AddressError; the strict grammar is part of the tolerant one."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.pap.address import AddressError, parse


def one_input(octets: bytes) -> None:
    text = atheris.FuzzedDataProvider(octets).ConsumeUnicodeNoSurrogates(200)
    try:
        address = parse(text, tolerant=False)
    except AddressError:
        try:
            parse(text)
        except AddressError:
            return
    else:
        assert parse(text).recipient_key == address.recipient_key


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
