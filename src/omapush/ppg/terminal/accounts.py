"""What a session must know about terminals while it talks: passwords, and the CPI of old friends.

A connection that a terminal has made is anonymous until its first answer, and that answer may rest
on what the gateway knew before: a password, or capabilities under the tag that the request for the
connection (SIR) named. A session cannot wait for the ledger, so these are held in memory, bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from omapush.content.message import Header
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.http.accounts import KnownCpi
from omapush.ota.http.authentication import Login, Scheme

CAPACITY = 100_000
"""Terminals whose CPI is remembered, and addresses."""
MOST_OCTETS = 128 << 20
"""Characters of CPI that are remembered, of all terminals together."""
_SEVERAL = ""
"""In place of a Terminal-ID: several terminals were seen at the address."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the gateway and one terminal prove themselves by to each other (WAP-235, 7.2.6).

    :ivar terminal: the terminal's password. :ivar gateway: the gateway's towards it.
    :ivar certificates: of the terminal: SHA-256 fingerprints in lower case, DNS names and URIs.
    """

    terminal: str | None = field(default=None, repr=False)
    gateway: str | None = field(default=None, repr=False)
    certificates: tuple[str, ...] = ()


class Accounts:
    """Implements ``ota.http.ppg.TerminalAccounts``.

    :param identity: the gateway's own name towards terminals (PROXY-ID).
    :param secrets: by Terminal-ID.
    """

    def __init__(
        self,
        identity: str,
        secrets: Mapping[str, Secrets] | None = None,
        capacity: int = CAPACITY,
        most_octets: int = MOST_OCTETS,
    ) -> None:
        self._identity = identity
        self._secrets = dict(secrets or {})
        self._capacity = capacity
        self._most_octets = most_octets
        self._octets = 0
        self._known: OrderedDict[str, KnownCpi] = OrderedDict()
        self._at: OrderedDict[str, str] = OrderedDict()

    def terminal_password(self, terminal_id: str) -> str | None:
        """Return what the terminal has to know."""
        found = self._secrets.get(terminal_id)
        return found.terminal if found is not None else None

    def login_at(self, terminal_id: str | None) -> Login | None:
        """Return what the gateway shows to the terminal."""
        found = self._secrets.get(terminal_id) if terminal_id is not None else None
        if found is None or found.gateway is None:
            return None
        return Login(self._identity, found.gateway)

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        """Return what the terminal takes, as it said last."""
        return self._known.get(terminal_id)

    @property
    def any_password(self) -> bool:
        """Whether some terminal has to prove who it is."""
        return any(each.terminal is not None for each in self._secrets.values())

    def must_prove(self, terminal_id: str) -> bool:
        """Whether the terminal has something to prove itself by, so that it has to."""
        found = self._secrets.get(terminal_id)
        return found is not None and (found.terminal is not None or bool(found.certificates))

    def is_proof(self, terminal_id: str, certificate: PeerCertificate) -> bool:
        """Whether the certificate is the terminal's."""
        found = self._secrets.get(terminal_id)
        said = {certificate.sha256, *certificate.dns_names, *certificate.uris}
        return found is not None and not said.isdisjoint(found.certificates)

    def terminal_at(self, host: str) -> str | None:
        """Return the terminal that was seen at an address, if it was one only."""
        return self._at.get(host) or None

    def learn(self, terminal_id: str, tag: str, cpi: Mapping[str, tuple[Header, ...]]) -> None:
        """Keep the terminal's current tag, and its CPI by tag."""
        self._octets -= _octets(self._known.pop(terminal_id, None))
        self._known[terminal_id] = known = KnownCpi(tag, cpi)
        self._octets += _octets(known)
        while len(self._known) > self._capacity or self._octets > self._most_octets:
            self._octets -= _octets(self._known.popitem(last=False)[1])

    def seen(self, terminal_id: str, host: str) -> None:
        """Keep where the terminal has dialled from.

        Where many terminals share an address nothing can be assumed of the next that comes.
        """
        other = self._at.get(host)
        self._at[host] = terminal_id if other in (None, terminal_id) else _SEVERAL
        self._at.move_to_end(host)
        if len(self._at) > self._capacity:
            self._at.popitem(last=False)


class AccountsForStrangers:
    """The same, towards somebody who has dialled in and is asked for no proof of who he is.

    He can name any realm. So the gateway's password is proved to him, and never sent.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def terminal_password(self, terminal_id: str) -> str | None:
        """Return what the terminal has to know."""
        return self._accounts.terminal_password(terminal_id)

    def login_at(self, terminal_id: str | None) -> Login | None:
        """Return what the gateway proves to the terminal."""
        login = self._accounts.login_at(terminal_id)
        return None if login is None else replace(login, scheme=Scheme.DIGEST)

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        """Return what the terminal takes, as it said last."""
        return self._accounts.known_cpi(terminal_id)


def _octets(known: KnownCpi | None) -> int:
    """Return how much it is to remember."""
    if known is None:
        return 0
    return sum(len(name) + len(value) for each in known.cpi.values() for name, value in each)
