"""sipmessage, a parser of another make, as a second opinion on SIP without feature tags.

It knows no folding, no ``urn:`` URIs and no headers in URIs, and percent-codes what stands in
parameters; messages with those are left out.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import sipmessage

from omapush.protocols.sip.header_fields import (
    contacts,
    cseq,
    expires,
    from_address,
    max_forwards,
    to_address,
    vias,
)
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.uri import SipUri
from omapush.protocols.sip.writing import encode_message

FOLDER = Path(__file__).parents[1] / "unit/protocols/sip/torture"
# Messages of RFC 4475 that are well-formed, and that the library reads.
SHARED = [
    "baddate", "badbranch", "bext01", "cparam02", "inv2543", "invut", "lwsdisp", "mpart01",
    "regaut01", "sdp01", "zeromf",
]  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_both_read_the_same_in_what_we_write(name: str) -> None:
    ours = parse_message((FOLDER / f"{name}.dat").read_bytes())
    theirs = sipmessage.Message.parse(encode_message(ours))
    if isinstance(ours, SipRequest):
        assert isinstance(theirs, sipmessage.Request)
        assert theirs.method == ours.method
        uri = SipUri.parse(ours.uri)
        assert (theirs.uri.scheme, theirs.uri.user, theirs.uri.host, theirs.uri.port) == (
            uri.scheme, uri.user_name, uri.host, uri.port,
        )  # fmt: skip
    assert theirs.body == ours.body
    assert (theirs.cseq.sequence, theirs.cseq.method) == (cseq(ours).number, cseq(ours).method)
    assert theirs.max_forwards == max_forwards(ours)
    assert theirs.expires == expires(ours)
    for their_address, address in (
        (theirs.from_address, from_address(ours)),
        (theirs.to_address, to_address(ours)),
        *zip(theirs.contact, contacts(ours), strict=True),
    ):
        assert their_address.name == (address.display_name or "")
        assert SipUri.parse(str(their_address.uri)).is_equivalent(address.sip_uri())
        assert their_address.parameters.get("tag") == address.tag
    assert [(one.transport, one.host, one.port) for one in theirs.via] == [
        (one.transport, one.host, one.port) for one in vias(ours)
    ]
    assert [one.parameters.get("branch") for one in theirs.via] == [
        one.branch for one in vias(ours)
    ]


def test_we_read_what_the_library_writes() -> None:
    theirs = sipmessage.Response(code=200, phrase="OK", body=b"x")
    theirs.via = [sipmessage.Via(transport="TCP", host="192.0.2.1", port=5060)]
    theirs.from_address = sipmessage.Address.parse('"A, B" <sip:a@b;lr>;tag=1')
    theirs.to_address = sipmessage.Address.parse("sip:c@d:5070;tag=2")
    theirs.call_id = "1@h"
    theirs.cseq = sipmessage.CSeq(5, "OPTIONS")
    ours = parse_message(bytes(theirs))
    assert isinstance(ours, SipResponse)
    assert (ours.status, ours.reason, ours.body) == (200, "OK", b"x")
    assert (from_address(ours).display_name, from_address(ours).tag) == ("A, B", "1")
    assert from_address(ours).sip_uri().lr
    assert (to_address(ours).sip_uri().port, to_address(ours).tag) == (5070, "2")
    assert (cseq(ours).number, cseq(ours).method) == (5, "OPTIONS")
    assert vias(ours)[0].transport == "TCP"
