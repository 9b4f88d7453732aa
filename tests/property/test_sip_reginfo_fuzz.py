"""Whatever a registrar notifies is registration information or refused."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import NameAddress
from omapush.protocols.sip.reginfo import merged, read_reginfo

DOCUMENT = b"""<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full">
  <registration aor="sip:alice@push.test" id="r1" state="active">
    <contact id="c1" state="active" event="registered" expires="600">
      <uri>sip:alice@127.0.0.1:5081</uri><display-name>A</display-name>
      <unknown-param name="+g.oma.pusheventapp">"mms.ua,ulp.ua"</unknown-param>
    </contact>
    <contact id="c2" state="terminated" event="expired" retry-after="5"><uri>sip:b@h</uri></contact>
  </registration>
</reginfo>"""


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_document_is_read_or_refused(data: st.DataObject) -> None:
    octets = DOCUMENT
    for _ in range(data.draw(st.integers(1, 3))):
        at, gone = data.draw(st.integers(0, len(octets))), data.draw(st.integers(0, 9))
        octets = octets[:at] + data.draw(st.binary(max_size=3)) + octets[at + gone :]
    try:
        info = read_reginfo(octets)
    except BadSipMessage:
        return
    assert merged(None, info) == (info if info.is_full else None)
    for contact in (each for one in info.registrations for each in one.contacts):
        assert isinstance(contact.address, NameAddress)
        assert len(contact.parameters.items) <= 3


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80))
def test_any_octets_are_registration_information_or_refused(octets: bytes) -> None:
    try:
        read_reginfo(octets)
    except BadSipMessage as error:
        refused = error
    else:
        return
    assert refused.status == 400
