"""What can be set for the Push Service Registration procedure of a client."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from omapush.daemon.settings_table import NetworkSetting, SettingsError, Table, first_line
from omapush.web.policy import DEFAULT_FORBIDDEN_TARGETS, OutboundPolicy, TargetForbiddenError

_NAME = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]+")


def _url(value: str) -> str:
    try:
        OutboundPolicy(forbidden=()).parse(value)
    except TargetForbiddenError as error:
        raise ValueError(error.reason) from error
    return value


def _host(value: str) -> str:
    name = value.lower()
    if not _NAME.fullmatch(name):
        raise ValueError("not a host name, .domain or IP address")
    return name


UrlSetting = Annotated[str, AfterValidator(_url)]
HostSetting = Annotated[str, AfterValidator(_host)]


class ServiceCredentialsTable(Table):
    """[[service_registration.credentials]]"""

    host: HostSetting = Field(description="host that they are for, as its URL names it")
    username: str = Field(
        min_length=1, pattern=r'^[^:"\\]+$', description="user name for HTTP Digest and Basic"
    )
    realm: str | None = Field(
        None, min_length=1, description="only where the server names this realm; default: any"
    )
    password: SecretStr | None = Field(None, description="the password, or ...")
    password_file: Path | None = Field(
        None, description="... a file whose first line is it, or ..."
    )
    password_environment: str | None = Field(
        None, min_length=1, description="... the name of an environment variable that holds it"
    )

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        given = (self.password, self.password_file, self.password_environment)
        if sum(one is not None for one in given) != 1:
            raise ValueError("needs one of password, password_file and password_environment")
        return self

    def secret(self) -> str:
        """Return the password. :raises SettingsError: it cannot be had."""
        what = f"password of service_registration.credentials for {self.host}"
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is not None:
            return first_line(self.password_file, what)
        value = os.environ.get(self.password_environment or "")
        if not value:
            raise SettingsError(f"{what}: the environment has no {self.password_environment}")
        return value


class ServiceRegistrationTable(Table):
    """[service_registration]"""

    uri: UrlSetting | None = Field(
        None,
        description="push service at which applications are registered that name neither a service "
        "nor a profile; default: none",
    )
    timeout_seconds: float = Field(30, gt=0, le=120, description="patience for an answer")
    tell_terminal_id: bool = Field(
        default=True, description="tell push services the id of [terminal]"
    )
    hosts: list[HostSetting] = Field(
        [],
        description="hosts that push services may be at, .example.net for all below; default: any",
    )
    tls_only: bool = Field(default=False, description="https only")
    forbid: list[NetworkSetting] = Field(
        [str(network) for network in DEFAULT_FORBIDDEN_TARGETS],
        description="networks that no push service is asked in",
    )
    allow: list[NetworkSetting] = Field([], description="exceptions from forbid")
    ca_file: Path | None = Field(
        None,
        description="authorities in PEM whose push services are believed, beside those of the "
        "system",
    )
    credentials: list[ServiceCredentialsTable] = Field(
        [], description="how the client proves who it is to servers that ask"
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        hosts = [one.host for one in self.credentials]
        if len(set(hosts)) != len(hosts):
            raise ValueError("two credentials for one host")
        return self
