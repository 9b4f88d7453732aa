"""How OTA-SIP is put into a client: its binder, its status, session requests, trusted gateways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omapush.cai.model import WhitelistEntry
from omapush.client.agent import ClientRules, PushClient
from omapush.client.sia import OWN_CORE, SessionInitiationApplication, SessionWish, Variant
from omapush.client.sip.standing import Condition
from omapush.client.store import ClientStore
from omapush.daemon.client import own_at_core, sip_entries
from omapush.daemon.client_binders import ClientBinders
from omapush.daemon.clock import SystemClock
from omapush.daemon.session_initiation import (
    CoreRegistrationOpener,
    WspSessionOpener,
    session_openers,
    sia_settings,
)
from omapush.daemon.settings import ClientSettings

SIP = {"core": "127.0.0.1:5060", "transport": "udp", "aor": "sip:alice@push.test"}
SIA = SessionInitiationApplication.push_application_id


def settings_of(**tables: Any) -> ClientSettings:
    return ClientSettings.model_validate({"ota_sip": SIP, **tables})


async def test_client_with_a_core_binds_by_sip_too() -> None:
    binders = ClientBinders(settings_of(), SystemClock(), instance="urn:uuid:1")
    assert [one.protocol for one in binders.binders] == ["OTA-HTTP", "OTA-SIP"]
    status = binders.sip_status()
    assert status is not None
    assert (status.condition, status.instance) == (Condition.IDLE, "urn:uuid:1")
    named = settings_of(ota_sip={**SIP, "instance": "urn:gsma:imei:90420156-025763-0"})
    known = ClientBinders(named, SystemClock(), instance="urn:uuid:1").sip_status()
    assert known is not None
    assert known.instance == "urn:gsma:imei:90420156-025763-0"


async def test_client_without_a_core_has_no_sip() -> None:
    binders = ClientBinders(ClientSettings(), SystemClock())
    assert [one.protocol for one in binders.binders] == ["OTA-HTTP"]
    assert binders.sip_status() is None
    assert binders.sip_opener is None


async def test_session_request_for_sip_leads_to_the_own_core() -> None:
    asked: list[bool] = []
    sip = CoreRegistrationOpener(lambda: asked.append(True), lambda: bool(asked))
    connections = ClientBinders(settings_of(), SystemClock()).connections
    openers = session_openers(settings_of().sia, WspSessionOpener(), connections, sip)
    assert Variant.OTA_SIP in openers.variants
    assert not openers.is_open(OWN_CORE)
    openers.open(SessionWish(OWN_CORE, ("*",)))
    assert asked
    assert openers.is_open(OWN_CORE)
    without = session_openers(ClientSettings().sia, WspSessionOpener(), connections)
    assert Variant.OTA_SIP not in without.variants


async def test_core_is_told_of_session_requests_only_if_they_lead_elsewhere(
    tmp_path: Path,
) -> None:
    """Who is registered there need not be asked to register."""
    clock = SystemClock()
    for tables, is_told in (({}, False), ({"sia": {"gateways": ["192.0.2.0/24"]}}, True)):
        settings = settings_of(**tables)
        binders = ClientBinders(settings, clock)
        openers = session_openers(
            settings.sia, WspSessionOpener(), binders.connections, binders.sip_opener
        )
        own = SessionInitiationApplication(sia_settings(settings.sia), openers, clock, tuple)
        agent = PushClient(ClientStore(tmp_path / "client.db"), clock, rules=ClientRules(own=[own]))
        assert agent.own_applications() == {SIA}
        assert (SIA in own_at_core(agent, settings)) is is_told


def test_gateways_that_are_told_are_trusted() -> None:
    settings = settings_of(ota_sip={**SIP, "ppg": ["sip:ppg@push.test", "sip:ppg@push.test"]})
    assert sip_entries(settings.ota_sip) == [WhitelistEntry("sip:ppg@push.test", "URI")]
