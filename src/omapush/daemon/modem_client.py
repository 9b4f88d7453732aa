"""How pushes by short message come in to a running Push Client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import structlog

from omapush.bearers.modem_line import LineModem, LineSettings
from omapush.cai.model import Binding, RegistrationState
from omapush.client.agent import PushClient
from omapush.client.binding.shared_binder import BearerReports
from omapush.client.short_messages.intake import IntakeLimits, ShortMessageIntake
from omapush.client.short_messages.messages import BEARER, PROTOCOL, ShortMessages
from omapush.client.short_messages.store import ShortMessageStore
from omapush.core.instants import HOUR_MS
from omapush.daemon.clock import SystemClock
from omapush.daemon.modem_settings import ModemTable
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.supervise import Part
from omapush.ota.modem import Modem, ModemState

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def receiving_short_messages(
    settings: ModemTable, clock: SystemClock, agent: PushClient, reports: BearerReports
) -> AsyncIterator[dict[str, Part]]:
    """Take pushes by short message, if the settings name a modem; yields what is to be run for it.

    :param reports: is told when the modem is up and when not.
    :raises OmapushError: the file of short messages cannot be used, or the modem not be had.
    """
    if settings.kind is None:
        yield {}
        return
    modem = modem_of(settings)
    intake = ShortMessageIntake(
        ShortMessages(),
        ShortMessageStore(settings.path),
        agent.unit_push,
        clock,
        IntakeLimits(hold_ms=round(settings.hold_hours * HOUR_MS)),
    )
    binding = Binding(PROTOCOL, BEARER, settings.address or settings.kind)

    def on_state(state: ModemState) -> None:
        if state is ModemState.UP:
            reports.binding_up(binding)
        else:
            reports.binding_down(PROTOCOL, BEARER)

    try:
        await intake.start()
        yield {
            "modem": modem.run(intake.take, on_state),
            "short messages": intake.run(),
            "registrations": _waking(agent, intake.try_again),
        }
    finally:
        await intake.close()


def modem_of(settings: ModemTable) -> Modem:
    """Return the modem that the settings describe.

    :raises SettingsError: it needs an extra that is not installed.
    """
    if settings.kind == "modem-manager":
        return _modem_manager(settings.address)
    where = settings.line_address()
    place = where if isinstance(where, Path) else (where.host, where.port)
    return LineModem(LineSettings(place, settings.listen, settings.service_centre))


def _modem_manager(bus_address: str | None) -> Modem:
    try:
        # Here, because it needs an extra.
        from omapush.bearers.modem_manager import (  # noqa: PLC0415
            ModemManager,
            ModemManagerSettings,
        )
    except ModuleNotFoundError as error:
        reason = f"modem.kind: modem-manager needs the extra omapush[modem] ({error.name})"
        raise SettingsError(reason) from error
    return ModemManager(ModemManagerSettings(bus_address))


async def _waking(agent: PushClient, wake: Callable[[], None]) -> None:
    """Call ``wake`` whenever an application has registered."""
    async with contextlib.aclosing(agent.status_changes()) as changes:
        async for change in changes:
            if change.new is RegistrationState.REGISTERED:
                wake()
