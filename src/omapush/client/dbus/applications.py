"""Calls applications: hands them pushes, and tells them what becomes of their registrations.

An application offers ``org.omapush.Application1`` at a path that it named. What it answers to
``Push`` is the answer to the push (CAI-3): ``accept``, or ``reject`` with one of the reasons.
"""

from __future__ import annotations

import re
from typing import NoReturn

import structlog
from dbus_fast import ErrorType, Variant
from dbus_fast.validators import is_bus_name_valid, is_object_path_valid

from omapush.cai import wire
from omapush.cai.model import (
    Accept,
    Answer,
    PushEvent,
    Reason,
    RegistrationRejected,
    Reject,
    RejectReason,
    StatusChange,
)
from omapush.client.dbus.bus import Bus, CallFailed
from omapush.client.dbus.content import descriptor_of
from omapush.client.dbus.names import started
from omapush.client.dbus.variants import text_of, variants_of
from omapush.client.handler import Handler
from omapush.client.handlers.address import BusAddress
from omapush.client.owner import Owner

log = structlog.get_logger(__name__)

APPLICATION = "org.omapush.Application1"
SCHEME = "dbus:"

ANSWER_SECONDS = 150
"""Longer than any time that an application may ask for: the push's own deadline comes first."""

_UNREACHABLE = re.compile(r"org\.freedesktop\.DBus\.Error\.(ServiceUnknown|NameHasNoOwner|Spawn\.)")


class Applications:
    """The applications on one bus, which may come and go."""

    def __init__(self) -> None:
        self._bus: Bus | None = None

    def connected(self, bus: Bus) -> None:
        """Call applications on this bus."""
        self._bus = bus

    def disconnected(self) -> None:
        """Call none until there is a bus again."""
        self._bus = None

    def handler_at(self, address: BusAddress, owner: Owner) -> Handler:
        """Return what hands pushes to the application that an event handler names."""
        return self.handler(address.bus_name, address.object_path, owner.uid)

    def handler(self, name: str, path: str, uid: int | None = None) -> Handler:
        """Return what hands pushes to the application with this bus name, at this path.

        The bus starts an application that is away, if it knows how.

        :param uid: the user whose it has to be; ``None``: anybody's who may have the name.
        """

        async def push(event: PushEvent) -> Answer:
            if self._bus is None:
                return _later("the bus is away")
            try:
                unique = name if name.startswith(":") else await started(self._bus, name, uid)
                return await _push(self._bus, unique, path, event)
            except CallFailed as error:
                log.info("application_failed", name=name, path=path, why=error.reason)
                return _later(_cause(error))

        return push

    def tell_status(self, unique: str, path: str, registration: str, change: StatusChange) -> None:
        """Call ``StatusChanged``; what it answers is of no interest.

        :param registration: path of the registration's object.
        """
        reason = change.registration.reason
        body = (registration, change.old.value, change.new.value, reason.value if reason else "")
        self._tell(unique, path, "StatusChanged", "osss", body)

    def release(self, unique: str, path: str) -> None:
        """Tell an application that it is not called at this path any more."""
        self._tell(unique, path, "Released", "", ())

    def _tell(
        self, unique: str, path: str, member: str, signature: str, body: tuple[str, ...]
    ) -> None:
        if self._bus is not None:
            self._bus.tell(unique, path, APPLICATION, member, signature, body)


def event_handler(name: str, path: str) -> str:
    """Return how an application is written in ``event_handler``: ``dbus:<bus name><path>``."""
    return f"{SCHEME}{name}{path}"


def application_of(handler: str) -> tuple[str, str]:
    """Return bus name and object path of an ``event_handler``.

    :raises RegistrationRejected: it does not have that form.
    """
    name, slash, path = handler.removeprefix(SCHEME).partition("/")
    path = slash + path
    if not handler.startswith(SCHEME) or not is_bus_name_valid(name):
        _invalid(f"is not {SCHEME}<bus name>/<object path>")
    if not is_object_path_valid(path):
        _invalid("has no object path")
    return name, path


def _invalid(what: str) -> NoReturn:
    name = "event_handler"
    raise RegistrationRejected(Reason.INVALID_PARAMETER, f"{name} {what}", name)


async def _push(bus: Bus, unique: str, path: str, event: PushEvent) -> Answer:
    try:
        descriptor = descriptor_of(event.content)
    except OSError as error:
        return _later(f"no room for the content: {error}")
    body = [event_of(event), 0]
    answer = await bus.call(
        unique, path, APPLICATION, "Push", "a{sv}h", body,
        descriptor=descriptor, seconds=ANSWER_SECONDS,
    )  # fmt: skip
    return answer_of(answer[0] if answer else None)


def event_of(event: PushEvent) -> dict[str, Variant]:
    """Return an event as a dictionary, without its content."""
    members = wire.event_members(event)
    members.pop("content_b64", None)
    return variants_of(members)


def answer_of(result: object) -> Answer:
    """Return the answer that a result of ``Push`` is; no answer at all is "try later" (T-60)."""
    if result == "accept":
        return Accept()
    verdict, _, reason = result.partition(":") if isinstance(result, str) else ("", "", "")
    if verdict != "reject":
        return _later(f"application_error: it answered {text_of(str(result))[:100]!r}")
    if not reason:
        return Reject()
    try:
        return Reject(RejectReason(reason))
    except ValueError:
        # It does refuse, whatever its reason is called.
        return Reject(RejectReason.REFUSED, text_of(reason)[:100])


def _later(why: str) -> Reject:
    return Reject(RejectReason.TRY_LATER, why)


def _cause(error: CallFailed) -> str:
    if _UNREACHABLE.match(error.name):
        return "the application is not running and cannot be started"
    if error.name == ErrorType.NO_REPLY.value:
        return "the application gave no answer"
    if error.name == ErrorType.DISCONNECTED.value:
        return "the bus went away"
    return f"application_error: {error.name}"
