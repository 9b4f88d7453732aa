"""What can be set about SMSCs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from omapush.bearers.smsc_account import (
    MessageIdForm,
    Number,
    Pace,
    Reading,
    SmscAccount,
    SubmissionStyle,
    ValidityForm,
    Writing,
)
from omapush.daemon.settings_table import EndpointSetting, SettingsError, first_line, milliseconds
from omapush.daemon.settings_table import Table as _Table
from omapush.protocols.smpp.values import InterfaceVersion, NumberingPlan, TypeOfNumber

LONGEST_PASSWORD = 8
"""Octets that a bind has for it, without the NUL (SMPP 3.4, 4.1.1)."""
_PRINTABLE = r"[!-~]"
_VERSIONS = {"3.4": InterfaceVersion.V3_4, "5.0": InterfaceVersion.V5_0}

Pattern = Annotated[str, Field(pattern=r"^\+?[0-9*]{1,31}$")]


class SmscTable(_Table):
    """[[smsc]]"""

    name: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,32}$", description="what the ledger and the logs call it"
    )
    endpoint: EndpointSetting = Field(description="where it takes binds")
    system_id: str = Field(pattern=rf"^{_PRINTABLE}{{1,15}}$", description="who we are there")
    password: SecretStr | None = Field(None, description="the password for it, or ...")
    password_file: Path | None = Field(None, description="... a file whose first line is it")
    system_type: str = Field("", pattern=rf"^{_PRINTABLE}{{0,12}}$", description="if it wants one")
    bind: Literal["transceiver", "separate"] = Field(
        "transceiver", description="one bind for both directions, or a transmitter and a receiver"
    )
    binds: int = Field(1, ge=1, le=16, description="how many at a time; pairs, if separate")
    version: Literal["3.4", "5.0"] = Field("3.4", description="of SMPP")
    tls: bool = Field(default=False, description="connect by TLS, and verify its certificate")
    tls_ca: Path | None = Field(
        None,
        description="authorities in PEM that may have signed it, beside those of the system",
    )
    window: int = Field(10, ge=1, le=1_000, description="messages unanswered on one bind")
    per_second: float | None = Field(
        None, gt=0, le=100_000, description="messages a second over all binds; default: no limit"
    )
    style: SubmissionStyle = Field(
        SubmissionStyle.UDH,
        description="submit_sm with user data header, submit_sm with TLVs for each segment, "
        "submit_sm or data_sm with the whole datagram",
    )
    data_coding: Literal[4, 245] = Field(
        4, description="8 bit data: 4 without a class, 245 (0xF5) with class 1"
    )
    source: str = Field(
        "",
        pattern=r"^[ -~]{0,20}$",
        description="our address as phones see it: +number, short code or name",
    )
    source_ton: int | None = Field(
        None, ge=0, le=6, description="its type of number; default: as it looks"
    )
    source_npi: int | None = Field(
        None, ge=0, le=18, description="its numbering plan; default: as it looks"
    )
    short_code_ton: int = Field(0, ge=0, le=6, description="type of number of recipients without +")
    short_code_npi: int = Field(1, ge=0, le=18, description="their numbering plan")
    service_type: str | None = Field(
        None,
        pattern=rf"^{_PRINTABLE}{{0,5}}$",
        description="if it wants one; default: WAP in data_sm, none in submit_sm",
    )
    validity: ValidityForm = Field(
        ValidityForm.RELATIVE, description="how it is told when a push expires"
    )
    numbers: list[Pattern] = Field(
        [], description="patterns of numbers that it serves, e.g. +358*; default: every number"
    )
    message_id_form: MessageIdForm = Field(
        MessageIdForm.AUTO, description="how ids in receipts relate to those in responses"
    )
    unmarked_receipts: bool = Field(
        default=False,
        description="believe texts that look like receipts, though nothing marks them as such",
    )
    connect_timeout_seconds: float = Field(10, gt=0, le=60, description="patience when dialling")
    response_timeout_seconds: float = Field(
        30, gt=0, le=120, description="patience for an answer; then a push is in doubt"
    )
    enquire_link_seconds: float = Field(
        30, gt=0, le=3_600, description="silence after which it is asked whether it is there"
    )
    reconnect_first_seconds: float = Field(1, gt=0, le=3_600, description="wait before a new bind")
    reconnect_longest_seconds: float = Field(
        60, gt=0, le=3_600, description="the wait doubles up to this"
    )
    reconnect_refused_seconds: float = Field(
        300, gt=0, le=86_400, description="wait after it refused our credentials"
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("has either password or password_file")
        if self.password is not None:
            _check_password(self.password.get_secret_value(), "password")
        if self.tls_ca is not None and not self.tls:
            raise ValueError("tls_ca needs tls = true")
        if self.reconnect_first_seconds > self.reconnect_longest_seconds:
            raise ValueError("reconnect_first_seconds is over reconnect_longest_seconds")
        if (self.source_ton is None) != (self.source_npi is None):
            raise ValueError("source_ton and source_npi need each other")
        if self.source_ton is not None and not self.source:
            raise ValueError("source_ton and source_npi need a source")
        return self

    def account(self, tls: ssl.SSLContext | None) -> SmscAccount:
        """Return what the bearer needs to know; ``tls``: how to connect, if by TLS.

        :raises SettingsError: the password's file cannot be used.
        """
        return SmscAccount(
            name=self.name,
            host=self.endpoint.host,
            port=self.endpoint.port,
            system_id=self.system_id,
            password=self._secret(),
            system_type=self.system_type,
            tls=tls,
            separate=self.bind == "separate",
            binds=self.binds,
            version=_VERSIONS[self.version],
            numbers=tuple(self.numbers),
            writing=self._writing(),
            reading=Reading(self.message_id_form, self.unmarked_receipts),
            pace=self._pace(),
        )

    def _secret(self) -> str:
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is None:
            return ""
        what = f"password_file of smsc {self.name!r}"
        secret = first_line(self.password_file, what)
        try:
            _check_password(secret, what)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        return secret

    def _writing(self) -> Writing:
        return Writing(
            style=self.style,
            data_coding=self.data_coding,
            source=_number(self.source, self.source_ton, self.source_npi),
            short_code=Number("", self.short_code_ton, self.short_code_npi),
            service_type=self.service_type,
            validity=self.validity,
        )

    def _pace(self) -> Pace:
        return Pace(
            window=self.window,
            per_second=self.per_second,
            connect_timeout_ms=milliseconds(self.connect_timeout_seconds),
            response_timeout_ms=milliseconds(self.response_timeout_seconds),
            enquire_link_ms=milliseconds(self.enquire_link_seconds),
            reconnect_first_ms=milliseconds(self.reconnect_first_seconds),
            reconnect_longest_ms=milliseconds(self.reconnect_longest_seconds),
            reconnect_refused_ms=milliseconds(self.reconnect_refused_seconds),
        )


def _check_password(secret: str, what: str) -> None:
    if len(secret) > LONGEST_PASSWORD or not secret.isascii() or "\0" in secret:
        raise ValueError(f"{what}: SMPP takes at most {LONGEST_PASSWORD} characters of ASCII")


def _number(address: str, ton: int | None, npi: int | None) -> Number:
    """Return our address with its type: as set, or else as it looks."""
    if ton is not None and npi is not None:
        return Number(address.removeprefix("+"), ton, npi)
    digits = address.removeprefix("+")
    if not address:
        return Number()
    if not digits.isdecimal():
        return Number(address, TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN)
    if address.startswith("+"):
        return Number(digits, TypeOfNumber.INTERNATIONAL, NumberingPlan.ISDN)
    return Number(digits, TypeOfNumber.UNKNOWN, NumberingPlan.ISDN)
