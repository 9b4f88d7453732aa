"""Any Authorization header is judged, and none that knows no secret lets anybody in."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.instants import Instant
    from omapush.ppg.authentication import Initiators, Unidentified
    from omapush.ppg.credentials import Initiator, RequestCredentials
    from omapush.ppg.lockout import LockoutSettings

INITIATORS = Initiators(
    [Initiator("pi", "anna", "correct horse battery staple", api_keys_sha256=("00" * 32,))],
    secret=b"secret",
    lockout=LockoutSettings(failures=sys.maxsize),
)


def one_input(octets: bytes) -> None:
    """Judge ``octets`` as a header value."""
    request = RequestCredentials("192.0.2.1", octets.decode("latin-1"), "POST", "/pap")
    assert isinstance(INITIATORS.identify(request, Instant(0)), Unidentified)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
