"""What can be set for the push services of a gateway, at which clients register."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from omapush.core.errors import EncodeError
from omapush.daemon.settings_table import EndpointSetting, NetworkSetting, Table
from omapush.ota import service_registration as wire
from omapush.ota.service_registration import RegisteredProfile, ServiceRegistration
from omapush.ppg.credentials import Scheme
from omapush.ppg.patterns import PatternError, check_application_pattern
from omapush.ppg.service_registration.services import PushService

_PATH = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}")


def _path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("not a path of plain segments, such as /push-service-registration")
    return value


def _application_pattern(value: str) -> str:
    try:
        check_application_pattern(value)
    except PatternError as error:
        raise ValueError(error.reason) from error
    return value


class PushProfileTable(Table):
    """[[service_registration.services.profiles]]"""

    protocol: str | None = Field(
        None, description="variant by which pushes come, e.g. OTA-HTTP; default: the client chooses"
    )
    bearer_type: str | None = Field(None, description="bearer by its UAProf name, e.g. GPRS")
    port: int | None = Field(None, ge=1, le=65_535, description="port of the contact point")
    contact_point: str | None = Field(
        None,
        description="host name, IP address or URI of this gateway, for clients that dial it; "
        "default: they wait",
    )
    cb_message_id: str | None = Field(None, description="Cell Broadcast message id")
    mbms_user_service_description: str | None = Field(
        None, description="an XML element, or where it is to be had"
    )
    bcast_access_info: str | None = Field(None, description="likewise")

    def profile(self, priority: int) -> RegisteredProfile:
        """Return the profile as clients are told."""
        return RegisteredProfile(**self.model_dump(), priority=priority)


class PushServiceTable(Table):
    """[[service_registration.services]]"""

    name: str = Field(pattern=r"^[!-~]{1,64}$", description="the operator's name for it")
    applications: list[Annotated[str, AfterValidator(_application_pattern)]] = Field(
        ["*"],
        min_length=1,
        max_length=wire.MAX_APPLICATION_IDS,
        description="ids of the applications that it is for; one may end in *",
    )
    max_per_terminal: int = Field(
        32, ge=1, le=10_000, description="registrations of one terminal that hold at a time"
    )
    profiles: list[PushProfileTable] = Field(
        [],
        max_length=wire.MAX_PROFILES,
        description="ways by which pushes come, best first; default: those that clients are "
        "provisioned with",
    )

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        try:
            wire.encode(ServiceRegistration(profiles=self.service().profiles))
        except EncodeError as error:
            raise ValueError(f"profiles: {error}") from error
        return self

    def service(self) -> PushService:
        """Return the push service."""
        profiles = tuple(
            table.profile(number) for number, table in enumerate(self.profiles, start=1)
        )
        return PushService(self.name, tuple(self.applications), profiles, self.max_per_terminal)


class PpgServiceRegistrationTable(Table):
    """[service_registration]"""

    listen: EndpointSetting | None = Field(
        None, description="where clients register at push services; default: nowhere"
    )
    tls_certificate: Path | None = Field(
        None, description="certificate chain in PEM; with it registrations are served by TLS"
    )
    tls_key: Path | None = Field(None, description="its private key in PEM, not encrypted")
    paths: list[Annotated[str, AfterValidator(_path)]] = Field(
        ["/push-service-registration"], min_length=1, description="URL paths that take them"
    )
    schemes: list[Scheme] = Field(
        [Scheme.DIGEST_SHA_256, Scheme.DIGEST_MD5],
        min_length=1,
        description="HTTP authentication schemes by which terminals prove who they are: by "
        "terminal_id and terminal_password of [[clients]]; not bearer",
    )
    anonymous_from: list[NetworkSetting] = Field(
        [], description="networks that may register without credentials; default: none"
    )
    expires_seconds: int = Field(
        86_400,
        ge=60,
        le=wire.MAX_EXPIRES_SECONDS,
        description="a registration that nobody refreshes runs out after this",
    )
    max_per_address: int = Field(
        64,
        ge=1,
        le=100_000,
        description="registrations without credentials of one address that hold at a time",
    )
    max_registrations: int = Field(
        100_000, ge=1, le=10_000_000, description="registrations that hold at a time; more is 503"
    )
    max_connections: int = Field(1_000, ge=1, description="more at a time are answered 503")
    read_timeout_seconds: float = Field(
        10, gt=0, le=600, description="patience for a request; then the connection is closed"
    )
    services: list[PushServiceTable] = Field(
        [], description="push services; the first that is for one of the applications counts"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key need each other")
        if Scheme.BEARER in self.schemes:
            raise ValueError("terminals have no bearer tokens")
        if self.listen is not None and not self.services:
            raise ValueError("listen needs services")
        names = [one.name for one in self.services]
        if len(set(names)) < len(names):
            raise ValueError("two services of the same name")
        return self
