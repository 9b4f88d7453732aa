"""The ways into a running Push Client over D-Bus."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from omapush.client.agent import PushClient
from omapush.client.handler import Handler
from omapush.daemon.dbus_settings import DbusTable
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.supervise import Part

HandlerOf = Callable[[str, int | None], Handler]
"""Takes an ``event_handler`` of the scheme ``dbus:`` and the user whose application it has to be,
or ``None`` for anybody's; returns the handler for it."""


class OfferedOnDbus:
    """What a client has on D-Bus.

    :ivar parts: what is to be run for it.
    :ivar handler_of: for applications that registered by another way in, and are to be called at
        ``dbus:<bus name>/<object path>``; raises
        :class:`~omapush.cai.model.RegistrationRejected` for any other form. ``None``: no bus.
    """

    def __init__(self, parts: dict[str, Part], handler_of: HandlerOf | None = None) -> None:
        self.parts = parts
        self.handler_of = handler_of


@contextlib.asynccontextmanager
async def offering_on_dbus(settings: DbusTable, agent: PushClient) -> AsyncIterator[OfferedOnDbus]:
    """Offer the client on the bus of the settings, if they name one.

    Enter it when the agent has started and before pushes can come: applications that registered in
    an earlier life are attached here.

    :raises SettingsError: it needs an extra that is not installed.
    """
    if settings.bus == "off":
        yield OfferedOnDbus({})
        return
    try:
        # Here, because they need an extra.
        from omapush.client.dbus.applications import application_of  # noqa: PLC0415
        from omapush.client.dbus.bus import BusSettings, offer  # noqa: PLC0415
        from omapush.client.dbus.ofono import OfonoService, OfonoSettings  # noqa: PLC0415
        from omapush.client.dbus.service import ClientService  # noqa: PLC0415
    except ModuleNotFoundError as error:
        reason = f"dbus.bus: a bus needs the extra omapush[dbus] ({error.name})"
        raise SettingsError(reason) from error
    bus = BusSettings(settings.bus)
    service = ClientService(agent, settings.name)
    await service.start()

    def handler_of(event_handler: str, uid: int | None) -> Handler:
        return service.applications.handler(*application_of(event_handler), uid)

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
        yield OfferedOnDbus(parts, handler_of)
    finally:
        for part in parts.values():
            part.close()
