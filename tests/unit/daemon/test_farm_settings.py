"""Groups of simulated clients from a file, where they are, and what a gateway gets of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from omapush.client.farm.clients import Farm, FarmError, Group
from omapush.client.farm.script import parse_script, seeded_chance
from omapush.daemon.farm_settings import FarmPlan, SipPlan, clients_tables, load_groups, spread
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import Endpoint, SettingsError
from omapush.ota.interface import ClientCapabilities
from omapush.ppg.contacts import HttpContact, SipContact, UdpContact

FIRST = Endpoint("127.1.0.1", 4035)


def group(count: int, pattern: str = "farm-###") -> Group:
    return Group(count, pattern, parse_script("accept"), ClientCapabilities())


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "groups.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_groups_are_read_with_their_defaults(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [[groups]]
        count = 900
        id = "meter-####"

        [[groups]]
        count = 100
        id = "phone-###"
        behaviour = "accept:90% refuse(busy):10%"
        application_ids = ["x-wap-application:mms.ua", "7FFF"]
        types = ["application/vnd.wap.mms-message"]
        max_message_size = 1400
        max_push_requests = 4
        """,
    )
    meters, phones = load_groups(path)
    assert (meters.count, meters.pattern, phones.count) == (900, "meter-####", 100)
    assert meters.script == parse_script("accept")
    assert (meters.capabilities.accept, meters.capabilities.accept_app_id) == (("*/*",), ("*",))
    assert phones.script == parse_script("accept:90% refuse(busy):10%")
    assert phones.capabilities == ClientCapabilities(
        accept=("application/vnd.wap.mms-message",),
        accept_encoding=("identity", "deflate"),
        accept_app_id=("x-wap-application:mms.ua", "7FFF"),
        max_message_size=1400,
        max_push_requests=4,
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "groups: Field required"),
        ("[[groups]]\nid = 'a'", "groups[0].count"),
        ("[[groups]]\ncount = 0", "groups[0].count"),
        ("[[groups]]\ncount = 1\nbehavior = 'accept'", "did you mean 'behaviour'"),
        ("[[groups]]\ncount = 1\nbehaviour = 'accept:9%'", "the shares make 9 %"),
        ("[[groups]]\ncount = 1\nbehaviour = 'take'", "character 1"),
        ("[[groups]]\ncount = 1\napplication_ids = ['']", "groups[0].application_ids[0]"),
        ("[[groups]]\ncount = 1\ntypes = ['text']", "groups[0].types[0]"),
        ("[[groups", "not TOML"),
    ],
)
def test_wrong_groups_are_named(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_groups(written(tmp_path, text))
    assert fault in caught.value.reason


def test_addresses_follow_each_other() -> None:
    where = spread(FIRST, 1_000, by_port=False)
    assert [str(where[0]), str(where[255]), str(where[-1])] == [
        "127.1.0.1:4035",
        "127.1.1.0:4035",
        "127.1.3.232:4035",
    ]


def test_ports_follow_each_other() -> None:
    where = spread(Endpoint("localhost", 20_000), 3, by_port=True)
    assert [str(each) for each in where] == [
        "localhost:20000",
        "localhost:20001",
        "localhost:20002",
    ]


@pytest.mark.parametrize(
    ("first", "count", "by_port", "reason"),
    [
        (Endpoint("127.255.255.0", 4035), 300, False, "not all in 127.0.0.0/8"),
        (Endpoint("255.255.255.255", 4035), 2, False, "no 2 IP addresses"),
        (Endpoint("localhost", 4035), 2, False, "no 2 IP addresses"),
        (Endpoint("127.1.0.1", 0), 2, False, "need a port"),
        (Endpoint("127.0.0.1", 65_000), 537, True, "no 537 ports"),
        (Endpoint("127.0.0.1", 0), 1, True, "no 1 ports"),
    ],
)
def test_there_are_not_so_many_endpoints(
    first: Endpoint, count: int, by_port: bool, reason: str
) -> None:
    with pytest.raises(FarmError, match=reason):
        spread(first, count, by_port=by_port)


def test_last_endpoints_can_be_had() -> None:
    assert spread(Endpoint("127.0.0.1", 65_000), 536, by_port=True)[-1].port == 65_535
    assert spread(Endpoint("127.255.255.0", 1), 256, by_port=False)[-1].host == "127.255.255.255"


def test_clients_written_are_a_gateway_s_clients(tmp_path: Path) -> None:
    farm = Farm(seeded_chance(1), lambda *_: None, lambda *_: None)  # type: ignore[arg-type, return-value]
    clients = farm.clients([group(2), group(1, 'a"b\\/=@%é'[:8])])
    udp = spread(Endpoint("127.1.0.1", 2948), 3, by_port=False)
    text = clients_tables(clients, spread(FIRST, 3, by_port=False), udp, "ppg.example.com")
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(PpgSettings, path)
    assert [client.id for client in settings.clients] == ["farm-001", "farm-002", 'a"b\\/=@%']
    last = settings.clients[-1]
    assert last.terminal_id == last.id
    assert settings.clients[0].addresses == ["WAPPUSH=farm-001/TYPE=USER@ppg.example.com"]
    assert last.addresses == ["WAPPUSH=a%22b%5C%2F%3D%40%25/TYPE=USER@ppg.example.com"]
    assert [contact.where for contact in last.ways()] == [
        HttpContact("127.1.0.3", 4035),
        UdpContact("127.1.0.3", 2948),
    ]


def test_clients_that_dial_are_written_as_such(tmp_path: Path) -> None:
    farm = Farm(seeded_chance(1), lambda *_: None, lambda *_: None)  # type: ignore[arg-type, return-value]
    clients = farm.clients([group(2)])
    path = tmp_path / "gateway.toml"
    udp = spread(Endpoint("127.1.0.1", 2948), 2, by_port=False)
    text = clients_tables(clients, None, udp, "ppg.example.com", dials_in=True)
    path.write_text(text, encoding="utf-8")
    last = load_settings(PpgSettings, path).clients[-1]
    assert last.terminal_id == last.id == "farm-002"
    assert [contact.where for contact in last.ways()] == [
        HttpContact(dials_in=True),
        UdpContact("127.1.0.2", 2948),
    ]


def test_users_of_a_core_are_written_as_such(tmp_path: Path) -> None:
    farm = Farm(seeded_chance(1), lambda *_: None, lambda *_: None)  # type: ignore[arg-type, return-value]
    path = tmp_path / "gateway.toml"
    text = clients_tables(farm.clients([group(2)]), None, None, "ppg", sip_domain="push.test")
    path.write_text(text, encoding="utf-8")
    last = load_settings(PpgSettings, path).clients[-1]
    assert [contact.where for contact in last.ways()] == [SipContact("sip:farm-002@push.test")]


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (FarmPlan((group(1),)), "need a way"),
        (FarmPlan((group(1),), listen=FIRST, connect=FIRST), "either listen, connect or"),
        (
            FarmPlan((group(1),), connect=FIRST, sip=SipPlan(FIRST, "push.test")),
            "or are at a SIP core",
        ),
    ],
)
def test_plan_that_contradicts_itself_is_refused(plan: FarmPlan, reason: str) -> None:
    with pytest.raises(FarmError, match=reason):
        plan.check()
