"""Arguments and options that several verbs of an initiator share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from omapush.initiator.client import PushInitiator
from omapush.initiator.retrying import MAX_RETRIES
from omapush.pap.model import Priority

PASSWORD_VARIABLE = "OMAPUSH_PASSWORD"  # noqa: S105 - the variable's name
API_KEY_VARIABLE = "OMAPUSH_API_KEY"
DEFAULT_PPG = "http://127.0.0.1:8080/pap"
DEFAULT_APPLICATION = "x-wap-application:wml.ua"

FORMS = "+441234567890, an IP address, sip:user@host, user@host, or WAPPUSH=..."

PushId = Annotated[str, typer.Argument(help="The push-id that the initiator gave.")]
Addresses = Annotated[list[str], typer.Argument(help=f"Recipients: {FORMS}")]
SomeAddresses = Annotated[
    list[str] | None, typer.Argument(help=f"Recipients; none means all. {FORMS}")
]
Address = Annotated[str, typer.Argument(help=f"The client: {FORMS}")]
Ppg = Annotated[str, typer.Option(help="URL of the gateway.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_TIME = "as 2030-12-31T23:59:59Z."


@dataclass(frozen=True, slots=True)
class Access:
    """How a gateway is talked to: credentials and certificates."""

    username: Annotated[str | None, typer.Option(help="User name for HTTP Basic or Digest.")] = None
    password: Annotated[
        str | None,
        typer.Option(envvar=PASSWORD_VARIABLE, help="Password; better in the environment."),
    ] = field(default=None, repr=False)
    digest: Annotated[
        bool, typer.Option("--digest", help="HTTP Digest: the password is never sent.")
    ] = False
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar=API_KEY_VARIABLE,
            help="API key, instead of user name and password; better in the environment.",
        ),
    ] = field(default=None, repr=False)
    ca_file: Annotated[
        Path | None, typer.Option(help="PEM: who may have signed the gateway's certificate.")
    ] = None
    certificate: Annotated[
        Path | None, typer.Option(help="PEM: our own certificate for the gateway.")
    ] = None
    key: Annotated[
        Path | None, typer.Option(help="PEM: its private key, if that is a file of its own.")
    ] = None

    def initiator(self, ppg: str) -> PushInitiator:
        """Return an initiator towards the gateway at ``ppg``.

        :raises CredentialsError: they contradict each other.
        :raises TlsFilesError: a file cannot be used.
        """
        return PushInitiator(
            ppg,
            username=self.username,
            password=self.password,
            digest=self.digest,
            api_key=self.api_key,
            ca_file=self.ca_file,
            certificate=self.certificate,
            key=self.key,
        )


@dataclass(frozen=True, slots=True)
class Content:
    """What is pushed: a body of any kind, and the application it is for."""

    application: Annotated[
        str, typer.Option("--application", "-a", help="Application id: URN or hexadecimal number.")
    ] = DEFAULT_APPLICATION
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Content from a file.")] = None
    text: Annotated[str | None, typer.Option("--text", "-t", help="Content from here.")] = None
    content_type: Annotated[
        str | None, typer.Option(help="Media type; default by the file's ending, or text/plain.")
    ] = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What is wished for one push, whatever it contains."""

    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="Push header, 'Name: value'.")
    ] = None
    confirmed: Annotated[
        bool | None, typer.Option("--confirmed/--unconfirmed", help="Delivery method.")
    ] = None
    priority: Annotated[Priority | None, typer.Option(help="Wish for the delivery.")] = None
    network: Annotated[str | None, typer.Option(help="Wish, such as GSM.")] = None
    network_required: Annotated[
        bool, typer.Option("--network-required", help="By this --network or not at all.")
    ] = False
    bearer: Annotated[str | None, typer.Option(help="Wish, such as SMS.")] = None
    bearer_required: Annotated[
        bool, typer.Option("--bearer-required", help="By this --bearer or not at all.")
    ] = False
    deliver_before: Annotated[
        str | None, typer.Option(help=f"Not later than this, UTC, {_TIME}")
    ] = None
    deliver_after: Annotated[
        str | None, typer.Option(help=f"Not earlier than this, UTC, {_TIME}")
    ] = None
    capabilities: Annotated[
        Path | None, typer.Option(help="UAProf document: what is assumed of the clients.")
    ] = None
    push_id: Annotated[
        str | None, typer.Option("--push-id", help="push-id; default: a new one.")
    ] = None
    retries: Annotated[
        int,
        typer.Option(
            min=0, max=MAX_RETRIES, help="Repeat it while there is no answer, under one push-id."
        ),
    ] = 0
    progress: Annotated[
        bool, typer.Option("--progress", help="Show what the gateway noted on the way.")
    ] = False
    notify_to: Annotated[str | None, typer.Option(help="URL for result notifications.")] = None
    wait: Annotated[
        bool, typer.Option("--wait", help="Receive the result notifications here and show them.")
    ] = False
    wait_seconds: Annotated[float, typer.Option(help="Patience of --wait.")] = 60.0
    listen: Annotated[
        str, typer.Option(help="Where --wait listens; the gateway must reach it.")
    ] = "127.0.0.1:0"
