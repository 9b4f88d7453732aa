"""What the page about the Push MO says happens: its documents, its tree, its statuses."""

from __future__ import annotations

import re
from pathlib import Path

from omapush.client.push_mo import documents
from omapush.client.push_mo.model import (
    DefaultProfile,
    TrustedApplication,
    TrustedKind,
    TrustedSource,
)
from omapush.client.push_mo.node_form import PROFILE_FIELDS
from omapush.client.push_mo.schema import SCHEMA, Rule
from omapush.client.push_mo.tree import Add, Get, ManagementTree, Status
from omapush.client.trust.source_addresses import KINDS
from omapush.content.provisioning.documents import read_text, write_wbxml

PAGE = (Path(__file__).parents[3] / "docs" / "push-mo.md").read_text("utf-8")
TNDS, PROVISIONING = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
[JSON] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)

PPG = TrustedSource(TrustedKind.PPG, "192.0.2.10", "IPV4")
SMSC = TrustedSource(TrustedKind.SMSC, "+358501234567")
RESTRICTED = TrustedSource(
    TrustedKind.PPG,
    "192.0.2.10",
    "IPV4",
    (TrustedApplication("x-wap-application:mms.ua", ("application/vnd.wap.mms-message",)),),
)


def test_page_shows_one_whitelist_in_three_forms() -> None:
    """MO-T1"""
    tnds = documents.read(TNDS.encode(), "application/vnd.syncml.dmtnds+xml")
    json = documents.read(JSON.encode(), "application/json; charset=utf-8")
    provisioning = documents.read(PROVISIONING.encode(), "text/vnd.wap.connectivity-xml")
    assert tnds.mo.whitelist == json.mo.whitelist == (RESTRICTED, SMSC)
    # Client provisioning cannot restrict an entry to applications.
    assert provisioning.mo.whitelist == (PPG, SMSC)
    assert tnds.findings + json.findings + provisioning.findings == ()
    octets = write_wbxml(read_text(PROVISIONING.encode()))
    binary = documents.read(octets, "application/vnd.wap.connectivity-wbxml")
    assert binary == provisioning


def test_page_shows_a_connection_profile() -> None:
    [profile] = documents.read(JSON.encode(), "application/json").mo.profiles
    assert profile == DefaultProfile(
        protocol="OTA-HTTP",
        bearer_type="GPRS",
        contact_point="ppg.example.com",
        port=4035,
        method="TO-TCP",
        priority=1,
        enable=True,
    )


def test_page_names_every_node_kind_and_status() -> None:
    def names(rule: Rule) -> set[str]:
        below = (names(child) for child in rule.children)
        return {rule.name or "<X>"}.union(*below)

    [drawn] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert {name for name in names(SCHEMA) if name not in drawn} == set()
    assert set(PROFILE_FIELDS) <= names(SCHEMA)
    assert [kind for kind in KINDS - {"SMSC"} if f"`{kind}`" not in PAGE] == []
    assert [status for status in Status if str(int(status)) not in PAGE] == []


def test_page_shows_how_a_dm_client_drives_the_tree() -> None:
    tree = ManagementTree()
    assert "await trust.perform(Add(" in PAGE
    added = tree.perform(Add("./Push/PushWL/TrustedPPG/gateway/Addr", "192.0.2.10"))
    assert added.status == 200
    assert tree.perform(Get("./Push/PushWL/TrustedPPG")).items[0].value == "gateway"
