"""A header block is read without control characters, or refused; what was read is written again."""

import contextlib
import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError, EncodeError
    from omapush.protocols.wsp.headers import decode_headers, encode_headers
    from omapush.protocols.wsp.profile import HeaderProfile

LATEST = HeaderProfile(encoding_version=(1, 5))


def one_input(octets: bytes) -> None:
    """Read ``octets`` as a header block."""
    try:
        block = decode_headers(octets, tolerant=True)
    except DecodeError:
        return
    for name, value in block.headers:
        assert not {"\r", "\n", "\0"} & set(name + value)
    with contextlib.suppress(EncodeError):
        decode_headers(encode_headers(block.headers, LATEST, block.raw_headers), tolerant=True)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
