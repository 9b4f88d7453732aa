"""Documents whose octets other implementations made, or specifications print."""

from __future__ import annotations

import pytest

from omapush.content import uaprof
from omapush.protocols import wbxml
from omapush.protocols.wbxml.tables import (
    CO,
    DRM_REL,
    EMN,
    PROV,
    SI,
    SL,
    UAPROF,
    WML_1_2,
    WML_1_3,
)
from omapush.protocols.wbxml.tokens import TokenTable, WhiteSpace, consecutive
from omapush.protocols.wbxml.xml_reading import read_with

PUBLISHED_SI = (
    '<si><indication href="http://www.xyz.com/email/123/abc.wml" created="1999-06-25T15:23:15Z"'
    ' si-expires="1999-06-30T00:00:00Z">You have 4 new e-mails</indication></si>'
)
WRITTEN = {
    "SI, published": (
        SI,
        "02056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3071999062515231510c304"
        "199906300103596f7520686176652034206e657720652d6d61696c73000101",
        PUBLISHED_SI,
    ),
    "SI, delete": (
        SI,
        "02056a004586110331323340736969642e6578616d706c652e6f726700090101",
        '<si><indication si-id="123@siid.example.org" action="delete"/></si>',
    ),
    "SI, a value token inside the host": (
        SI,
        "02056a0045c60f0373686f702e6578616d706c65008703780011036131000ac30520111122120801035361"
        "6c652026206d6f726520c3a9000101",
        '<si><indication href="https://www.shop.example.net/x" si-id="a1"'
        ' created="2011-11-22T12:00:00Z" action="signal-high">Sale &amp; more é</indication></si>',
    ),
    "SI with info": (
        SI,
        "02056a0045c60c037761702e6578616d706c650088036e0005010374000147c81203766e642e780001033432"
        "00010101",
        '<si><indication href="http://wap.example.org/n" action="signal-none">t</indication>'
        '<info><item class="vnd.x">42</item></info></si>',
    ),
    "SL, published": (
        SL,
        "02066a00850a0378797a00850370706169642f3132332f6162632e776d6c0001",
        '<sl href="http://www.xyz.com/ppaid/123/abc.wml"/>',
    ),
    "SL, cache": (
        SL,
        "02066a00850b036578616d706c6500850361000701",
        '<sl href="https://example.com/a" action="cache"/>',
    ),
    "CO, published": (
        CO,
        "02076a0045860503666f6f2e776d6c00018705032f626172000101",
        '<co><invalidate-object uri="foo.wml"/><invalidate-service uri="/bar"/></co>',
    ),
    "CO, absolute": (
        CO,
        "02076a004587070378797a0085036d61696c2f000101",
        '<co><invalidate-service uri="http://www.xyz.com/mail/"/></co>',
    ),
    "provisioning 1.1": (
        PROV,
        "030b6a00c54503312e310001c6000155018736000006037732000187070603486f6d650001872206034e3100"
        "01c600015901873a00000603687474703a2f2f612e6578616d706c652f0001010101",
        '<wap-provisioningdoc version="1.1"><characteristic type="APPLICATION">'
        '<parm name="APPID" value="w2"/><parm name="NAME" value="Home"/>'
        '<parm name="TO-NAPID" value="N1"/><characteristic type="RESOURCE">'
        '<parm name="URI" value="http://a.example/"/></characteristic></characteristic>'
        "</wap-provisioningdoc>",
    ),
    "provisioning 1.0": (
        PROV,
        "030b6a00c54601c65601870706034578616d706c65000101c65501871106034e310001871006ab0187070603"
        "457800018708060361706e2e6578616d706c65000187090689010101",
        '<wap-provisioningdoc version="1.0"><characteristic type="BOOTSTRAP">'
        '<parm name="NAME" value="Example"/></characteristic><characteristic type="NAPDEF">'
        '<parm name="NAPID" value="N1"/><parm name="BEARER" value="GSM-GPRS"/>'
        '<parm name="NAME" value="Ex"/><parm name="NAP-ADDRESS" value="apn.example"/>'
        '<parm name="NAP-ADDRTYPE" value="APN"/></characteristic></wap-provisioningdoc>',
    ),
    "WML with a variable as a token": (
        WML_1_3,
        "030a6a007fe755036100360354000160034869200042780026dc4ba10378797a00850103676f0001010101",
        '<wml><card id="a" title="T"><p>Hi $(x)<br/><a href="http://www.xyz.com/">go</a></p>'
        "</card></wml>",
    ),
    "Profile-Diff": (
        UAPROF,
        "03016a0045c6050344000100034bc505035000018a00010b0152033130303030000151474903"
        "2a0001010101010101",
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:prf="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#">'
        '<rdf:Description ID="D"><prf:component><rdf:Description ID="P"><rdf:type'
        ' rdf:resource="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#'
        'PushCharacteristics"/><prf:Push-MsgSize>10000</prf:Push-MsgSize><prf:Push-Accept-AppID>'
        "<rdf:Bag><rdf:li>*</rdf:li></rdf:Bag></prf:Push-Accept-AppID></rdf:Description>"
        "</prf:component></rdf:Description></rdf:RDF>",
    ),
}
READ = {
    "EMN, mailat": (
        EMN,
        "030d6a008507037573657240776170666f72756d008805c30620020416064001",
        '<emn mailbox="mailat:user@wapforum.org" timestamp="2002-04-16T06:40:00Z"/>',
    ),
    "EMN, imap": (
        EMN,
        "030d6a008509036a6f6540696d61702e6578616d706c650085032f696e626f780005c305201111221201",
        '<emn mailbox="imap://joe@imap.example.com/inbox" timestamp="2011-11-22T12:00:00Z"/>',
    ),
    "WML with a reference left in a string": (
        WML_1_3,
        "030a6a007fe75503610036035400016003486920242878290026dc4ba10378797a00850103676f0001010101",
        '<wml><card id="a" title="T"><p>Hi $(x)<br/><a href="http://www.xyz.com/">go</a></p>'
        "</card></wml>",
    ),
    "WML with a string table": (
        WML_1_2,
        "02096a04580059007fe7550361626300330160e83801ab4b0378797a008803730001010320583a2000820026"
        "0320593a20008202260320456e746572206e616d653a2000af4821034e0001010101",
        '<wml><card id="abc" ordered="true"><p><do type="accept"><go href="http://xyz.org/s"/>'
        '</do> X: $(X)<br/> Y: $(Y)<br/> Enter name: <input type="text" name="N"/></p></card>'
        "</wml>",
    ),
}
ENTITIES = TokenTable(
    title="first example of WBXML",
    root="XYZ",
    tags={0: consecutive(5, "BR CARD XYZ")},
    white_space=WhiteSpace.KEEP,
)
STRINGS = TokenTable(
    title="second example of WBXML",
    root="XYZ",
    tags={0: consecutive(5, "CARD INPUT XYZ DO")},
    starts={0: consecutive(5, "STYLE=LIST TYPE TYPE=TEXT URL=http:// NAME KEY")},
    values={0: {0x85: ".org", 0x86: "ACCEPT"}},
    fragments=frozenset({".org"}),
)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_writer_gives_the_octets_of_the_vector(name: str) -> None:
    table, octets, text = WRITTEN[name]
    document = read_with(table, text)
    assert wbxml.encode(document, table).hex() == octets


