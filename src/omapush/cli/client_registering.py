"""Registering from the command line: what is wished, and the token that makes it ours."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from omapush.cli.client_access import AskedWronglyError, CannotBeDoneError, Members
from omapush.cli.client_tokens import Kept, TokenFile
from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.client.service_messages import Registration
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError

ApplicationToRegister = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="Push application id: URN or number, e.g. x-wap-application:mms.ua"
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="Where tokens are kept; default: omapush/client-tokens.json in XDG_STATE_HOME.",
    ),
]
Instance = Annotated[
    str | None, typer.Option(help="Which instance, where several are registered under one id.")
]

_PROFILE_MEMBERS = (
    "protocol",
    "bearer_type",
    "port",
    "contact_point",
    "cb_message_id",
    "mbms_user_service_description",
    "bcast_access_info",
)


class DeliveryWish(enum.StrEnum):
    """What is preferred when it is not certain whether the application has had a push."""

    AT_LEAST_ONCE = "at-least-once"
    AT_MOST_ONCE = "at-most-once"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is said of a registration beyond its push application id (CAI 5.1)."""

    application_id: Annotated[
        str | None, typer.Option(help="URI that names the application itself.")
    ] = None
    accept: Annotated[
        list[str] | None, typer.Option(help="A media type wanted; may be repeated. Default: any.")
    ] = None
    whitelist: Annotated[
        list[str] | None,
        typer.Option(help="Address of a source that may push; may be repeated. Default: any."),
    ] = None
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help='Connection profile, "protocol=OTA-HTTP,bearer_type=GPRS,port=4035"; '
            "may be repeated."
        ),
    ] = None
    registration_uri: Annotated[str | None, typer.Option(help="Push service to register at.")] = (
        None
    )
    event_handler: Annotated[
        str | None, typer.Option(help="What the client calls with pushes, e.g. unix:/run/a.sock")
    ] = None
    delegated_storage: Annotated[
        bool, typer.Option("--delegated-storage", help="The client keeps pushes meanwhile.")
    ] = False
    delivery: Annotated[DeliveryWish | None, typer.Option(help="Default: at-least-once.")] = None
    instance: Instance = None
    ack_timeout: Annotated[
        float | None, typer.Option(help="Seconds that an answer to a push may take.")
    ] = None

    def members(self) -> Members:
        """Return them as members of a registration request, without those that are not said.

        :raises AskedWronglyError: a profile is not of its form.
        """
        given: Members = {
            "application_id": self.application_id,
            "accept": self.accept,
            "whitelist": [{"addr": one} for one in self.whitelist or []],
            "profiles": [read_profile(one) for one in self.profile or []],
            "registration_uri": self.registration_uri,
            "event_handler": self.event_handler,
            "delegated_storage": self.delegated_storage,
            "delivery": self.delivery.replace("-", "_") if self.delivery is not None else None,
            "instance": self.instance,
            "ack_timeout": self.ack_timeout,
        }
        return {name: one for name, one in given.items() if one not in (None, [], False)}


def read_profile(text: str) -> Members:
    """Read a connection profile. :raises AskedWronglyError: not name=value, or no such name."""
    members: Members = {}
    for part in text.split(","):
        name, equals, value = (one.strip() for one in part.partition("="))
        if not equals or name in members:
            what = "is there twice" if name in members else "is not name=value"
            raise AskedWronglyError(f"--profile: {part!r} {what}")
        if name not in _PROFILE_MEMBERS:
            known = ", ".join(_PROFILE_MEMBERS)
            raise AskedWronglyError(f"--profile: {name!r} is none of {known}")
        is_number = value.isascii() and value.isdecimal()
        members[name] = int(value) if name == "port" and is_number else value
    return members


class Applicant:
    """An application that is registered from the command line, known again by its token.

    :param path: the socket of the client.
    :raises AskedWronglyError: the id is none.
    """

    def __init__(
        self, path: Path, push_application_id: str, instance: str | None, tokens: TokenFile
    ) -> None:
        try:
            self.canonical = ApplicationId.parse(push_application_id).canonical
        except DecodeError as error:
            raise AskedWronglyError(error.reason) from error
        self.path = path
        self.tokens = tokens
        self._named = push_application_id
        self._instance = instance

    def kept(self) -> Kept | None:
        """Return the token that is kept. :raises TokenFileError: the file cannot be used."""
        return self.tokens.find(self.path, self.canonical, self._instance)

    async def register(self, cai: ServiceClient, wishes: Members) -> Registration:
        """Register or update; return the first answer, when its token is kept.

        :raises ServicePointError: rejected. :raises TokenFileError: the token cannot be kept.
        """
        kept = self.kept()
        cai.token = kept.token if kept is not None else None
        request = {"push_application_id": self._named, **wishes}
        try:
            registration = await self._asked(cai, request)
        except ServicePointError as error:
            if error.cause == "already_registered" and kept is None:
                reason = f"{error}; if it was you, its token is not in {self.tokens.path}"
                raise CannotBeDoneError(reason) from error
            raise
        token = cai.token or ""
        mine = Kept(
            str(self.path.absolute()), self.canonical, self._instance, registration["id"], token
        )
        if mine != kept:
            await self._keep(cai, mine)
        return registration

    async def registered(self, cai: ServiceClient) -> Registration | None:
        """Return the registration that is there from an earlier time and still lives."""
        kept = self.kept()
        if kept is None:
            return None
        cai.token = kept.token
        try:
            found = await cai.registration(kept.registration)
        except ServicePointError as error:
            if error.status in (401, 404):
                return None
            raise
        return found if found["state"] in ("pending", "registered", "lost") else None

    async def deregister(self, cai: ServiceClient, *, force: bool) -> Registration:
        """End the registration; its token is forgotten when it has ended.

        :raises CannotBeDoneError: it is not ours, or there is none.
        """
        kept = self.kept()
        if kept is None:
            reason = f"no token for {self.canonical} is in {self.tokens.path}"
            raise CannotBeDoneError(f"{reason}: only who registered it can deregister it")
        cai.token = kept.token
        try:
            ended = await cai.deregister(kept.registration, WAIT_SECONDS, force=force)
        except ServicePointError as error:
            if error.status in (401, 404):
                self.tokens.forget(kept)
                raise CannotBeDoneError(f"{self.canonical} is not registered any more") from error
            raise
        if ended["state"] == "deregistered":
            self.tokens.forget(kept)
        return ended

    async def _asked(self, cai: ServiceClient, request: Members) -> Registration:
        try:
            return await cai.register(request, wait_seconds=0)
        except ServicePointError as error:
            if error.status != 401 or cai.token is None:
                raise
            # The client has a new file, and knows nobody of the old one.
            cai.token = None
            return await cai.register(request, wait_seconds=0)

    async def _keep(self, cai: ServiceClient, mine: Kept) -> None:
        try:
            self.tokens.keep(mine)
        except BaseException:
            # Without its token nobody could ever use the registration.
            await cai.deregister(mine.registration)
            raise


WAIT_SECONDS = 30.0
"""How long one request waits for the second answer."""


async def settled(
    cai: ServiceClient, registration: Registration, tell: Callable[[Registration], None]
) -> Registration:
    """Return the second answer (CAI 5.1); ``tell`` is given both as they come."""
    tell(registration)
    if registration["state"] != "pending":
        return registration
    while registration["state"] == "pending":
        registration = await cai.registration(registration["id"], WAIT_SECONDS)
    tell(registration)
    return registration
