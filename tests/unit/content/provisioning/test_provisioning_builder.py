"""Documents for the usual cases are valid and say what was asked for."""

from __future__ import annotations

from omapush.content.provisioning import builder
from omapush.content.provisioning.model import Parm, ProvisioningDocument
from omapush.content.provisioning.validation import findings, require_valid


def whole_document() -> ProvisioningDocument:
    return builder.document(
        builder.bootstrap("Example", provurl="http://prov.example/", proxy_ids=("push.example",)),
        builder.client_identity("terminal-1"),
        builder.napdef(
            "NAP1",
            "Example GPRS",
            "apn.example",
            bearers=("GSM-GPRS", "GSM-CSD"),
            internet=True,
            authentication=builder.napauthinfo("PAP", "guest", "hunter2"),
            linger=60,
        ),
        builder.pxlogical(
            "push.example",
            "Example",
            (
                builder.pxphysical(
                    "P1",
                    "192.0.2.1",
                    to_napids=("NAP1", "INTERNET"),
                    ports=(builder.port(9201), builder.port(8080, "OTA-HTTP-TO")),
                    push_enabled=True,
                ),
            ),
            push_enabled=True,
            authentication=builder.pxauthinfo("HTTP-BASIC", "terminal-1", "swordfish"),
        ),
        builder.browser("Home", "http://a.example/", to_proxies=("push.example",)),
        builder.multimedia_messaging("MMS", "http://mmsc.example/", to_napids=("NAP1",)),
        builder.access("w4-first", application_ids=("w4",), ports=(80,), to_napids=("NAP1",)),
    )


def test_document_of_all_usual_parts_is_valid_and_without_remark() -> None:
    document = whole_document()
    require_valid(document)
    assert findings(document) == []
    assert document.version == "1.1"


def test_document_needs_no_newer_version_than_its_parts() -> None:
    assert builder.document(builder.bootstrap("A")).version == "1.0"
    assert builder.document(builder.browser("A", "http://a/")).version == "1.1"
    assert builder.document(builder.bootstrap("A"), version="1.1").version == "1.1"


def test_parms_come_in_order_flags_without_value_and_lists_one_by_one() -> None:
    napdef = builder.napdef("N", "Name", "apn", bearers=("GSM-GPRS", "GSM-CSD"), internet=True)
    assert napdef.parms == (
        Parm("NAPID", "N"),
        Parm("BEARER", "GSM-GPRS"),
        Parm("BEARER", "GSM-CSD"),
        Parm("NAME", "Name"),
        Parm("INTERNET"),
        Parm("NAP-ADDRESS", "apn"),
        Parm("NAP-ADDRTYPE", "APN"),
    )
    assert napdef.values("BEARER") == ("GSM-GPRS", "GSM-CSD")
    assert (napdef.has("INTERNET"), napdef.value("INTERNET")) == (True, None)


def test_push_enabled_is_said_or_left_to_the_logical_proxy() -> None:
    def said(push_enabled: bool | None) -> str | None:
        physical = builder.pxphysical("P", "a", to_napids=("N",), push_enabled=push_enabled)
        return physical.value("PUSHENABLED")

    assert [said(True), said(False), said(None)] == ["1", "0", None]


def test_secrets_are_in_no_representation() -> None:
    shown = repr(whole_document())
    assert "hunter2" not in shown
    assert "swordfish" not in shown
    assert "guest" in shown
