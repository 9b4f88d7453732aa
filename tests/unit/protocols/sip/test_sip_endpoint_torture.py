"""The torture messages of RFC 4475 at an endpoint: what the user is told, and what is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from omapush.core.instants import Instant
from omapush.protocols.sip.primitives import RequestInd
from omapush.testing.sip_endpoints import LEFT, RIGHT, sip_endpoint

FOLDER = Path(__file__).parent / "torture"
TOLD = "told"
DROPPED = "dropped"

# RFC 4475 3.1.1: valid, strange as they are; 3.3 and 3.4: what an element other than a transaction
# layer has to judge (dates, credentials, bodies, Max-Forwards 0 at its destination, RFC 2543).
EXPECTED: dict[str, str | int] = {
    **dict.fromkeys(
        [
            "wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "dblreq",
            "semiuri", "transports", "mpart01", "badbranch", "unksm2", "invut", "regbadct",
            "regaut01", "cparam01", "cparam02", "regescrt", "sdp01", "inv2543", "zeromf", "baddate",
        ],
        TOLD,
    ),
    # Responses to requests that were never made.
    **dict.fromkeys(["unreason", "noreason", "bigcode", "scalarlg", "bcast"], DROPPED),
    # 3.1.2: malformed.
    **dict.fromkeys(
        [
            "badinv01", "clerr", "ncl", "scalar02", "quotbal", "ltgtruri", "lwsruri", "lwsstart",
            "trws", "escruri", "baddn", "badaspec", "mismatch01", "mismatch02", "insuf", "multi01",
            "mcl01",
        ],
        400,
    ),
    "badvers": 505,
    "unkscm": 416,
    "novelsc": 416,
    "bext01": 420,
}  # fmt: skip


def test_each_torture_message_is_expected_to_do_something() -> None:
    assert {path.stem for path in FOLDER.glob("*.dat")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_endpoint_takes_refuses_or_drops_torture_message(name: str) -> None:
    endpoint = sip_endpoint(LEFT)
    endpoint.receive((FOLDER / f"{name}.dat").read_bytes(), RIGHT, Instant(0))
    told = [one for one in endpoint.indications() if isinstance(one, RequestInd)]
    statuses = [int(one.octets.split(b" ")[1]) for one in endpoint.effects()]
    expected = EXPECTED[name]
    assert bool(told) == (expected == TOLD)
    assert statuses == ([expected] if isinstance(expected, int) else [])
    assert endpoint.is_idle == (expected != TOLD)
