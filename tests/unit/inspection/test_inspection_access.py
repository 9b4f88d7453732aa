"""What PAP entities that are hardly begun are called."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError
from omapush.inspection.kinds import Kind
from omapush.inspection.layers import inspect


@pytest.mark.parametrize("octets", [b"--", b"--\n", b"--\r\n--", b"--b"])
def test_entity_that_is_hardly_begun_is_refused(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        inspect(Kind.PAP, octets)