@pytest.mark.parametrize("name", WRITTEN | READ)
def test_the_reader_gives_the_text_of_the_vector(name: str) -> None:
    table, octets, text = (WRITTEN | READ)[name]
    written = wbxml.write_xml(wbxml.decode(bytes.fromhex(octets), table), table).decode()
    assert written.splitlines()[-1] == text


@pytest.mark.parametrize("name", WRITTEN | READ)
def test_what_was_read_and_written_again_reads_the_same(name: str) -> None:
    table, octets, _ = (WRITTEN | READ)[name]
    document = wbxml.decode(bytes.fromhex(octets), table)
    assert wbxml.decode(wbxml.encode(document, table), table) == document


def test_email_notification_writer_leaves_out_value_tokens_that_decoders_read_differently() -> None:
    table, octets, text = READ["EMN, mailat"]
    assert wbxml.encode(read_with(table, text), table).hex() == octets.replace(
        "037573657240776170666f72756d0088", "037573657240776170666f72756d2e6f726700"
    )


def test_entities_of_a_narrow_character_set_are_written_and_read() -> None:
    octets = "03010300474603205820262059000503205800028120033d00028120033120000101"
    document = wbxml.decode(bytes.fromhex(octets), ENTITIES)
    card = next(document.root.elements("CARD"))
    assert card.children == (" X & Y", wbxml.Element("BR"), " X\xa0=\xa01 ")
    assert wbxml.encode(document, ENTITIES).hex() == octets


def test_string_table_references_are_read() -> None:
    vector = bytes.fromhex(
        "03016a126162630020456e746572206e616d653a200047c50983000501880686080378797a0085032f730001"
        "830486070a034e00010101"
    )
    root = wbxml.decode(vector, STRINGS).root
    card = next(root.elements("CARD"))
    assert card.attributes == {"NAME": "abc", "STYLE": "LIST"}
    do = wbxml.Element("DO", {"TYPE": "ACCEPT", "URL": "http://xyz.org/s"})
    field = wbxml.Element("INPUT", {"TYPE": "TEXT", "KEY": "N"})
    assert card.children == (do, " Enter name: ", field)


def test_profile_diff_says_what_the_device_takes() -> None:
    text = wbxml.decode_xml(bytes.fromhex(WRITTEN["Profile-Diff"][1]), "application/vnd.wap.uaprof")
    push = uaprof.push_characteristics(uaprof.read_profile(text))
    assert push.msg_size == 10_000
    assert push.accept_app_id == ("*",)


def test_drm_rights_keep_their_namespaces_and_key() -> None:
    text = (
        '<o-ex:rights xmlns:o-ex="http://odrl.net/1.1/ODRL-EX"'
        ' xmlns:o-dd="http://odrl.net/1.1/ODRL-DD"'
        ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#/"><o-ex:context><o-dd:version>1.0'
        "</o-dd:version></o-ex:context><o-ex:agreement><o-ex:asset><ds:KeyInfo><ds:KeyValue>"
        "vUEwR8LzEJoeiC+dgT1mgg==</ds:KeyValue></ds:KeyInfo></o-ex:asset></o-ex:agreement>"
        "</o-ex:rights>"
    )
    octets = wbxml.encode(read_with(DRM_REL, text), DRM_REL)
    assert bytes.fromhex("c310bd413047c2f3109a1e882f9d813d6682") in octets
    again = wbxml.write_xml(wbxml.decode(octets)).decode()
    assert again.splitlines()[-1] == text
