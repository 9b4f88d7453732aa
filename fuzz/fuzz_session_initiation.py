"""A session initiation request is read and explained, or refused with the documented error."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content.session_initiation import decode, explain_session_initiation
    from omapush.core.errors import DecodeError, EncodeError


def one_input(octets: bytes) -> None:
    """Read ``octets`` and, when the result can be written, read that."""
    try:
        request = decode(octets)
    except DecodeError:
        return
    tree = explain_session_initiation(octets)
    assert b"".join(child.octets for child in tree.children) == octets
    request.ota_http_contact_points()
    try:
        written = request.encode()
    except EncodeError:
        return
    assert decode(written).encode() == written


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
