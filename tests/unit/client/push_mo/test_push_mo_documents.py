"""Documents of strangers: what is good is taken, what is not is reported, nothing is fetched."""

from __future__ import annotations

import json

import pytest

from omapush.client.push_mo import documents, json_form, tnds
from omapush.client.push_mo.model import Finding, PushMO, TrustedKind, TrustedSource
from omapush.client.push_mo.node import Format, Node
from omapush.client.push_mo.node_form import node_of
from omapush.content.provisioning.documents import TEXT_MEDIA_TYPE
from omapush.core.errors import DecodeError, LimitError

XML = "application/xml"


def node(name: str, *inside: str, value: str | None = None) -> str:
    shown = "" if value is None else f"<Value>{value}</Value>"
    return f"<Node><NodeName>{name}</NodeName>{shown}{''.join(inside)}</Node>"


def document(*inside: str, head: str = "") -> bytes:
    return f"{head}<MgmtTree><VerDTD>1.2</VerDTD>{node('Push', *inside)}</MgmtTree>".encode()


def entry(name: str, addr: str, *inside: str) -> str:
    return node(name, node("Addr", value=addr), *inside)


def ppg(*entries: str) -> str:
    return node("PushWL", node("TrustedPPG", *entries))


def trusted(addr: str, kind: str | None = None) -> TrustedSource:
    return TrustedSource(TrustedKind.PPG, addr, kind)


def test_import_stores_the_others_when_one_address_is_bad() -> None:
    """MO-T8"""
    reading = documents.read(
        document(
            ppg(
                entry("one", "192.0.2.1"),
                entry("two", "192.0.2.400"),
                entry("three", "ppg.example.com", node("a", node("AppId", value="nonsense"))),
                node("four", node("AddrType", value="IPV4")),
                entry("five", "2001:db8::1", node("AddrType", value="IPV4")),
                entry("six", "192.0.2.6"),
            )
        ),
        XML,
    )
    assert reading.mo.whitelist == (trusted("192.0.2.1"), trusted("192.0.2.6"))
    found = {one.path.removeprefix("PushWL/TrustedPPG/"): one.reason for one in reading.findings}
    assert found == {
        "two/Addr": "'192.0.2.400' is no FQDN address",
        "three/a/AppId": "not an application id: 'nonsense'",
        "four/Addr": "no Addr",
        "five/Addr": "'2001:db8::1' is no IPV4 address",
    }


def test_import_of_json_and_provisioning_stores_the_others_as_well() -> None:
    """MO-T8"""
    members = {
        "push_mo": "1.1",
        "whitelist": {
            "ppg": [
                {"addr": "192.0.2.1"},
                {"addr": ""},
                {"addr": "192.0.2.3", "apps": [{"id": "4", "content_type": "text/plain"}]},
                "192.0.2.4",
                {"addr": "192.0.2.5", "apps": [{"id": "4", "content_types": ["text"]}]},
            ],
            "smsc": [{"addr": "+358501"}, {"addr": "Operator"}, {"addr": "1", "type": "ALPHA"}],
        },
        "profiles": [{"port": 70000}, {"port": True}, {"contact_point": "ppg.example.com"}],
    }
    reading = documents.read(json.dumps(members).encode(), "application/json")
    smsc = TrustedSource(TrustedKind.SMSC, "+358501")
    assert reading.mo.whitelist == (trusted("192.0.2.1"), smsc)
    assert [one.path for one in reading.findings] == [
        "whitelist.ppg[1].addr",
        "whitelist.ppg[2].apps[0].'content_type'",
        "whitelist.ppg[3]",
        "whitelist.ppg[4].apps[0].content_types[0]",
        "whitelist.smsc[1].addr",
        "whitelist.smsc[2].type",
        "profiles[0].port",
        "profiles[1].port",
    ]
    assert [one.contact_point for one in reading.mo.profiles] == ["ppg.example.com"]

    provisioning = b"""<wap-provisioningdoc>
      <characteristic type="PXLOGICAL"><parm name="PROXY-ID" value="p"/>
        <characteristic type="PXPHYSICAL"><parm name="PHYSICAL-PROXY-ID" value="a"/>
          <parm name="PXADDR" value="ppg.example.com"/><parm name="PUSHENABLED" value="1"/>
        </characteristic>
        <characteristic type="PXPHYSICAL"><parm name="PHYSICAL-PROXY-ID" value="b"/>
          <parm name="PXADDR" value="192.0.2.1"/><parm name="PUSHENABLED" value="1"/>
        </characteristic>
      </characteristic>
      <characteristic type="APPLICATION"><parm name="APPID" value="URN:oma:mo:oma-push:1.1"/>
        <parm name="TO-PROXY" value="q"/><parm name="TO-PROXY" value="p"/>
        <parm name="TO-NAPID" value="n"/>
      </characteristic>
    </wap-provisioningdoc>"""
    reading = documents.read(provisioning, TEXT_MEDIA_TYPE)
    assert reading.mo.whitelist == (trusted("192.0.2.1", "IPV4"),)
    assert {one.path for one in reading.findings} == {
        "APPLICATION/TO-PROXY[q]",
        "APPLICATION/TO-NAPID[n]",
        "PXLOGICAL[p]/PXPHYSICAL[a]/PXADDR",
    }


