"""With every switch on any text is an address or an AddressError, and keeps its spelling."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.pap.address import AddressError
    from omapush.pap.address_reading import read_address
    from omapush.pap.tolerance import Tolerance

EVERYTHING = Tolerance(bare_msisdn_prefix="+44", pin_addresses=True)


def one_input(octets: bytes) -> None:
    text = atheris.FuzzedDataProvider(octets).ConsumeUnicodeNoSurrogates(200)
    try:
        address = read_address(text, EVERYTHING)
    except AddressError:
        return
    assert address.original == text
    assert address.type != "PLMN" or address.value.startswith("+")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
