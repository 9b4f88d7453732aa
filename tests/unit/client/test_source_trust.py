"""Whose pushes a device takes: its lists by origin, a registration's own, and the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from omapush.cai.model import (
    CaiError,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    Trust,
    WhitelistEntry,
)
from omapush.client.dispatch import Refusal
from omapush.client.push_mo.model import TrustedApplication, TrustedKind, TrustedSource
from omapush.client.push_mo.tree import Add, Delete, Get, Replace
from omapush.client.store import ClientStore, ClientStoreError
from omapush.client.trust.lists import Form, Origin, SourceTrust, TrustError
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.provisioning.documents import TEXT_MEDIA_TYPE, read_text
from omapush.core.instants import HOUR_MS, Instant
from omapush.ota.interface import (
    AddressKind,
    PoConfirmedPushInd,
    PushFlag,
    PushSource,
    PushStatus,
)
from omapush.testing.virtual_clock import VirtualClock

WML, MMS = "x-wap-application:wml.ua", "x-wap-application:mms.ua"
MMS_TYPE = "application/vnd.wap.mms-message"
BOTH = PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED
JSON = "application/json"
TNDS = "application/vnd.syncml.dmtnds+xml"

PROXY = b"""<wap-provisioningdoc><characteristic type="PXLOGICAL">
  <parm name="PROXY-ID" value="ppg"/><parm name="PUSHENABLED" value="%d"/>
  <characteristic type="PXPHYSICAL"><parm name="PHYSICAL-PROXY-ID" value="a"/>
    <parm name="PXADDR" value="192.0.2.77"/></characteristic>