def test_access_point_with_an_ip_address_is_a_gateway() -> None:
    provisioning = b"""<wap-provisioningdoc>
      <characteristic type="NAPDEF"><parm name="NAPID" value="n"/>
        <parm name="NAP-ADDRESS" value="192.0.2.7"/><parm name="NAP-ADDRTYPE" value="IPV4"/>
      </characteristic>
      <characteristic type="NAPDEF"><parm name="NAPID" value="m"/>
        <parm name="NAP-ADDRESS" value="internet"/><parm name="NAP-ADDRTYPE" value="APN"/>
      </characteristic>
      <characteristic type="APPLICATION"><parm name="APPID" value="oma:mo:oma-push:1.0"/>
        <parm name="TO-NAPID" value="n"/><parm name="TO-NAPID" value="m"/>
        <parm name="TO-NAPID" value="n"/>
      </characteristic>
    </wap-provisioningdoc>"""
    reading = documents.read(provisioning, TEXT_MEDIA_TYPE)
    assert reading.mo.whitelist == (trusted("192.0.2.7", "IPV4"), trusted("internet", "APN"))
    assert reading.findings == ()


def test_unknown_nodes_are_kept_below_ext_and_reported() -> None:
    reading = documents.read(
        document(
            node("Colour", value="green"),
            node("Ext", node("Colour", value="red"), node("Acme", node("Depth", value="7"))),
            ppg(
                entry("one", "192.0.2.1", node("Grade", value="gold"), node("Ext", node("b"))),
                node("Ext", node("listed", value="x")),
            ),
        ),
        XML,
    )
    assert [(one.path, one.kept) for one in reading.findings] == [
        ("Colour", True),
        ("PushWL/TrustedPPG/one/Grade", True),
        ("PushWL/TrustedPPG/Ext/listed", True),
    ]
    [one] = reading.mo.whitelist or ()
    assert one.extensions == (Node("Grade", Format.CHR, "gold"), Node("b"))
    assert [ext.name for ext in reading.mo.extensions] == ["Colour", "x1", "Acme", "listed"]
    again = documents.read(tnds.write(node_of(reading.mo)), tnds.MEDIA_TYPE)
    assert (again.mo, again.findings) == (reading.mo, ())
    assert documents.read(json_form.write(reading.mo), "application/json").mo == reading.mo


def test_tnds_is_read_by_paths_as_by_nesting() -> None:
    nested = document(ppg(entry("one", "192.0.2.1"), entry("two", "192.0.2.2")))
    flat = b"""<?xml version="1.0"?><s:MgmtTree xmlns:s="syncml:dmddf1.2">
      <s:Node><s:NodeName>Push</s:NodeName><s:Path>./Vendor</s:Path><s:RTProperties><s:Type>
        <s:DDFName>oma:mo:oma-push:1.0</s:DDFName></s:Type></s:RTProperties></s:Node>
      <s:Node><s:NodeName>Addr</s:NodeName><s:Path>./Vendor/Push/PushWL/TrustedPPG/one</s:Path>
        <s:Value>192.0.2.1</s:Value></s:Node>
      <s:Node><s:NodeName>Addr</s:NodeName><s:Path>Vendor/Push/PushWL/TrustedPPG/two</s:Path>
        <s:Value> 192.0.2.2 </s:Value></s:Node>
    </s:MgmtTree>"""
    assert documents.read(flat, tnds.MEDIA_TYPE) == documents.read(nested, tnds.MEDIA_TYPE)


def test_whitelist_that_is_there_and_empty_differs_from_none() -> None:
    assert documents.read(document(node("PushWL")), XML).mo.whitelist == ()
    assert documents.read(document(node("Ext", node("ConnProfile"))), XML).mo.whitelist is None
    assert documents.read(b'{"push_mo": "1.1", "whitelist": {}}', "application/json").mo == PushMO(
        ()
    )
    wrong = documents.read(b'{"push_mo": "1.1", "whitelist": "none"}', "application/json")
    assert wrong.mo.whitelist == ()
    assert wrong.findings == (Finding("whitelist", "not an object"),)
    # Every entry was wrong: who wrote them did not mean to trust everybody.
    assert documents.read(document(ppg(entry("one", "!"))), XML).mo.whitelist == ()


@pytest.mark.parametrize(
    ("octets", "media_type"),
    [
        (b"", XML),
        (b"<MgmtTree/>", XML),
        (b"<MgmtTree><Node><NodeName>DevInfo</NodeName></Node></MgmtTree>", XML),
        (b"<html/>", XML),
        (b'<MgmtTree xmlns="x">', XML),
        (document(head='<!DOCTYPE x [<!ENTITY e "192.0.2.1">]>'), XML),
        (document(ppg(entry("one", "&e;"))), XML),
        (b"\xff\xfe\x00", XML),
        (b"[]", "application/json"),
        (b'{"push_mo": "2.0"}', "application/json"),
        (b"{", "application/json"),
        (b"<wap-provisioningdoc/>", "text/plain"),
        (b"<x/>", TEXT_MEDIA_TYPE),
        (b"\x03\x0b\x6a", "application/vnd.wap.connectivity-wbxml"),
    ],
)
def test_what_is_no_document_is_refused_as_a_whole(octets: bytes, media_type: str) -> None:
    with pytest.raises(DecodeError):
        documents.read(octets, media_type)


@pytest.mark.parametrize(
    ("octets", "media_type"),
    [
        (b" " * (tnds.MAX_OCTETS + 1), XML),
        (b"[" * 200_000, "application/json"),
        (b" " * (json_form.MAX_OCTETS + 1), "application/json"),
        (document(node("x") * (tnds.MAX_NODES + 1)), XML),
        (document("<Node><NodeName>x</NodeName>" * 30 + "</Node>" * 30), XML),
    ],
)
def test_document_beyond_the_bounds_is_refused(octets: bytes, media_type: str) -> None:
    with pytest.raises(LimitError):
        documents.read(octets, media_type)
