"""The tree as a DM client sees it: commands in, statuses out."""

from __future__ import annotations

import pytest

from omapush.client.push_mo import ddf, tnds
from omapush.client.push_mo.model import TrustedKind
from omapush.client.push_mo.node_form import model_of
from omapush.client.push_mo.schema import OBJECT_ID
from omapush.client.push_mo.tree import (
    Add,
    Command,
    Delete,
    Exec,
    Get,
    ManagementTree,
    Replace,
    Status,
    TreeLimits,
    readable,
)

ENTRY = "./Push/PushWL/TrustedPPG/p1"
PROFILE = "./Push/Ext/ConnProfile/c1"


@pytest.fixture
def tree() -> ManagementTree:
    tree = ManagementTree()
    assert tree.add(f"{ENTRY}/Addr", "192.0.2.10").is_done
    assert tree.add(f"{ENTRY}/AddrType", "IPV4").is_done
    return tree


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (Add(f"{ENTRY}/Addr", "192.0.2.11"), 418),
        (Add("./Push", None), 418),
        (Get("./Push/PushWL/TrustedPPG/p2"), 404),
        (Get("./DevInfo"), 404),
        (Replace("./Push/PushWL", "x"), 405),
        (Replace(f"{ENTRY}/Addr", "192.0.2.11"), 200),
        (Delete(ENTRY), 200),
        (Exec(ENTRY), 405),
        (Exec(f"{ENTRY}/x"), 404),
    ],
)
def test_tree_answers_command_with_status_of_oma_dm(
    tree: ManagementTree, command: Add | Get | Replace | Delete | Exec, status: int
) -> None:
    """MO-T6"""
    before = tree.root
    result = tree.perform(command)
    assert result.status == status
    assert (tree.root is before) is (status != 200)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (Add(f"{ENTRY}/Colour", "green"), 415),  # where an application is
        (Add("./Push/Colour", "green"), 405),
        (Add(f"{ENTRY}/Addr/deeper", "x"), 405),
        (Add(f"{ENTRY}/Ext/Colour", "green"), 200),
        (Add("./Push/Ext/Acme/Depth", "7", "int"), 200),
        (Add("./Push/Ext/Acme/Depth", "seven", "int"), 415),
        (Add("./Push/Ext/Acme", None, "node"), 200),
        (Add("./Push/Ext/a b", "x"), 400),
        (Add("./Push/Ext/..", "x"), 400),
        (Add("./Push/Ext/x", "x", "colour"), 415),
        (Add("./Push/PushWL?list=TNDS"), 400),
        (Add("./Push/PushWL/TrustedSMSC/s1/Addr", "ppg.example.com"), 415),
        (Add("./Push/PushWL/TrustedSMSC/s1/Addr", "+358501"), 200),
        (Add(f"{ENTRY}/a1/AppId", "no id"), 415),
        (Add(f"{ENTRY}/a1/c1/ContentType", "text"), 415),
        (Add(f"{PROFILE}/Port", "65536"), 415),
        (Add(f"{PROFILE}/Port", "4035", "int"), 200),
        (Add(f"{PROFILE}/Port", "4035", "chr"), 200),
        (Add(f"{PROFILE}/Port", "4035", "bool"), 415),
        (Add(f"{PROFILE}/Port"), 415),
        (Add(f"{PROFILE}/Secure", "yes"), 415),
        (Add(f"{PROFILE}/AuthName", "a\x00b"), 415),
        (Add(PROFILE, "x"), 415),
        (Replace(f"{ENTRY}/AddrType", "IMSI"), 415),
        (Replace(f"{ENTRY}/AddrType", "ipv6"), 200),
        (Replace(f"{ENTRY}/AddrType", "1", "int"), 415),
        (Delete("./Push"), 405),
        (Delete(f"{ENTRY}/Addr"), 405),
        (Delete("./Push/PushWL"), 200),
        (Get("./Push/PushWL?list=Everything"), 406),
        (Get("./Push?prop=ACL"), 406),
        (Get(f"./Push/{'x' * 1100}"), 414),
    ],
)
def test_tree_lets_pass_what_the_object_can_be(
    tree: ManagementTree, command: Add | Get | Replace | Delete, status: int
) -> None:
    result = tree.perform(command)
    assert result.status == status
    assert bool(result.detail) is (status != 200)


def test_tree_tells_interior_node_as_names_of_its_children(tree: ManagementTree) -> None:
    [item] = tree.get(ENTRY).items
    assert (item.value, item.format) == ("Addr/AddrType", "node")
    [root] = tree.get("Push").items
    assert (root.uri, root.type, root.value) == ("./Push", OBJECT_ID, "PushWL")
    [kind] = tree.get("./Push?prop=Type").items
    assert kind.value == OBJECT_ID
    [leaf] = tree.get(f"{ENTRY}/Addr").items
    assert (leaf.value, leaf.format, leaf.type) == ("192.0.2.10", "chr", "text/plain")


