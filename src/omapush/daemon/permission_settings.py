"""What can be set for one initiator, or for all that need no credentials, and what it means."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from omapush.core.instants import HOUR_MS
from omapush.daemon.settings_table import Table
from omapush.pap.model import DeliveryMethod
from omapush.pap.tolerance import Tolerance, UnknownSwitchError
from omapush.ppg.authorisation import InitiatorPolicy
from omapush.ppg.limits import Allowance
from omapush.ppg.patterns import Filter
from omapush.ppg.permissions import Operation, Permissions

DeliveryMethodSetting = Literal["confirmed", "unconfirmed", "confirmed-with-response", "oneshot"]


class ToleranceTable(Table):
    """tolerance, of [pap], [anonymous] and [[initiators]]: a profile, and switches that differ"""

    profile: Literal["default", "strict", "tolerant"] = Field(
        "default", description="strict: to the letter; tolerant: whatever can be understood"
    )
    strict_mime: bool | None = Field(None, description="line ends and delimiters of multiparts")
    strict_type_param: bool | None = Field(None, description="type parameter of multipart/related")
    strict_doctype: bool | None = Field(None, description="exact identifiers in the DOCTYPE")
    strict_dtd: bool | None = Field(None, description="element tables of PAP; on by default")
    strict_empty: bool | None = Field(None, description="not even white space in empty elements")
    strict_application_id: bool | None = Field(
        None, description="a registered application id must have its scheme"
    )
    strict_times: bool | None = Field(None, description="times in the one form of PAP 8.2")
    strict_charset: bool | None = Field(None, description="no guessing of the character set")
    strict_address: bool | None = Field(None, description="address grammar of PPG 6.1")
    bare_msisdn_prefix: str | None = Field(
        None, description='what stands before phone numbers without +, e.g. "+44", or "+" alone'
    )
    pin_addresses: bool | None = Field(
        None, description="eight hexadecimal digits alone are an address of type USER"
    )
    http_appid_fallback: bool | None = Field(
        None, description="X-Wap-Application-Id of the HTTP request counts if the content has none"
    )
    notify_default: str | None = Field(
        None,
        description="where notifications go if the initiator's own URL is *, empty or relative",
    )

    @field_validator("bare_msisdn_prefix")
    @classmethod
    def _prefix(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                Tolerance(bare_msisdn_prefix=value)
            except UnknownSwitchError as error:
                raise ValueError(error.reason) from error
        return value

    def tolerance(self) -> Tolerance:
        """Return what may be forgiven."""
        return Tolerance.of(self.model_dump(exclude_none=True))


class PermissionTable(Table):
    """What an initiator may do; patterns have ``*`` for any characters"""

    operations: list[Operation] = Field(
        list(Operation), description="what it may ask for; anything else is 2001"
    )
    allow_content_types: list[str] = Field(
        ["*"], description="media types that it may send, e.g. text/*"
    )
    deny_content_types: list[str] = Field([], description="exceptions from these")
    allow_application_ids: list[str] = Field(
        ["*"], description="applications that it may reach: a URI, a code, or prefix*"
    )
    deny_application_ids: list[str] = Field([], description="exceptions from these")
    allow_recipients: list[str] = Field(
        ["*"], description="whom it may reach, as TYPE:value, e.g. PLMN:+44*"
    )
    deny_recipients: list[str] = Field([], description="exceptions from these")
    initiator_uris: list[str] = Field(
        [],
        description="initiator URIs that may go out as authenticated; default: none, and a push "
        "that names one goes out without the mark",
    )
    max_content_octets: int | None = Field(
        None, ge=0, description="largest content; default: as [pap] max_entity lets through"
    )
    max_recipients: int | None = Field(
        None, ge=1, description="most addresses in one push; default: those of [pap]"
    )
    max_age_hours: float | None = Field(
        None,
        gt=0,
        description="longest that a push may wait; default: that of [delivery], and a deadline of "
        "the initiator's may lie later",
    )
    delivery_methods: list[DeliveryMethodSetting] = Field(
        ["confirmed", "unconfirmed", "confirmed-with-response", "oneshot"],
        min_length=1,
        description="delivery methods that it may ask for; confirmed or unconfirmed among them",
    )
    high_priority: bool = Field(
        default=True, description="whether priority high counts; otherwise it becomes medium"
    )
    provisioning: bool = Field(
        default=False, description="may send what configures devices: settings, sessions, rights"
    )
    trusted: bool = Field(
        default=False, description="the gateway tells clients that it vouches for the content"
    )
    pushes_per_second: float | None = Field(
        None, ge=0.001, le=1e6, description="recipients a second; more is 503; default: no limit"
    )
    burst: int | None = Field(
        None, ge=1, le=1_000_000, description="recipients at once; default: those of one second"
    )
    recipients_per_day: int | None = Field(
        None, ge=1, description="recipients a day (UTC); more is 2001; default: no limit"
    )
    tolerance: ToleranceTable | None = Field(
        None, description="what its documents may get wrong; default: that of [pap]"
    )

    @model_validator(mode="after")
    def _burst_of_something(self) -> Self:
        if self.burst is not None and self.pushes_per_second is None:
            raise ValueError("burst needs pushes_per_second")
        return self

    def policy(self) -> InitiatorPolicy:
        """Return what the gateway is to decide by.

        :raises PatternError: a pattern could never match.
        """
        age = self.max_age_hours
        permissions = Permissions(
            operations=frozenset(self.operations),
            content_types=_filter(self.allow_content_types, self.deny_content_types),
            application_ids=_filter(self.allow_application_ids, self.deny_application_ids),
            recipients=_filter(self.allow_recipients, self.deny_recipients),
            initiator_uris=tuple(self.initiator_uris),
            max_content_octets=self.max_content_octets,
            max_recipients=self.max_recipients,
            max_age_ms=None if age is None else max(1, round(age * HOUR_MS)),
            delivery_methods=frozenset(map(DeliveryMethod, self.delivery_methods)),
            high_priority=self.high_priority,
            provisioning=self.provisioning,
            trusted=self.trusted,
        )
        allowance = Allowance(self.pushes_per_second, self.burst, self.recipients_per_day)
        tolerance = self.tolerance.tolerance() if self.tolerance else None
        return InitiatorPolicy(permissions, allowance, tolerance)


def _filter(allow: list[str], deny: list[str]) -> Filter:
    return Filter(tuple(allow), tuple(deny))
