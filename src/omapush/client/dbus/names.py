"""Whose is a name of the bus: what the bus says, never what a caller says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from dbus_fast import ErrorType

from omapush.client.dbus.bus import Bus, CallFailed


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    :ivar name: the unique name of the connection.
    :ivar uid: of the user behind it.
    """

    name: str
    uid: int


async def caller(bus: Bus, name: str | None) -> Caller:
    """Return who is behind a unique name. :raises CallFailed: nobody is, any more."""
    return Caller(str(name), int(await bus.ask_bus("GetConnectionUnixUser", "s", name)))


async def holder_of(bus: Bus, name: str) -> str | None:
    """Return the unique name of the connection that has ``name`` now; ``None``: nobody has."""
    try:
        return str(await bus.ask_bus("GetNameOwner", "s", name))
    except CallFailed as error:
        if error.name == ErrorType.NAME_HAS_NO_OWNER.value:
            return None
        raise


async def holder_of_user(bus: Bus, name: str, uid: int | None) -> str | None:
    """Return the connection that has ``name`` and is of that user; ``None``: there is none.

    :param uid: ``None``: any user.
    """
    unique = await holder_of(bus, name)
    if unique is None or uid is None:
        return unique
    return unique if (await caller(bus, unique)).uid == uid else None


async def started(bus: Bus, name: str, uid: int | None) -> str:
    """Return the connection that has ``name``, after having the bus start it if nobody has.

    Who is called is the connection that was looked at, so that the name cannot change hands in
    between.

    :raises CallFailed: it cannot be started, or the name belongs to another user.
    """
    if await holder_of(bus, name) is None:
        await bus.ask_bus("StartServiceByName", "su", name, 0)
    unique = await holder_of_user(bus, name, uid)
    if unique is None:
        raise CallFailed(ErrorType.ACCESS_DENIED.value, f"{name} is another user's")
    return unique
