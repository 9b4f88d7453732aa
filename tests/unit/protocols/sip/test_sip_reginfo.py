"""Registration information of the reg event package is read and put together (RFC 3680)."""

from __future__ import annotations

import pytest

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.feature_tags import FeatureSet
from omapush.protocols.sip.reginfo import (
    MAX_CONTACTS,
    MAX_OCTETS,
    MAX_PARAMETERS,
    MAX_REGISTRATIONS,
    ContactEvent,
    ContactState,
    RegInfo,
    RegistrationState,
    merged,
    read_reginfo,
)

NAMESPACES = 'xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"'
PHONE = """
  <contact id="c1" state="active" event="registered" expires="600" duration-registered="9" q="0.8">
    <uri> sip:alice@127.0.0.1:5081;transport=tcp </uri>
    <display-name xml:lang="en">Alice &amp; co</display-name>
    <unknown-param name="+sip.instance">"&lt;urn:uuid:1&gt;"</unknown-param>
    <unknown-param name="+g.oma.pusheventapp">mms.ua,ulp.ua</unknown-param>
    <unknown-param name="audio"/>
    <gr:pub-gruu uri="sip:alice@push.test;gr=urn:uuid:1"/>
    <gr:temp-gruu uri="sip:x@push.test;gr" first-cseq="1"/>
    <other/>
  </contact>"""

MANY_PARAMETERS = "".join(f'<unknown-param name="p{number}"/>' for number in range(MAX_PARAMETERS))


def contact(identifier: str, state: str = "active", event: str = "registered") -> str:
    return (
        f'<contact id="{identifier}" state="{state}" event="{event}">'
        f"<uri>sip:{identifier}@h</uri></contact>"
    )


def registration(contacts: str, state: str = "active", identifier: str = "r1") -> str:
    return (
        f'<registration aor="sip:alice@push.test" id="{identifier}" state="{state}">'
        f"{contacts}</registration>"
    )


def document(inner: str, version: int = 0, state: str = "full") -> bytes:
    return (
        '<?xml version="1.0"?>\n'
        f'<reginfo {NAMESPACES} version="{version}" state="{state}">{inner}</reginfo>'
    ).encode()


def ids(info: RegInfo | None) -> list[str]:
    assert info is not None
    return [each.identifier for one in info.registrations for each in one.contacts]


def test_contact_is_read_with_tags_and_gruus() -> None:
    info = read_reginfo(document(registration(PHONE)))
    assert (info.version, info.is_full) == (0, True)
    (alice,) = info.registrations
    assert (alice.aor, alice.state) == ("sip:alice@push.test", RegistrationState.ACTIVE)
    (phone,) = alice.contacts
    assert (phone.state, phone.event) == (ContactState.ACTIVE, ContactEvent.REGISTERED)
    assert (phone.expires, phone.retry_after) == (600, None)
    assert phone.pub_gruu == "sip:alice@push.test;gr=urn:uuid:1"
    assert phone.temp_gruu == "sip:x@push.test;gr"
    features = FeatureSet.of(phone.parameters)
    assert features.values("sip.instance") == ("urn:uuid:1",)
    assert features.values("g.oma.pusheventapp") == ("mms.ua", "ulp.ua")
    assert features.values("sip.audio") == ("true",)
    assert str(phone.address) == (
        '"Alice & co" <sip:alice@127.0.0.1:5081;transport=tcp>;+sip.instance="<urn:uuid:1>"'
        ';+g.oma.pusheventapp="mms.ua,ulp.ua";audio'
    )


def test_partial_document_changes_what_it_names() -> None:
    known = merged(None, read_reginfo(document(registration(contact("a") + contact("b")), 5)))
    ended = contact("a", "terminated", "expired") + contact("c", event="created")
    news = merged(known, read_reginfo(document(registration(ended), 6, "partial")))
    assert ids(news) == ["a", "b", "c"]
    assert news is not None
    assert news.registrations[0].contacts[0].event is ContactEvent.EXPIRED
    later = merged(news, read_reginfo(document("", 7, "partial")))
    assert ids(later) == ["b", "c"]
    gone = merged(later, read_reginfo(document(registration("", "terminated"), 8, "partial")))
    assert gone is not None
    assert gone.registrations[0].state is RegistrationState.TERMINATED
    assert ids(gone) == []
    assert ids(merged(gone, read_reginfo(document("", 9, "partial")))) == []


def test_overtaken_document_changes_nothing_and_missing_one_is_noticed() -> None:
    known = merged(None, read_reginfo(document(registration(contact("a")), 5)))
    assert merged(known, read_reginfo(document("", 4))) is known
    assert merged(known, read_reginfo(document("", 7, "partial"))) is None
    assert merged(None, read_reginfo(document("", 0, "partial"))) is None
    assert ids(merged(known, read_reginfo(document(registration(contact("z")), 9)))) == ["z"]


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<reginfo",
        b'<other version="0" state="full"/>',
        b'<reginfo state="full"/>',
        b'<reginfo version="x" state="full"/>',
        b'<reginfo version="0" state="some"/>',
        b'<?xml version="1.0" encoding="ebcdic"?><reginfo version="0" state="full"/>',
        b'<!DOCTYPE r [<!ENTITY e "x">]><reginfo version="0" state="full">&e;</reginfo>',
        b'<reginfo version="0" state="full">\xff</reginfo>',
        document('<registration id="r" state="active"/>'),
        document('<registration aor="sip:a@b" id="r" state="sleeping"/>'),
        document(registration(contact("a", event="guessed"))),
        document(registration('<contact id="a" state="active" event="created"/>')),
        document(registration(PHONE.replace('expires="600"', 'expires="soon"'))),
        document(registration(PHONE.replace('name="audio"', 'name="a b"'))),
    ],
)
def test_document_of_another_form_is_refused(octets: bytes) -> None:
    with pytest.raises(BadSipMessage) as raised:
        read_reginfo(octets)
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "octets",
    [
        b" " * (MAX_OCTETS + 1),
        document(registration(contact("a") * (MAX_CONTACTS + 1))),
        document(registration("") * (MAX_REGISTRATIONS + 1)),
        document(registration(PHONE.replace("<other/>", MANY_PARAMETERS))),
    ],
)
def test_document_over_the_bounds_is_refused(octets: bytes) -> None:
    with pytest.raises(BadSipMessage) as raised:
        read_reginfo(octets)
    assert raised.value.status == 413


def test_many_partial_documents_do_not_add_up_without_end() -> None:
    known: RegInfo | None = read_reginfo(document("", 0))
    for number in range(1, MAX_CONTACTS + 1):
        known = merged(
            known, read_reginfo(document(registration(contact(f"c{number}")), number, "partial"))
        )
    assert len(ids(known)) == MAX_CONTACTS
    more = read_reginfo(document(registration(contact("x")), MAX_CONTACTS + 1, "partial"))
    with pytest.raises(BadSipMessage):
        merged(known, more)