</characteristic></wap-provisioningdoc>"""

NewTrust = Callable[..., Awaitable[SourceTrust]]


@pytest.fixture
async def new_trust(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[NewTrust]:
    """Return a function that starts the lists anew, from the same file."""
    async with AsyncExitStack() as stack:
        stores: list[ClientStore] = []

        async def start(**settings: Any) -> SourceTrust:
            for store in stores:
                await store.close()
            store = ClientStore(tmp_path / "client.db")
            await store.open()
            stores.append(store)
            stack.push_async_callback(store.close)
            settings.setdefault("resolve", nowhere)
            trust = SourceTrust(store.file, clock, **settings)
            await trust.load()
            stack.push_async_callback(trust.close)
            return trust

        yield start


async def nowhere(_name: str) -> Sequence[str]:
    return ()


def push(
    source: str | PushSource, media_type: str = "text/plain", flags: PushFlag = PushFlag.NONE
) -> PoConfirmedPushInd:
    if isinstance(source, str):
        source = PushSource("OTA-HTTP", "TCP/IP", source)
    return PoConfirmedPushInd("1", PushMessage((("Content-Type", media_type),), b""), source, flags)


def registered(push_application_id: str = WML, **request: Any) -> Registration:
    asked = RegistrationRequest(push_application_id, **request)
    now = Instant(0)
    return Registration(
        "r", "P", push_application_id, asked, RegistrationState.REGISTERED, now, now
    )


async def is_taken(
    trust: SourceTrust,
    source: str | PushSource,
    application: str = WML,
    media_type: str = "text/plain",
    found: Registration | None = None,
    granted: Sequence[str] = (),
) -> bool:
    judged = await trust.judge(
        push(source, media_type), ApplicationId.parse(application), found, granted
    )
    if isinstance(judged, Refusal):
        assert judged.status == PushStatus.USERRFS
    return isinstance(judged, Trust)


def ppg(addr: str, *applications: TrustedApplication) -> TrustedSource:
    return TrustedSource(TrustedKind.PPG, addr, None, applications)


async def test_own_list_is_in_force_where_the_device_has_none(new_trust: NewTrust) -> None:
    """T-07, MO-T4: it counts for its own application and for no other."""
    trust = await new_trust()
    own = registered(whitelist=(WhitelistEntry("192.0.2.10"),))
    assert await is_taken(trust, "192.0.2.10", found=own)
    assert not await is_taken(trust, "192.0.2.11", found=own)
    assert await is_taken(trust, "192.0.2.11", MMS, found=registered(MMS))
    assert await is_taken(trust, "192.0.2.11", MMS)


async def test_own_list_is_added_to_the_list_of_the_device(new_trust: NewTrust) -> None:
    """T-08, T-46, CAI-43, CAI-54"""
    trust = await new_trust(config=[WhitelistEntry("192.0.2.20")])
    assert await is_taken(trust, "192.0.2.20", found=registered())
    assert not await is_taken(trust, "192.0.2.21", found=registered())
    own = registered(whitelist=(WhitelistEntry("192.0.2.21"),))
    assert await is_taken(trust, "192.0.2.21", found=own)
    assert await is_taken(trust, "192.0.2.20", found=own)
    # Gone with its registration, and never good for another one.
    assert not await is_taken(trust, "192.0.2.21", MMS, found=registered(MMS))
    assert not await is_taken(trust, "192.0.2.21", found=registered())


async def test_contact_point_is_the_only_source(new_trust: NewTrust) -> None:
    """T-20"""
    trust = await new_trust()
    found = registered(profiles=(ConnectionProfile(contact_point="192.0.2.10"),))
    assert await is_taken(trust, "192.0.2.10", found=found)
    assert not await is_taken(trust, "192.0.2.11", found=found)
    # What the registration server named is expected too, and it is trusted like an own list.
    assert await is_taken(trust, "192.0.2.11", found=found, granted=["192.0.2.11"])
    assert not await is_taken(trust, "192.0.2.12", found=found, granted=["192.0.2.11"])
    plain = registered()
    assert await is_taken(trust, "192.0.2.11", found=plain, granted=["https://192.0.2.11/x", "??"])
    assert not await is_taken(trust, "192.0.2.12", found=plain, granted=["192.0.2.11"])


async def test_entry_of_the_object_is_restricted_to_application_and_type(
    new_trust: NewTrust,
) -> None:
    """MO-T2"""
    trust = await new_trust()
    await trust.add(Origin.MO, ppg("192.0.2.10", TrustedApplication(MMS, (MMS_TYPE,))))
    assert not await is_taken(trust, "192.0.2.10", WML, MMS_TYPE)
    assert await is_taken(trust, "192.0.2.10", MMS, MMS_TYPE)
    assert await is_taken(trust, "192.0.2.10", "4", MMS_TYPE)
    assert not await is_taken(trust, "192.0.2.10", MMS, "text/plain")
    # A push to every application is one for the application that gets it.
    everybody = "x-wap-application:*"
    assert await is_taken(trust, "192.0.2.10", everybody, MMS_TYPE, registered(MMS))
    assert not await is_taken(trust, "192.0.2.10", everybody, MMS_TYPE, registered(WML))
    assert not await is_taken(trust, "192.0.2.10", everybody, MMS_TYPE)


async def test_empty_whitelist_trusts_nobody_but_provisioned_proxies(new_trust: NewTrust) -> None:
    """MO-T3"""
    trust = await new_trust()
    assert (await trust.perform(Add("./Push/PushWL"))).is_done
    assert trust.in_force
    assert not await is_taken(trust, "192.0.2.10")
    assert (await trust.import_mo(PROXY % 0, TEXT_MEDIA_TYPE)).entries == 0
    assert not await is_taken(trust, "192.0.2.77")
    report = await trust.import_mo(PROXY % 1, TEXT_MEDIA_TYPE)
    assert (report.origin, report.entries) == (Origin.CP, 1)
    assert await trust.import_provisioning(read_text(PROXY % 1)) == report
    assert [one.entry.addr for one in trust.entries()] == ["192.0.2.77"]
    assert await is_taken(trust, "192.0.2.77")
    assert not await is_taken(trust, "192.0.2.10")


async def test_service_centre_says_nothing_of_gateways(new_trust: NewTrust) -> None:
    """MO-T5"""
    trust = await new_trust()
    await trust.add(Origin.USER, TrustedSource(TrustedKind.SMSC, "+358501"))
    sms = PushSource("OTA-WSP", "SMS", "12345", kind=AddressKind.NUMBER, service_centre="00358501")
    assert await is_taken(trust, sms)
    assert not await is_taken(trust, "192.0.2.10")


@pytest.mark.parametrize(
    ("config", "own", "believe_gateways", "trust_given"),
    [
        (None, (), True, Trust(whitelisted=False, authenticated=True, trusted=True)),
        (None, (), False, Trust()),
        (("192.0.2.1",), (), False, Trust(whitelisted=True, authenticated=True, trusted=True)),
        (None, ("192.0.2.1",), False, Trust(whitelisted=True, authenticated=True, trusted=True)),
    ],
)
async def test_flags_are_believed_only_of_a_gateway_that_is_believed(
    new_trust: NewTrust,
    config: Sequence[str] | None,
    own: Sequence[str],
    believe_gateways: bool,
    trust_given: Trust,
) -> None:
    """Architecture 6.2"""
    listed = None if config is None else [WhitelistEntry(one) for one in config]
    trust = await new_trust(config=listed, believe_gateways=believe_gateways)
    found = registered(whitelist=tuple(WhitelistEntry(one) for one in own))
    application = ApplicationId.parse(WML)
    assert await trust.judge(push("192.0.2.1", flags=BOTH), application, found) == trust_given
    quiet = await trust.judge(push("192.0.2.1"), application, found)
    assert quiet == Trust(whitelisted=trust_given.whitelisted)


async def test_name_is_looked_up_and_kept_for_an_hour(
    new_trust: NewTrust, clock: VirtualClock
) -> None:
    addresses: dict[str, Sequence[str]] = {"ppg.example.com": ["192.0.2.10"]}
    asked: list[str] = []

    async def resolve(name: str) -> Sequence[str]:
        asked.append(name)
        return addresses[name]

    trust = await new_trust(resolve=resolve)
    await trust.add(Origin.USER, ppg("ppg.example.com"))
    await trust.add(Origin.USER, ppg("192.0.2.20"))
    assert await is_taken(trust, "192.0.2.20")
    assert asked == []
    assert await is_taken(trust, "192.0.2.10")
    addresses["ppg.example.com"] = ["192.0.2.11"]
    assert not await is_taken(trust, "192.0.2.11")
    assert asked == ["ppg.example.com"]
    clock.advance(HOUR_MS)
    assert await is_taken(trust, "192.0.2.11")
    assert not await is_taken(trust, "192.0.2.10")


async def test_push_may_come_again_when_the_names_cannot_be_looked_up(new_trust: NewTrust) -> None:
    async def resolve(_name: str) -> Sequence[str]:
        raise OSError("no network")

    trust = await new_trust(resolve=resolve)
    found = registered(profiles=(ConnectionProfile(contact_point="ppg.example.com"),))
    judged = await trust.judge(push("192.0.2.1"), ApplicationId.parse(WML), found)
    assert isinstance(judged, Refusal)
    assert judged.status == PushStatus.USERREQ
    proved = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1", identity="ppg.example.com")
    assert await is_taken(trust, proved, found=found)


async def test_gateway_is_dialled_only_if_it_may_push(new_trust: NewTrust) -> None:
    trust = await new_trust()
    assert await trust.may_dial("192.0.2.1")
    await trust.add(Origin.USER, ppg("192.0.2.1", TrustedApplication(MMS)))
    await trust.add(Origin.USER, ppg("ppg.example.com"))
    assert await trust.may_dial("192.0.2.1")
    assert await trust.may_dial("PPG.example.com")
    assert not await trust.may_dial("192.0.2.2")
    assert not await trust.may_dial("other.example.com")


async def test_lists_and_tree_are_there_after_a_restart(new_trust: NewTrust) -> None:
    trust = await new_trust()
    await trust.add(Origin.USER, ppg("192.0.2.1"))
    await trust.add(Origin.USER, ppg("192.0.2.2", TrustedApplication(MMS, (MMS_TYPE,))))
    await trust.import_mo(PROXY % 1, TEXT_MEDIA_TYPE)
    for name in ("z", "y", "x"):  # the order of the tree is not that of its names
        uri = f"./Push/PushWL/TrustedPPG/{name}/Addr"
        assert (await trust.perform(Add(uri, f"{name}.example.com"))).is_done
    secret = "./Push/Ext/ConnProfile/c/AuthSecret"
    assert (await trust.perform(Add(secret, "grapefruit"))).is_done
    assert await trust.remove(Origin.USER, 1)
    before = (trust.entries(), trust.mo, trust.export(Form.TNDS))
    trust = await new_trust()
    assert (trust.entries(), trust.mo, trust.export(Form.TNDS)) == before
    assert [(one.origin, one.number, one.entry.addr) for one in trust.entries()] == [
        ("mo", 1, "z.example.com"),
        ("mo", 2, "y.example.com"),
        ("mo", 3, "x.example.com"),
        ("cp", 1, "192.0.2.77"),
        ("user", 2, "192.0.2.2"),
    ]
    assert trust.mo.profiles[0].auth_secret == "grapefruit"
    for form in Form:
        assert b"grapefruit" not in trust.export(form)


async def test_change_that_cannot_be_written_changes_nothing(
    new_trust: NewTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = await new_trust()
    await trust.add(Origin.USER, ppg("192.0.2.1"))

    async def full(_work: object) -> None:
        raise ClientStoreError("disk full")

    monkeypatch.setattr(trust._file, "transaction", full)
    with pytest.raises(ClientStoreError):
        await trust.add(Origin.USER, ppg("192.0.2.2"))
    with pytest.raises(ClientStoreError):
        await trust.remove(Origin.USER, 1)
    with pytest.raises(ClientStoreError):
        await trust.perform(Add("./Push/PushWL"))
    assert [one.entry.addr for one in trust.entries()] == ["192.0.2.1"]
    assert (await trust.perform(Get("./Push/PushWL"))).status == 404


async def test_entry_is_added_once_and_removed_by_its_number(new_trust: NewTrust) -> None:
    trust = await new_trust(config=[WhitelistEntry("192.0.2.9")])
    first = await trust.add(Origin.USER, ppg("192.0.2.1"))
    second = await trust.add(Origin.USER, ppg("192.0.2.2"))
    assert await trust.add(Origin.USER, ppg("192.0.2.1")) == first
    assert await trust.remove(Origin.USER, first.number)
    assert not await trust.remove(Origin.USER, first.number)
    assert await trust.add(Origin.USER, ppg("192.0.2.3")) != second
    for refused in (trust.remove(Origin.CONFIG, 1), trust.add(Origin.CONFIG, ppg("192.0.2.1"))):
        with pytest.raises(CaiError) as caught:
            await refused
        assert caught.value.cause is Reason.PERMISSION_DENIED
    with pytest.raises(CaiError) as caught:
        await trust.add(Origin.USER, ppg("here!"))
    assert (caught.value.cause, caught.value.parameter) == (Reason.INVALID_PARAMETER, "addr")


async def test_entries_of_the_object_are_added_and_removed_in_its_tree(
    new_trust: NewTrust,
) -> None:
    trust = await new_trust()
    await trust.perform(Add("./Push/PushWL/TrustedPPG/kept/Addr", "192.0.2.1"))
    added = await trust.add(Origin.MO, ppg("192.0.2.2"))
    assert added.number == 2
    names = (await trust.perform(Get("./Push/PushWL/TrustedPPG"))).items[0].value
    assert names.split("/")[0] == "kept"
    assert len(names.split("/")) == 2
    # What a server has begun is not lost because somebody adds another entry.
    await trust.perform(Add("./Push/PushWL/TrustedPPG/begun"))
    assert trust.findings[0].path == "PushWL/TrustedPPG/begun/Addr"
    with pytest.raises(CaiError) as caught:
        await trust.add(Origin.MO, ppg("192.0.2.3"))
    assert caught.value.cause is Reason.UNAVAILABLE
    assert (await trust.perform(Delete("./Push/PushWL/TrustedPPG/begun"))).is_done
    assert await trust.remove(Origin.MO, 1)
    assert not await trust.remove(Origin.MO, 2)
    assert [one.entry.addr for one in trust.entries()] == ["192.0.2.2"]
    # Without its last entry the whitelist is empty, and that trusts nobody.
    assert await trust.remove(Origin.MO, 1)
    assert trust.in_force
    assert not await is_taken(trust, "192.0.2.2")


async def test_whitelist_follows_the_tree_at_once(new_trust: NewTrust) -> None:
    trust = await new_trust()
    where = "./Push/PushWL/TrustedPPG/p"
    await trust.perform(Add(f"{where}/Addr", "192.0.2.1"))
    assert await is_taken(trust, "192.0.2.1")
    await trust.perform(Replace(f"{where}/Addr", "192.0.2.2"))
    assert not await is_taken(trust, "192.0.2.1")
    status, _ = await trust.atomic([Delete(where), Delete(where)])
    assert status == 507
    assert await is_taken(trust, "192.0.2.2")
    status, _ = await trust.atomic([Delete(where), Add(f"{where}2/Addr", "192.0.2.3")])
    assert status == 200
    assert not await is_taken(trust, "192.0.2.2")
    await trust.perform(Delete("./Push/PushWL"))
    assert await is_taken(trust, "192.0.2.2")


async def test_changes_at_the_same_time_are_all_made(new_trust: NewTrust) -> None:
    trust = await new_trust()
    await asyncio.gather(
        *(trust.add(Origin.USER, ppg(f"192.0.2.{number}")) for number in range(20)),
        *(
            trust.perform(Add(f"./Push/PushWL/TrustedPPG/p{number}/Addr", f"192.0.3.{number}"))
            for number in range(20)
        ),
    )
    trust = await new_trust()
    assert len(trust.entries()) == 40


async def test_export_is_imported_as_the_same_model(new_trust: NewTrust) -> None:
    """MO-T9"""
    trust = await new_trust()
    await trust.add(Origin.MO, ppg("192.0.2.1", TrustedApplication(MMS, (MMS_TYPE,))))
    await trust.add(Origin.MO, TrustedSource(TrustedKind.SMSC, "+358501"))
    await trust.perform(Add("./Push/Ext/ConnProfile/c/Port", "4035"))
    await trust.perform(Add("./Push/Ext/Acme/Colour", "green"))
    mo = trust.mo
    for form, media_type in ((Form.TNDS, TNDS), (Form.JSON, JSON)):
        exported = trust.export(form)
        await trust.import_mo(b'{"push_mo": "1.1"}', JSON)
        assert not trust.in_force
        report = await trust.import_mo(exported, media_type)
        assert (report.entries, report.profiles, report.findings) == (2, 1, ())
        assert trust.mo == mo


async def test_import_for_another_origin_takes_the_whitelist_only(new_trust: NewTrust) -> None:
    trust = await new_trust()
    document = b"""{"push_mo": "1.1", "whitelist": {"ppg": [{"addr": "192.0.2.1"}]},
        "profiles": [{"port": 4035}]}"""
    report = await trust.import_mo(document, JSON, Origin.USER)
    assert (report.entries, report.profiles, report.findings[0].path) == (1, 0, "Ext")
    assert trust.profiles() == []
    await trust.import_mo(PROXY % 1, TEXT_MEDIA_TYPE, Origin.MO)
    assert [(one.origin, one.entry.addr) for one in trust.entries()] == [
        ("mo", "192.0.2.77"),
        ("user", "192.0.2.1"),
    ]
    with pytest.raises(CaiError):
        await trust.import_mo(document, JSON, Origin.CONFIG)
    many = ",".join(f'{{"addr": "10.0.{n // 250}.{n % 250}"}}' for n in range(600))
    large = f'{{"push_mo": "1.1", "whitelist": {{"ppg": [{many}]}}}}'.encode()
    for origin in (Origin.MO, Origin.USER):
        with pytest.raises(CaiError) as caught:
            await trust.import_mo(large, JSON, origin)
        assert caught.value.cause is Reason.LIMIT_EXCEEDED
    assert len(trust.entries()) == 2


async def test_default_profiles_are_given_by_priority(new_trust: NewTrust) -> None:
    trust = await new_trust()
    document = b"""{"push_mo": "1.1", "profiles": [
        {"protocol": "OTA-SIP", "apps": ["4"], "registration_uri": "https://ppg.example.com/r"},
        {"protocol": "OTA-WSP", "bearer": "GPRS", "port": 2948, "priority": 2},
        {"protocol": "OTA-PTM", "priority": 0, "enable": false},
        {"protocol": "OTA-HTTP", "contact_point": "ppg.example.com", "priority": 1}]}"""
    await trust.import_mo(document, JSON)
    assert trust.profiles() == [
        ConnectionProfile("OTA-HTTP", contact_point="ppg.example.com"),
        ConnectionProfile("OTA-WSP", "GPRS", 2948),
        ConnectionProfile("OTA-SIP"),
    ]
    of_wml = trust.profiles(ApplicationId.parse(WML))
    assert [one.protocol for one in of_wml] == ["OTA-HTTP", "OTA-WSP"]
    of_mms = trust.default_profiles(ApplicationId.parse(MMS))
    assert of_mms[-1].registration_uri == "https://ppg.example.com/r"


async def test_settings_with_an_entry_that_cannot_be_compared_are_rejected(
    new_trust: NewTrust,
) -> None:
    with pytest.raises(RegistrationRejected) as caught:
        await new_trust(config=[WhitelistEntry("192.0.2.1"), WhitelistEntry("here!")])
    assert caught.value.parameter == "whitelist[1]"
    empty = await new_trust(config=[])
    assert empty.in_force
    assert not await is_taken(empty, "192.0.2.1")


async def test_file_that_was_tampered_with_is_not_read(new_trust: NewTrust, tmp_path: Path) -> None:
    trust = await new_trust()
    await trust.add(Origin.USER, ppg("192.0.2.1"))

    def tamper(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE trusted_source SET entry = '{}'")

    await trust._file.run(tamper)
    with pytest.raises(TrustError):
        await new_trust()


async def test_gateways_that_the_device_dials_are_on_every_list_that_is_in_force(
    new_trust: NewTrust,
) -> None:
    gateways = [WhitelistEntry("192.0.2.10"), WhitelistEntry("ppg.example.com")]
    trust = await new_trust(gateways=gateways)
    assert (trust.in_force, trust.entries()) == (False, [])
    assert await is_taken(trust, "198.51.100.1")
    await trust.add(Origin.USER, TrustedSource(TrustedKind.PPG, "203.0.113.9"))
    assert not await is_taken(trust, "198.51.100.1")
    assert await is_taken(trust, "192.0.2.10")
    assert await is_taken(trust, PushSource("OTA-HTTP", "TCP/IP", "10.0.0.1", "ppg.example.com"))
    listed = [(one.origin, one.entry.addr) for one in trust.entries()]
    assert listed == [
        (Origin.CONFIG, "192.0.2.10"),
        (Origin.CONFIG, "ppg.example.com"),
        (Origin.USER, "203.0.113.9"),
    ]
    with_list = await new_trust(config=[WhitelistEntry("192.0.2.10")], gateways=gateways)
    assert len([one for one in with_list.entries() if one.origin is Origin.CONFIG]) == 2
