"""Whatever stands in an authentication header is read or refused, and proves nothing by chance."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError
    from omapush.ota.http.authentication import (
        Algorithm,
        Challenge,
        Refusal,
        Scheme,
        format_challenge,
        format_credentials,
        parse_challenges,
        parse_credentials,
        verify,
    )

ASKED = Challenge(Scheme.DIGEST, "ppg.example.net", "dcd98b7102dd2f0e")
ASKED_BASIC = Challenge(Scheme.BASIC, "ppg.example.net")
NAMES = (
    "", "Basic ", "Digest ", "realm=", "username=", "nonce=", "uri=", "response=", "algorithm=",
    "opaque=", "domain=", "x-wap-auth-status=", '"', ", ", "=", "\\", "SHA-1", "MD5", "/wappush",
    "failed_retry", "failed_noretry", "ppg.example.net", "dcd98b7102dd2f0e", "0" * 40, "f" * 32,
)  # fmt: skip


def one_input(octets: bytes) -> None:
    """Put a header together of words that belong there and of others; read it in both ways."""
    data = atheris.FuzzedDataProvider(octets)
    words = []
    while data.remaining_bytes():
        words.append(NAMES[data.ConsumeIntInRange(0, len(NAMES) - 1)])
        words.append(data.ConsumeBytes(data.ConsumeIntInRange(0, 8)).decode("latin-1"))
    value = "".join(words)
    _credentials(value)
    _challenges(value)


def _credentials(value: str) -> None:
    try:
        credentials = parse_credentials(value)
    except DecodeError:
        return
    if isinstance(credentials, Refusal):
        assert parse_credentials(format_credentials(credentials, mirrored=True)) == credentials
        return
    for asked in (ASKED, ASKED_BASIC):
        assert not verify(credentials, asked, "OPTIONS", None, tuple(Algorithm))
        # Longer than what can be put together here.
        assert not verify(credentials, asked, "OPTIONS", "no such password" * 300)


def _challenges(value: str) -> None:
    try:
        challenges = parse_challenges([value])
    except DecodeError:
        return
    for challenge in challenges:
        assert isinstance(format_challenge(challenge, mirrored=True), str)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
