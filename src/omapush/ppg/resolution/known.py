"""Takes no client from outside that the settings do not name: no way would lead to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from omapush.pap.address import Address
from omapush.ppg.resolution.port import ClientFound, GroupFound, NotServed, Resolved, Resolver


class KnownClientsResolver:
    """Turns a client that is not ``known`` into ``NotServed``, in groups too."""

    def __init__(self, inner: Resolver, known: Callable[[str], bool]) -> None:
        self._inner = inner
        self._known = known

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        return [self._judged(answer) for answer in await self._inner.resolve(addresses)]

    async def close(self) -> None:
        await self._inner.close()

    def _judged(self, answer: Resolved) -> Resolved:
        match answer:
            case ClientFound():
                return self._client(answer)
            case GroupFound() if any(self._is_stranger(member) for member in answer.members):
                members = (
                    self._client(member) if isinstance(member, ClientFound) else member
                    for member in answer.members
                )
                return replace(answer, members=tuple(members))
            case _:
                return answer

    def _is_stranger(self, member: object) -> bool:
        return isinstance(member, ClientFound) and not self._known(member.client_id)

    def _client(self, found: ClientFound) -> ClientFound | NotServed:
        if self._known(found.client_id):
            return found
        return NotServed(f"leads to the client {found.client_id[:128]!r}, which is not set up here")
