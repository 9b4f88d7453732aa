"""What a peer says of its encoding version decides what it is sent."""

from __future__ import annotations

import pytest

from omapush.protocols.wsp.profile import HeaderProfile, profile_for


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ((), (1, 2)),
        ((("Encoding-Version", "1.4"),), (1, 4)),
        ((("encoding-version", "16 1.5"), ("Encoding-Version", "1.3")), (1, 3)),
        ((("Encoding-Version", "new"),), (1, 2)),
    ],
)
def test_profile_follows_the_version_that_the_peer_tells(
    headers: tuple[tuple[str, str], ...], version: tuple[int, int]
) -> None:
    base = HeaderProfile(encoding_version=(1, 5), content_length=True)
    assert profile_for(headers, base) == HeaderProfile(
        encoding_version=version, content_length=True
    )
