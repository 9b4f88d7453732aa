"""A registrar that holds bindings in memory, for ``sip_link``: who can be reached where.

It grants, lists and drops contacts, gives public GRUUs (RFC 5627), and picks contacts by
Accept-Contact with ``require`` (RFC 3841), for tags whose values are lists of tokens. Like the core
that the tests run against, it does not give feature tags back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from omapush.core.instants import SECOND_MS, Instant, later
from omapush.protocols.sip.listing import split_outside
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse

EndT = TypeVar("EndT")

SERVICE_ROUTE = "<sip:orig@127.0.0.1:5060;lr>"
"""What every 200 to a REGISTER says (RFC 3608)."""

_ADDRESS = re.compile(r'\s*(?:"(?:\\.|[^"\\])*"|[^<"]*)<([^>]*)>(.*)', re.DOTALL)


def uri_of(value: str) -> str:
    """Return the URI of a From, To or Contact header."""
    return _uri_and_parameters(value)[0]


def address_of_record(uri: str) -> str:
    """Return a SIP URI without what follows its host and port."""
    return re.split("[;?]", uri, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Binding(Generic[EndT]):
    """One contact of an address of record.

    :ivar contact: its Contact header, as it was registered.
    :ivar instance: value of ``+sip.instance`` without quotes, if there is one.
    :ivar end: who registered it.
    """

    aor: str
    contact: str
    uri: str
    instance: str | None
    until: Instant
    end: EndT

    @property
    def gruu(self) -> str | None:
        """The public GRUU of the device."""
        return None if self.instance is None else f"{self.aor};gr={self.instance.strip('<>')}"

    def matches(self, accept_contact: str) -> bool:
        """Whether one value of Accept-Contact leaves it in (RFC 3841 7.2.4)."""
        wanted = split_outside(accept_contact, ";")[1:]
        if "require" not in wanted:
            return True
        explicit = "explicit" in wanted
        declared = _uri_and_parameters(self.contact)[1]
        for name, value in map(_parameter, wanted):
            if name in ("require", "explicit"):
                continue
            if name not in declared:
                if explicit:
                    return False
            elif not _values(value) & _values(declared[name]):
                return False
        return True


class Registrar(Generic[EndT]):
    """Grants registrations.

    :ivar granted_seconds: the most that is granted. :ivar min_seconds: the least; less is 423.
    """

    def __init__(self, granted_seconds: int = 600, min_seconds: int = 1) -> None:
        self.granted_seconds = granted_seconds
        self.min_seconds = min_seconds
        self.bindings: list[Binding[EndT]] = []

    def register(self, request: SipRequest, end: EndT, now: Instant) -> SipResponse:
        """Answer a REGISTER (RFC 3261 10.3)."""
        aor = address_of_record(uri_of(request.headers.first("To") or ""))
        for contact in request.headers.listed("Contact"):
            uri, parameters = _uri_and_parameters(contact)
            asked = parameters.get("expires") or request.headers.first("Expires")
            seconds = self.granted_seconds if asked is None else int(asked)
            if 0 < seconds < self.min_seconds:
                least = SipHeaders((("Min-Expires", str(self.min_seconds)),))
                return SipResponse(423, "Interval Too Brief", least)
            if contact == "*":
                self._drop(aor, None, None)
                continue
            instance = parameters.get("+sip.instance")
            self._drop(aor, uri, instance)
            if seconds:
                until = later(now, min(seconds, self.granted_seconds) * SECOND_MS)
                self.bindings.append(Binding(aor, contact, uri, instance, until, end))
        return SipResponse(200, "OK", SipHeaders(self._granted(aor, request, now)))

    def remaining_seconds(self, aor: str, now: Instant) -> int:
        """Return how long the longest binding of an address of record lasts; 0: none."""
        return max((_seconds(one, now) for one in self._of(aor, now)), default=0)

    def contacts(self, request: SipRequest, now: Instant) -> list[Binding[EndT]]:
        """Return where a request goes: by its Request-URI and its Accept-Contact."""
        aor = address_of_record(request.uri)
        found = self._of(aor, now)
        instance = re.search(r";gr=([^;]+)", request.uri)
        if instance is not None:
            found = [one for one in found if one.instance == f"<{instance[1]}>"]
        wanted = request.headers.listed("Accept-Contact")
        return [one for one in found if all(one.matches(value) for value in wanted)]

    def knows(self, aor: str, now: Instant) -> bool:
        """Whether anybody is registered there."""
        return bool(self._of(aor, now))

    def _of(self, aor: str, now: Instant) -> list[Binding[EndT]]:
        self.bindings = [one for one in self.bindings if one.until > now]
        return [one for one in self.bindings if one.aor == aor]

    def _drop(self, aor: str, uri: str | None, instance: str | None) -> None:
        def stays(one: Binding[EndT]) -> bool:
            if one.aor != aor:
                return True
            if uri is None:
                return False
            return one.uri != uri and (instance is None or one.instance != instance)

        self.bindings = [one for one in self.bindings if stays(one)]

    def _granted(self, aor: str, request: SipRequest, now: Instant) -> tuple[Field, ...]:
        gives_gruu = "gruu" in request.headers.listed("Supported")
        fields: list[Field] = []
        for one in self._of(aor, now):
            value = f"<{one.uri}>;expires={_seconds(one, now)}"
            if gives_gruu and one.gruu is not None:
                value += f';pub-gruu="{one.gruu}";+sip.instance="{one.instance}"'
            fields.append(("Contact", value))
        fields += [("Service-Route", SERVICE_ROUTE), ("P-Associated-URI", f"<{aor}>")]
        return tuple(fields)


def _seconds(binding: Binding[EndT], now: Instant) -> int:
    return max(0, binding.until - now) // SECOND_MS


def _uri_and_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Return the URI of a name-addr or addr-spec, and the parameters of the header."""
    match = _ADDRESS.fullmatch(value)
    if match is None:  # without brackets what follows belongs to the header (RFC 3261 20.10)
        uri, _, rest = value.strip().partition(";")
    else:
        uri, rest = match[1], match[2]
    return uri, dict(map(_parameter, split_outside(rest, ";")))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _values(text: str) -> set[str]:
    return {one.strip().lower() for one in text.split(",")}
