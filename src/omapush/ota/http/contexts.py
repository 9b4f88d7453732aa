"""Provisioning contexts of a terminal: who it is to which gateway (WAP-235, 7.2.5.4; WAP-183)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omapush.ota.http import authentication
from omapush.ota.http.authentication import Algorithm, Challenge, Login, Scheme


@dataclass(frozen=True, slots=True)
class ProvisioningContext:
    """What an operator has set up in the terminal for one logical gateway.

    :ivar terminal_id: PXAUTH-ID or CLIENT-ID of the logical proxy; the realm of our challenges.
    :ivar prov_url: PROVURL, by which gateways name the context; empty is a value as well.
    :ivar login: what we show to the gateway; ``None``: no challenge of its is answered. Its scheme
        DIGEST keeps the password from being sent in clear; with the others Basic is answered too.
    :ivar gateway: what the gateway has to show.
    :ivar demand: the one scheme by which it has to; NONE: nothing is asked. Where something is
        asked and ``gateway`` is missing, nobody gets in.
    :ivar proxy_id: the realm whose challenges are answered; ``None``: any. With a name, a stranger
        cannot ask for our proof in the name of another gateway.
    :ivar takes_md5: whether Digest may also go by MD5, which stock RFC 2617 software has instead;
        our challenges then offer both.
    :raises EncodeError: an identity or a password that no header can hold.
    """

    terminal_id: str
    prov_url: str = ""
    login: Login | None = None
    gateway: Login | None = None
    demand: Scheme = Scheme.NONE
    proxy_id: str | None = None
    takes_md5: bool = False

    def __post_init__(self) -> None:
        challenge = Challenge(Scheme.BASIC, self.terminal_id)
        authentication.format_challenge(challenge, mirrored=False)
        for login in (self.login, self.gateway):
            if login is not None:
                authentication.basic(login)

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms of Digest that count, in either direction, as they are offered.

        MD5 stands before: stock software looks at the first challenge alone.
        """
        return (Algorithm.MD5, Algorithm.SHA_1) if self.takes_md5 else (Algorithm.SHA_1,)


def choose(
    contexts: Sequence[ProvisioningContext], prov_url: str | None
) -> ProvisioningContext | None:
    """Return the first context that ``prov_url`` names; without a name the first of all.

    :param prov_url: X-Wap-Push-ProvURL; empty means a context whose PROVURL is empty.
    """
    for context in contexts:
        if prov_url is None or context.prov_url == prov_url:
            return context
    return None
