"""What is kept of the devices that SIP users have registered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.content.application_id import ApplicationId
from omapush.core.instants import DAY_MS, Instant
from omapush.ota.interface import ClientCapabilities
from omapush.ota.sip.push_features import PushFeatures
from omapush.ppg.sip.registrations import MAX_DEVICES, Device, Registrations, Source, until
from omapush.testing.virtual_clock import VirtualClock

BOB = "sip:bob@push.test"
MMS = PushFeatures(("mms.ua",))
PHONE = Device("phone", Source.THIRD_PARTY, Instant(0), f"{BOB};gr=phone", MMS)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def lasting(clock: VirtualClock, device: Device, seconds: int = 600) -> Device:
    return replace(device, until=until(clock(), seconds))


def keys(registrations: Registrations, user: str = BOB, target: str | None = None) -> list[str]:
    return [one.key for one in registrations.devices(user, target)]


def test_device_is_known_until_its_registration_ends(clock: VirtualClock) -> None:
    registrations = Registrations(clock)
    registrations.told(BOB, [lasting(clock, PHONE, 600)])
    clock.advance(599_999)
    assert keys(registrations) == ["phone"]
    clock.advance(1)
    assert keys(registrations) == []
    assert len(registrations) == 0


def test_registration_without_end_is_believed_for_a_day(clock: VirtualClock) -> None:
    assert until(clock(), None) - clock() == DAY_MS
    assert until(clock(), 10 * 86_400) - clock() == DAY_MS


def test_device_that_is_told_of_again_keeps_what_others_told(clock: VirtualClock) -> None:
    registrations = Registrations(clock)
    registrations.told(BOB, [lasting(clock, PHONE)])
    capabilities = ClientCapabilities(max_message_size=9_000)
    by_itself = Device("phone", Source.OPTIONS, until(clock(), 60), capabilities=capabilities)
    registrations.told(BOB, [by_itself])
    (device,) = registrations.devices(BOB)
    assert device.features == MMS
    assert device.gruu == PHONE.gruu
    assert device.capabilities == capabilities
    assert device.source is Source.OPTIONS


def test_device_that_does_not_say_until_when_stays_as_long_as_its_registration(
    clock: VirtualClock,
) -> None:
    registrations = Registrations(clock)
    registrations.told(BOB, [lasting(clock, PHONE, 600)])
    by_itself = replace(lasting(clock, PHONE, 86_400), until_is_told=False, source=Source.OPTIONS)
    registrations.told(BOB, [by_itself])
    clock.advance(599_999)
    assert keys(registrations) == ["phone"]
    clock.advance(1)
    registrations.told(BOB, [replace(by_itself, until=until(clock(), 86_400))])
    assert keys(registrations) == ["phone"]
    clock.advance(600_000)
    assert keys(registrations) == ["phone"]


def test_newest_device_stands_first_and_a_gruu_names_one(clock: VirtualClock) -> None:
    registrations = Registrations(clock)
    tablet = replace(PHONE, key="tablet", gruu=f"{BOB};gr=tablet")
    registrations.told(BOB, [lasting(clock, PHONE), lasting(clock, tablet)])
    assert keys(registrations) == ["tablet", "phone"]
    registrations.told(BOB, [lasting(clock, PHONE)])
    assert keys(registrations) == ["phone", "tablet"]
    assert keys(registrations, target=f"{BOB};gr=tablet") == ["tablet"]
    assert keys(registrations, target=f"{BOB};gr=watch") == []


def test_device_that_left_is_forgotten_and_the_others_are_not(clock: VirtualClock) -> None:
    registrations = Registrations(clock)
    tablet = replace(PHONE, key="tablet")
    registrations.told(BOB, [lasting(clock, PHONE), lasting(clock, tablet)])
    registrations.gone(BOB, ["phone", "watch"])
    assert keys(registrations) == ["tablet"]
    registrations.gone(BOB)
    registrations.gone("sip:nobody@push.test")
    assert keys(registrations) == []


def test_devices_of_the_settings_stay(clock: VirtualClock) -> None:
    registrations = Registrations(clock)
    registrations.set_up(BOB, [replace(PHONE, source=Source.STATIC)])
    registrations.gone(BOB)
    clock.advance(2 * DAY_MS)
    assert keys(registrations) == ["phone"]


def test_users_and_devices_are_bounded(clock: VirtualClock) -> None:
    registrations = Registrations(clock, limit=2)
    for user in ("sip:a@push.test", "sip:b@push.test", "sip:c@push.test"):
        registrations.told(user, [lasting(clock, PHONE)])
    assert len(registrations) == 2
    assert keys(registrations, "sip:a@push.test") == []
    for number in range(MAX_DEVICES + 3):
        registrations.told(BOB, [lasting(clock, replace(PHONE, key=str(number)))])
    assert len(registrations.devices(BOB)) == MAX_DEVICES
    assert registrations.devices(BOB)[0].key == str(MAX_DEVICES + 2)


def test_whoever_comes_is_told_on_and_changes_of_capabilities_once(clock: VirtualClock) -> None:
    came: list[str] = []
    changed: list[int] = []
    registrations = Registrations(
        clock, 10, came.append, lambda _, told: changed.append(told.max_message_size)
    )
    device = lasting(clock, replace(PHONE, capabilities=ClientCapabilities(max_message_size=1)))
    registrations.told(BOB, [device])
    registrations.told(BOB, [device])
    registrations.told(BOB, [replace(device, capabilities=ClientCapabilities(max_message_size=2))])
    assert came == [BOB] * 3
    assert changed == [1, 2]


def test_device_serves_the_applications_that_it_declared_and_all_if_it_did_not() -> None:
    assert PHONE.serves(ApplicationId.parse("4"))
    assert not PHONE.serves(ApplicationId.parse("x-oma-application:ulp.ua"))
    assert replace(PHONE, features=None).serves(ApplicationId.parse("x-oma-application:ulp.ua"))


def test_device_that_answers_without_its_instance_is_the_one_that_was_registered() -> None:
    """A foreign user agent names its address only; by third-party REGISTER it has an instance."""
    known = Registrations(lambda: Instant(0))
    later_on = Instant(60_000)
    core = Device(
        "urn:uuid:1", Source.THIRD_PARTY, later_on, f"{BOB};gr=1", contact="sip:bob@192.0.2.1"
    )
    known.told(BOB, [core])
    takes = ClientCapabilities(("text/plain",))
    answer = Device(
        "sip:bob@192.0.2.1",
        Source.QUERY,
        later_on,
        capabilities=takes,
        contact="sip:bob@192.0.2.1",
    )
    known.told(BOB, [answer])
    (device,) = known.devices(BOB)
    assert (device.key, device.gruu, device.capabilities) == ("urn:uuid:1", f"{BOB};gr=1", takes)
    other = "sip:bob@192.0.2.2"
    known.told(BOB, [Device(other, Source.QUERY, later_on, contact=other)])
    assert len(known.devices(BOB)) == 2
