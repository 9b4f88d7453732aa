"""Asks name servers for NAPTR records, by dnspython: the extra ``omapush[dns]``.

Only the name servers that the operator named are asked, or those of the system: over UDP, and over
TCP when an answer was cut short. They have to be recursive; what they say is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.IN.NAPTR
import dns.resolver

from omapush.ppg.resolution.naptr import Naptr, NaptrAnswer
from omapush.ppg.resolution.port import ResolverMisconfigured, ResolverUnavailable

MAX_UDP_OCTETS = 1_232
"""What is announced to name servers (EDNS): so much passes every network unbroken."""

_LONGEST_TRY_SECONDS = 2.0


class NameServers:
    """The name servers.

    :param servers: IP addresses and ports, in the order in which they are asked; none: those of
        the system.
    :param timeout_ms: patience with all of them together.
    :raises ResolverMisconfigured: the system names none.
    """

    def __init__(self, servers: Sequence[tuple[str, int]], timeout_ms: int) -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.exception.DNSException as error:
            raise ResolverMisconfigured("the system names no name servers") from error
        if servers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(host, port) for host, port in servers
            ]
        self._resolver.cache = None
        self._resolver.lifetime = timeout_ms / 1000
        self._resolver.timeout = min(_LONGEST_TRY_SECONDS, timeout_ms / 2000)
        self._resolver.use_edns(0, 0, MAX_UDP_OCTETS)

    async def naptr(self, domain: str) -> NaptrAnswer:
        """Return the NAPTR records of ``domain``; see ``NaptrSource``."""
        try:
            name = dns.name.from_text(domain)
            return _read(await self._ask(name))
        except (dns.exception.DNSException, OSError, EOFError) as error:
            reason = f"no answer of name servers about {domain[:128]}: {type(error).__name__}"
            raise ResolverUnavailable(reason) from error

    async def _ask(self, name: dns.name.Name) -> dns.message.QueryMessage:
        try:
            answer = await self._resolver.resolve(
                name, dns.rdatatype.NAPTR, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN as error:
            # dnspython gives this one function no types.
            response: dns.message.QueryMessage = error.response(name)  # type: ignore[no-untyped-call]
            return response
        return answer.response


def _read(response: dns.message.QueryMessage) -> NaptrAnswer:
    chain = response.resolve_chaining()
    if chain.answer is None:
        # RFC 2308 5: a "no" without SOA is not remembered.
        has_soa = any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority)
        return NaptrAnswer((), chain.minimum_ttl * 1000 if has_soa else 0)
    records = tuple(
        _record(rdata) for rdata in chain.answer if isinstance(rdata, dns.rdtypes.IN.NAPTR.NAPTR)
    )
    return NaptrAnswer(records, chain.minimum_ttl * 1000)


def _record(rdata: dns.rdtypes.IN.NAPTR.NAPTR) -> Naptr:
    return Naptr(
        rdata.order,
        rdata.preference,
        rdata.flags.decode("latin-1"),
        rdata.service.decode("latin-1"),
        rdata.regexp.decode("latin-1"),
        rdata.replacement.to_text(omit_final_dot=True),
    )
