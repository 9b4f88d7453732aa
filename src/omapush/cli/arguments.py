"""Arguments and options that several verbs of an initiator share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PASSWORD_VARIABLE = "OMAPUSH_PASSWORD"  # noqa: S105 - the variable's name
DEFAULT_PPG = "http://127.0.0.1:8080/pap"
DEFAULT_APPLICATION = "x-wap-application:wml.ua"

_FORMS = "+441234567890, an IP address, user@host, or WAPPUSH=..."

PushId = Annotated[str, typer.Argument(help="The push-id that the initiator gave.")]
Addresses = Annotated[list[str], typer.Argument(help=f"Recipients: {_FORMS}")]
SomeAddresses = Annotated[
    list[str] | None, typer.Argument(help=f"Recipients; none means all. {_FORMS}")
]
Address = Annotated[str, typer.Argument(help=f"The client: {_FORMS}")]
Application = Annotated[
    str, typer.Option("--application", "-a", help="Application id: URN or hexadecimal number.")
]
Ppg = Annotated[str, typer.Option(help="URL of the gateway.")]
Username = Annotated[str | None, typer.Option(help="User name for HTTP Basic.")]
Password = Annotated[
    str | None,
    typer.Option(envvar=PASSWORD_VARIABLE, help="Password; better in the environment."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[Path | None, typer.Option("--file", "-f", help="Content from a file.")]
Text = Annotated[str | None, typer.Option("--text", "-t", help="Content from here.")]
ContentType = Annotated[
    str | None, typer.Option(help="Media type; default by the file's ending, or text/plain.")
]
Headers = Annotated[
    list[str] | None, typer.Option("--header", "-H", help="Push header, 'Name: value'.")
]
Confirmed = Annotated[
    bool | None, typer.Option("--confirmed/--unconfirmed", help="Delivery method.")
]
NewPushId = Annotated[str | None, typer.Option("--push-id", help="push-id; default: a new one.")]
NotifyTo = Annotated[str | None, typer.Option(help="URL for result notifications.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Receive the result notifications here and show them.")
]
WaitSeconds = Annotated[float, typer.Option(help="Patience of --wait.")]
Listen = Annotated[str, typer.Option(help="Where to listen; the gateway must reach it.")]