def test_tree_lists_structure_data_and_document(tree: ManagementTree) -> None:
    struct = tree.get("./Push/PushWL?list=Struct")
    assert [(one.uri.removeprefix("./Push/"), one.value) for one in struct.items] == [
        ("PushWL", ""),
        ("PushWL/TrustedPPG", ""),
        ("PushWL/TrustedPPG/p1", ""),
        ("PushWL/TrustedPPG/p1/Addr", ""),
        ("PushWL/TrustedPPG/p1/AddrType", ""),
    ]
    data = tree.get(f"{ENTRY}?list=StructData")
    assert [one.value for one in data.items] == ["", "192.0.2.10", "IPV4"]
    document = tree.get("./Push?list=TNDS").document
    assert tnds.read(document) == tree.root


def test_secret_is_set_and_never_told(tree: ManagementTree) -> None:
    """MO-T7"""
    assert tree.add(f"{PROFILE}/AuthName", "client").is_done
    assert tree.add(f"{PROFILE}/AuthSecret", "grapefruit").is_done
    for query in ("", "?list=Struct", "?list=StructData", "?list=TNDS", "?prop=Name"):
        assert tree.get(f"{PROFILE}/AuthSecret{query}").status == 405
    assert tree.get(PROFILE).items[0].value == "AuthName"
    for query in ("?list=Struct", "?list=StructData", "?list=TNDS"):
        result = tree.get(f"./Push{query}")
        assert result.is_done
        assert "AuthSecret" not in repr(result)
        assert b"grapefruit" not in result.document
    assert tree.replace(f"{PROFILE}/AuthSecret", "pomelo").is_done
    [profile] = model_of(tree.root).mo.profiles
    assert profile.auth_secret == "pomelo"
    assert "pomelo" not in repr((profile, tree.root, Add("./Push", "pomelo")))
    assert b"pomelo" not in tnds.write(readable(tree.root))


def test_subtree_is_added_at_once_or_not_at_all(tree: ManagementTree) -> None:
    document = b"""<MgmtTree><Node><NodeName>any</NodeName>
      <Node><NodeName>Addr</NodeName><Value>ppg.example.com</Value></Node>
      <Node><NodeName>a1</NodeName>
        <Node><NodeName>AppId</NodeName><Value>%s</Value></Node></Node>
    </Node></MgmtTree>"""
    where = "./Push/PushWL/TrustedPPG/p2"
    before = tree.root
    wrong = tree.add(where, subtree=document % b"mms")
    assert (wrong.status, tree.root) == (415, before)
    assert "a1/AppId" in wrong.detail
    assert tree.add(where, subtree=b"<x/>").status == 415
    assert tree.add(where, subtree=document % b"4").is_done
    assert tree.get(f"{where}/a1/AppId").items[0].value == "4"
    whitelist = model_of(tree.root).mo.whitelist
    assert whitelist is not None
    assert [one.addr for one in whitelist] == ["192.0.2.10", "ppg.example.com"]


def test_atomic_commands_are_done_together_or_not_at_all(tree: ManagementTree) -> None:
    before = tree.root
    commands: list[Command] = [
        Add("./Push/PushWL/TrustedSMSC/s1/Addr", "+358501"),
        Delete("./Push/PushWL/TrustedPPG/p9"),
        Delete(ENTRY),
    ]
    status, results = tree.atomic(commands)
    assert status is Status.ATOMIC_FAILED
    assert [one.status for one in results] == [216, 404, 215]
    assert tree.root is before
    status, results = tree.atomic(commands[::2])
    assert (status, [one.status for one in results]) == (200, [200, 200])
    assert tree.root is not before
    again = tree.sequence(commands)
    assert [one.status for one in again] == [418, 404, 404]


def test_tree_that_is_full_takes_nothing_more() -> None:
    small = ManagementTree(limits=TreeLimits(nodes=4, depth=4, octets=64))
    assert small.add("./Push/Ext/a/b/c/d", "x").status == 420
    assert small.add("./Push/Ext/a/b", "x" * 64).status == 420
    assert small.add("./Push/Ext/a/b", "x").is_done
    assert small.add("./Push/Ext/c", "x").status == 420
    assert small.delete("./Push/Ext/a").is_done
    assert small.add("./Push/Ext/c", "x").is_done


def test_entry_counts_only_when_the_server_has_completed_it(tree: ManagementTree) -> None:
    tree.add("./Push/PushWL/TrustedPPG/p2")
    tree.add(f"{ENTRY}/a1")
    reading = model_of(tree.root, document=False)
    assert reading.mo.whitelist == ()
    assert [one.path for one in reading.findings] == [
        "PushWL/TrustedPPG/p1/a1",
        "PushWL/TrustedPPG/p2/Addr",
    ]
    tree.add(f"{ENTRY}/a1/AppId", "x-wap-application:wml.ua")
    [entry] = model_of(tree.root, document=False).mo.whitelist or ()
    assert (entry.kind, entry.applications[0].application_id) == (
        TrustedKind.PPG,
        "x-wap-application:wml.ua",
    )


def test_description_has_every_node_of_the_object() -> None:
    document = ddf.document().decode()
    for name in ("PushWL", "TrustedSMSC", "ContentType", "AuthSecret", "RegistrationURI"):
        assert f"<NodeName>{name}</NodeName>" in document
    assert f"<DDFName>{OBJECT_ID}</DDFName>" in document
    secret = document.partition("AuthSecret")[2].partition("</AccessType>")[0]
    assert "<Get/>" not in secret
