"""The registrations that stand in the settings: no core tells of these."""

from __future__ import annotations

from dataclasses import replace

from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.sip_settings import SipRegistrationTable, SipTable
from omapush.ota.sip.capabilities import UNTOLD, takes_envelope
from omapush.ota.sip.push_features import PushFeatures
from omapush.ppg.sip.address_of_record import address_of_record, instance_of
from omapush.ppg.sip.devices import fitted
from omapush.ppg.sip.registrations import Device, Source

_ALWAYS = Instant(1 << 60)


def static_registrations(table: SipTable) -> dict[str, list[Device]]:
    """Return the devices that are registered for good, by user.

    :raises SettingsError: an application is none, or a device is of another user.
    """
    found: dict[str, list[Device]] = {}
    for number, each in enumerate(table.registrations):
        found.setdefault(each.user, []).append(_device(each, f"sip.registrations[{number}]"))
    return found


def _device(table: SipRegistrationTable, place: str) -> Device:
    if table.gruu is not None and address_of_record(table.gruu) != table.user:
        raise SettingsError(f"{place}: gruu is of another user than {table.user}")
    try:
        named = None if "*" in table.applications else PushFeatures.declared(table.applications)
    except DecodeError as error:
        raise SettingsError(f"{place}: applications: {error.reason}") from error
    told = replace(
        UNTOLD,
        accept=tuple(table.accept),
        accept_encoding=tuple(table.accept_encoding),
        accept_app_id=tuple(table.applications),
        max_message_size=table.max_message_size or UNTOLD.max_message_size,
    )
    key = instance_of(table.gruu or "") or place
    return Device(
        key,
        Source.STATIC,
        _ALWAYS,
        table.gruu,
        named,
        frozenset(table.methods),
        fitted(told),
        wants_bare=not takes_envelope(told),
    )
