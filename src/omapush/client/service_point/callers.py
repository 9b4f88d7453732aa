"""Who calls the service access point: a user, as the kernel tells, and an application of that user.

The application token was given at the first registration. User and token together are "the same
application" of CAI-21; nothing that a caller says about itself counts beside them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

from starlette.requests import Request

from omapush.cai.model import CaiError, Reason
from omapush.client.service_point.peer_credentials import SCOPE_KEY
from omapush.client.service_point.requests import Unauthorized
from omapush.client.store import ClientStore
from omapush.core.instants import Instant

MAX_KNOWN = 1_024
"""Tokens that are known without looking into the client's file."""


class Callers:
    """Knows the applications of the service access point by their tokens."""

    def __init__(self, store: ClientStore) -> None:
        self._store = store
        self._known: OrderedDict[str, None] = OrderedDict()
        self._given = 0

    async def owner(self, request: Request) -> str:
        """Return who calls. :raises CaiError: without a token, or with one that is not known."""
        owner = await self.owner_if_told(request)
        if owner is None:
            raise Unauthorized("an application token is needed")
        return owner

    async def owner_if_told(self, request: Request) -> str | None:
        """Return who calls, or ``None`` if no token came. :raises CaiError: it is not known."""
        uid = uid_of(request)
        authorization = request.headers.get("Authorization")
        if authorization is None:
            return None
        scheme, _, token = authorization.partition(" ")
        hashed = _hash(token.strip())
        if scheme.lower() != "bearer" or not await self._is_known(uid, hashed):
            raise Unauthorized("the application token is not known")
        return _owner(uid, hashed)

    def new_token(self) -> str:
        """Return a token that nobody has."""
        return secrets.token_urlsafe(32)

    async def give(self, uid: int, token: str, now: Instant) -> None:
        """Make a token good, on disk. :raises ClientStoreError: it cannot be kept."""
        try:
            await self._store.keep_token(_hash(token), uid, now)
        finally:
            # That may have dropped old ones, which must not be good until the next restart only.
            self._given += 1
            self._known.clear()

    async def take_back(self, token: str) -> None:
        """Forget a token that was given and never told. :raises ClientStoreError: it stays."""
        await self._store.forget_token(_hash(token))

    async def _is_known(self, uid: int, hashed: str) -> bool:
        owner = _owner(uid, hashed)
        if owner in self._known:
            self._known.move_to_end(owner)
            return True
        given = self._given
        if not await self._store.has_token(hashed, uid):
            return False
        if given == self._given:
            self._known[owner] = None
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return True


def owner_of(uid: int, token: str) -> str:
    """Return the owner that a user's application with this token is."""
    return _owner(uid, _hash(token))


def uid_of(request: Request) -> int:
    """Return the user who calls. :raises CaiError: the kernel did not tell."""
    uid = request.scope.get(SCOPE_KEY)
    if not isinstance(uid, int):
        raise CaiError(Reason.PERMISSION_DENIED, "only over a Unix socket")
    return uid


def _owner(uid: int, hashed: str) -> str:
    return f"uid:{uid}/{hashed[:32]}"


def _hash(token: str) -> str:
    # The token has 256 random bits: a plain hash cannot be turned back, nor guessed in time by
    # comparing prefixes in the database's index.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
