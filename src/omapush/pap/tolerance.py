"""What a decoder may forgive."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

from omapush.core.errors import OmapushError

_PREFIX = re.compile(r"\+[0-9]{0,15}", re.ASCII)


class UnknownSwitchError(OmapushError):
    """There is no such switch or profile, or it cannot have this value."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Switches; ``True`` is the strict position.

    :ivar strict_mime: CRLF line ends, a closing delimiter, an empty line after part headers, and
        three parts at most.
    :ivar strict_type_param: multipart/related must have a well-formed ``type`` parameter.
    :ivar strict_doctype: a DOCTYPE with the exact identifiers, the version list inside it, and
        nothing in front.
    :ivar strict_dtd: the element tables to the letter. PAP demands it (PPG 5.1.1), so it is on;
        off, the order of elements, unknown attributes and the case of enumerations are forgiven.
    :ivar strict_empty: nothing, not even white space, in an element that the DTD has empty. A
        switch of its own: Kannel's samples have it, and nothing can be misread.
    :ivar strict_application_id: X-Wap-Application-Id is a URI or a code; a registered name without
        its ``x-wap-application:``, as Kannel's tools send it, is not completed.
    :ivar strict_times: times in the one form that PAP has (PAP 8.2).
    :ivar strict_charset: no falling back when octets are not of the declared character set.
    :ivar strict_address: the address grammar to the letter, and a URL for notifications.
    :ivar bare_msisdn_prefix: what stands before a phone number without ``+``, for instance ``+44``,
        or ``+`` where such numbers have their country code; empty: they are no phone numbers.
    :ivar pin_addresses: eight hexadecimal digits alone are an address of type USER (BlackBerry).
    :ivar http_appid_fallback: X-Wap-Application-Id of the HTTP request counts when the content has
        none.
    :ivar notify_default: URL for result notifications when the initiator names none that is
        absolute (``*``, nothing, a relative one); empty: no notification is sent then.
    :raises UnknownSwitchError: a prefix that cannot begin a phone number.
    """

    strict_mime: bool = False
    strict_type_param: bool = False
    strict_doctype: bool = False
    strict_dtd: bool = True
    strict_empty: bool = False
    strict_application_id: bool = False
    strict_times: bool = False
    strict_charset: bool = False
    strict_address: bool = False
    bare_msisdn_prefix: str = ""
    pin_addresses: bool = False
    http_appid_fallback: bool = False
    notify_default: str = ""

    def __post_init__(self) -> None:
        if self.bare_msisdn_prefix and not _PREFIX.fullmatch(self.bare_msisdn_prefix):
            raise UnknownSwitchError("bare_msisdn_prefix is + and at most fifteen digits")

    @classmethod
    def of(cls, switches: Mapping[str, object]) -> Tolerance:
        """Return the tolerance that an operator describes.

        :param switches: ``profile`` with a name of :data:`PROFILES`, and single switches on top.
        :raises UnknownSwitchError: an unknown name, or a value that a switch cannot have.
        """
        single = dict(switches)
        name = single.pop("profile", "default")
        profile = PROFILES.get(name) if isinstance(name, str) else None
        if profile is None:
            raise UnknownSwitchError(f"profile is one of {', '.join(PROFILES)}, not {name!r}")
        known = {field.name: field.default for field in dataclasses.fields(cls)}
        for switch, value in single.items():
            if switch not in known:
                raise UnknownSwitchError(f"no tolerance switch is called {switch!r}")
            if type(value) is not type(known[switch]):
                kind = type(known[switch]).__name__
                raise UnknownSwitchError(f"{switch} is a {kind}, not {value!r}")
        return dataclasses.replace(profile, **single)  # type: ignore[arg-type]  # judged above


PROFILES: dict[str, Tolerance] = {
    "default": Tolerance(),
    "strict": Tolerance(
        strict_mime=True,
        strict_type_param=True,
        strict_doctype=True,
        strict_dtd=True,
        strict_empty=True,
        strict_application_id=True,
        strict_times=True,
        strict_charset=True,
        strict_address=True,
    ),
    "tolerant": Tolerance(strict_dtd=False),
}
"""What an operator can name instead of every switch: PAP as initiators use it, to the letter, and
whatever can be understood."""
