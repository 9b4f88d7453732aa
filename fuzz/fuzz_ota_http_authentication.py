"""Any authentication header is read or refused, and proves nothing to who knows no password."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError
    from omapush.ota.http.authentication import (
        Challenge,
        Refusal,
        Scheme,
        format_challenge,
        parse_challenges,
        parse_credentials,
        verify,
    )

ASKED = (Challenge(Scheme.BASIC, "ppg"), Challenge(Scheme.DIGEST, "ppg", "nonce"))


def one_input(octets: bytes) -> None:
    """Read ``octets`` as the value of a header."""
    text = octets.decode("latin-1")
    try:
        for challenge in parse_challenges([text]):
            again = parse_challenges([format_challenge(challenge, mirrored=True)])
            assert [type(one) for one in again] == [type(challenge)]
    except DecodeError:
        pass
    try:
        credentials = parse_credentials(text)
    except DecodeError:
        return
    if not isinstance(credentials, Refusal):
        for challenge in ASKED:
            assert not verify(credentials, challenge, "POST", "correct horse battery staple")
            assert not verify(credentials, challenge, "POST", None)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
