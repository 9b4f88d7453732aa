"""The ways into a running Push Client over D-Bus."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from omapush.client.agent import PushClient
from omapush.daemon.dbus_settings import DbusTable
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.supervise import Part

if TYPE_CHECKING:
    from omapush.client.dbus.applications import Applications


def applications_on_dbus(settings: DbusTable) -> Applications | None:
    """Return what calls applications on the bus of the settings; ``None``: there is no bus.

    It is made before the agent, whose event handlers ``dbus:<bus name>/<object path>`` are
    ``applications.handler(bus_name, object_path, uid)``.

    :raises SettingsError: it needs an extra that is not installed.
    """
    if settings.bus == "off":
        return None
    try:
        # Here, because it needs an extra.
        from omapush.client.dbus.applications import Applications  # noqa: PLC0415
    except ModuleNotFoundError as error:
        reason = f"dbus.bus: a bus needs the extra omapush[dbus] ({error.name})"
        raise SettingsError(reason) from error
    return Applications()


@contextlib.asynccontextmanager
async def offering_on_dbus(
    settings: DbusTable, agent: PushClient, applications: Applications | None
) -> AsyncIterator[dict[str, Part]]:
    """Offer the client on the bus of the settings; yields what is to be run for it.

    Enter it when the agent has started and before pushes can come: what connections left of an
    earlier life is ended here.

    :param applications: of :func:`applications_on_dbus`.
    """
    if applications is None:
        yield {}
        return
    # Here, because they need an extra.
    from omapush.client.dbus.bus import BusSettings, offer  # noqa: PLC0415
    from omapush.client.dbus.ofono import OfonoService, OfonoSettings  # noqa: PLC0415
    from omapush.client.dbus.service import ClientService  # noqa: PLC0415

    bus = BusSettings(settings.bus)
    service = ClientService(agent, applications, settings.name)
    await service.start()
    parts: dict[str, Part] = {
        "D-Bus": offer(bus, service),
        "status changes on D-Bus": service.tell_changes(),
    }
    ofono = OfonoService(
        agent,
        OfonoSettings(
            settings.ofono_name, settings.ofono_modem, tuple(settings.ofono_application_ids)
        ),
    )
    # What it left is ended even where it is not wanted any more: no agent could ever end it.
    await ofono.start()
    if settings.ofono:
        parts["push notification agents on D-Bus"] = offer(bus, ofono)
    try:
        yield parts
    finally:
        for part in parts.values():
            part.close()
