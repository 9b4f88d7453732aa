"""``omapush client whitelist``, ``mo`` and ``quarantine``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omapush.ota.interface import PushStatus

ADDR = "./Push/PushWL/TrustedPPG/gw/Addr"


def test_list_says_what_follows_from_it(running: Any) -> None:
    assert running.omapush("whitelist").stdout == "no list is in force: everybody may push\n"
    added = running.omapush("whitelist", "add", "192.0.2.0/24")
    assert added.stdout == "192.0.2.0/24 is on the list: entry 1 of user\n"
    running.omapush(
        "whitelist", "add", "ppg.example.com", "--type", "fqdn",
        "-a", "x-wap-application:mms.ua", "--content-type", "text/*",
    )  # fmt: skip
    running.omapush("whitelist", "add", "+358401", "--type", "SMSC", "--json")
    lines = [line.split() for line in running.omapush("whitelist").stdout.splitlines()]
    assert lines[1] == ["user", "1", "192.0.2.0/24", "any"]
    assert lines[2] == [
        "user", "2", "ppg.example.com", "FQDN", "x-wap-application:mms.ua", "text/*",
    ]  # fmt: skip
    assert lines[3] == ["user", "3", "+358401", "SMSC", "any"]
    assert " ".join(lines[-1]) == "a list is in force: whoever is not on it may not push"
    removed = running.omapush("whitelist", "remove", "2")
    assert removed.stdout == "entry 2 of user is removed\n"
    listed = json.loads(running.omapush("whitelist", "--json").stdout)
    assert [one["number"] for one in listed["entries"]] == [1, 3]


def test_empty_list_in_force_lets_nobody_push(running: Any) -> None:
    running.omapush("mo", "add", "./Push/PushWL")
    told = running.omapush("whitelist").stdout
    assert told == "a list is in force and is empty: nobody may push\n"
    assert running.push().status is PushStatus.USERRFS


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("add",), 2, "needs an address"),
        (("list", "192.0.2.1"), 2, "takes no entry"),
        (("remove",), 2, "needs the number"),
        (("remove", "x"), 2, "needs the number"),
        (("remove", "9"), 1, "no such entry"),
        (("--type", "IPV4"), 2, "are for add"),
        (("--origin", "mo"), 2, "is for add and remove"),
        (("add", "192.0.2.1", "--origin", "config"), 1, "changed in their file"),
        (("add", "192.0.2.1", "--origin", "moon"), 2, "config"),
        (("add", "no such thing!"), 1, "is no FQDN address"),
    ],
)
def test_wrong_entry_is_told_and_changes_nothing(
    running: Any, arguments: tuple[str, ...], status: int, reason: str
) -> None:
    result = running.omapush("whitelist", *arguments)
    assert result.exit_code == status
    assert reason in result.stderr
    assert json.loads(running.omapush("whitelist", "--json").stdout)["entries"] == []


# ---- Push MO ------------------------------------------------------------------------------------


def test_object_is_changed_node_by_node(running: Any) -> None:
    assert running.omapush("mo", "add", ADDR, "192.0.2.1").stdout == "status 200 (ok)\n"
    assert running.omapush("mo", "get", ADDR).stdout == (
        f"{ADDR} (chr text/plain) = 192.0.2.1\nstatus 200 (ok)\n"
    )
    assert running.omapush("mo", "replace", ADDR, "192.0.2.2").exit_code == 0
    listed = running.omapush("mo", "list", "./Push/PushWL").stdout.splitlines()
    assert listed[0] == "./Push/PushWL (node)"
    assert listed[-2:] == [f"{ADDR} (chr text/plain) = 192.0.2.2", "status 200 (ok)"]
    assert running.omapush("mo", "delete", "./Push/PushWL/TrustedPPG/gw").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("get", "./Push/Nothing"), "status 404 (not found): there is no such node\n"),
        (("add", ADDR, "192.0.2.9"), "status 418 (already exists): the node is there already\n"),
        (
            ("replace", "./Push/PushWL", "x"),
            "status 405 (not allowed): an interior node has no value\n",
        ),
    ],
)
def test_status_is_shown_by_number_and_name(
    running: Any, arguments: tuple[str, ...], told: str
) -> None:
    running.omapush("mo", "add", ADDR, "192.0.2.1")
    result = running.omapush("mo", *arguments)
    assert (result.exit_code, result.stderr) == (1, told)
    as_json = running.omapush("mo", *arguments, "--json")
    assert (as_json.exit_code, as_json.stderr) == (1, "")
    assert str(json.loads(as_json.stdout)["status"]) in told


def test_import_reports_by_path_and_reason(running: Any, tmp_path: Any) -> None:
    document = tmp_path / "mo.json"
    entries = [{"addr": "192.0.2.1"}, {"addr": "!!"}]
    whitelist = {"push_mo": "1.1", "whitelist": {"ppg": entries}, "colour": 1}
    document.write_text(json.dumps(whitelist))
    assert running.omapush("mo", "import", document).stdout.splitlines() == [
        "taken for mo: 1 entries of the whitelist, 0 connection profiles",
        "  whitelist.ppg[1].addr: '!!' is no FQDN address (does not count)",
        "  colour: not known (kept, but not understood)",
    ]


def test_exported_object_is_imported_again(running: Any, tmp_path: Any) -> None:
    running.omapush("mo", "add", ADDR, "192.0.2.1")
    for form in ("tnds", "json"):
        exported = tmp_path / form
        exported.write_bytes(running.omapush("mo", "export", "--form", form).stdout_bytes)
        running.omapush("mo", "delete", "./Push/PushWL")
        report = json.loads(running.omapush("mo", "import", exported, "--json").stdout)
        assert (report["entries"], report["findings"]) == (1, [])
    assert running.omapush("mo", "export", "--form", "ddf").stdout.startswith("<?xml")


def test_provisioning_is_told_from_tnds(running: Any, tmp_path: Any) -> None:
    document = tmp_path / "cp.xml"
    document.write_text(
        '<?xml version="1.0"?><wap-provisioningdoc><characteristic type="PXLOGICAL">'
        '<parm name="PROXY-ID" value="p"/><parm name="PUSHENABLED" value="1"/>'
        '<characteristic type="PXPHYSICAL"><parm name="PHYSICAL-PROXY-ID" value="1"/>'
        '<parm name="PXADDR" value="192.0.2.7"/><parm name="PXADDRTYPE" value="IPV4"/>'
        "</characteristic></characteristic></wap-provisioningdoc>"
    )
    report = json.loads(running.omapush("mo", "import", document, "--json").stdout)
    assert report["origin"] == "cp"


@pytest.mark.parametrize(
    ("octets", "arguments", "status", "reason"),
    [
        (b"\xff", (), 1, "--type says what it is"),
        (b"{", (), 1, "not JSON"),
        (b"<a/>", ("--type", "image/png"), 1, "'image/png' is none of"),
        (None, (), 2, "No such file"),
    ],
)
def test_document_that_is_none_is_told(
    running: Any,
    tmp_path: Any,
    octets: bytes | None,
    arguments: tuple[str, ...],
    status: int,
    reason: str,
) -> None:
    document = tmp_path / "document"
    if octets is not None:
        document.write_bytes(octets)
    result = running.omapush("mo", "import", document, *arguments)
    assert result.exit_code == status
    assert reason in result.stderr


# ---- quarantine ---------------------------------------------------------------------------------


def test_refused_push_is_listed_with_its_reason_shown_and_forgotten(running: Any) -> None:
    assert running.omapush("quarantine").stdout == "no push was refused\n"
    running.push(body=b"secret \x9b2J", content_type="text/\x1b[2J")
    running.push("x-evil:\x9b2J", body=b"x" * 1_000, push_id="7")
    title, newest, oldest, *_ = running.omapush("quarantine").stdout.splitlines()
    assert title.split()[:2] == ["no.", "refused"]
    assert newest.split()[0] == "2"
    assert "no application is registered" in oldest
    assert oldest.split()[-1] == "236"
    assert not {"\x9b", "\x1b"} & set(running.omapush("quarantine").stdout)
    shown = running.omapush("quarantine", "show", "2").stdout.splitlines()
    assert shown[0] == "refused push 2"
    assert "  push-id: 7" in shown
    assert "  content: 1000 octets, of which 256 are kept" in shown
    other = running.omapush("quarantine", "show", "1").stdout
    assert not {"\x9b", "\x1b"} & set(other)
    number = json.loads(running.omapush("quarantine", "show", "1", "--json").stdout)["number"]
    assert number == 1
    assert running.omapush("quarantine", "clear").stdout == "the quarantine is empty now\n"
    assert running.omapush("quarantine", "--json").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "status"), [(("show",), 2), (("list", "1"), 2), (("show", "9"), 1), (("x",), 2)]
)
def test_what_is_not_in_the_quarantine_is_told(
    running: Any, arguments: tuple[str, ...], status: int
) -> None:
    assert running.omapush("quarantine", *arguments).exit_code == status


def test_log_tells_who_pushed_what_and_why_it_was_refused_but_not_the_content(running: Any) -> None:
    running.omapush("whitelist", "add", "198.51.100.1")
    running.push(body=b"secret", headers=(("X-Token", "secret"),), push_id="7")
    [refused] = [one for one in running.logs if one["event"] == "push_refused"]
    assert refused == {
        "event": "push_refused",
        "log_level": "info",
        "push_id": "7",
        "application": "x-wap-application:wml.ua",
        "content_type": "text/plain",
        "octets": 6,
        "source": "192.0.2.10",
        "protocol": "OTA-HTTP",
        "bearer": "TCP/IP",
        "status": 235,
        "reason": "the source is not on the whitelist",
    }
