"""Several resolvers in order."""

from __future__ import annotations

from collections.abc import Sequence

from omapush.pap.address import Address
from omapush.ppg.resolution.port import NOBODY, NotServed, Resolved, Resolver


class ChainResolver:
    """Asks each resolver for what those before it do not serve.

    When one is away, what it might have served is not left to those behind it: the same address
    must not lead elsewhere because of a failure.
    """

    def __init__(self, resolvers: Sequence[Resolver]) -> None:
        self._resolvers = tuple(resolvers)

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        answers: list[Resolved] = [NOBODY] * len(addresses)
        open_places = list(range(len(addresses)))
        for resolver in self._resolvers:
            if not open_places:
                break
            asked = [addresses[place] for place in open_places]
            for place, answer in zip(open_places, await resolver.resolve(asked), strict=True):
                # Of several refusals the first that says more than "nobody" is told.
                if not isinstance(answer, NotServed) or answers[place] == NOBODY:
                    answers[place] = answer
            open_places = [place for place in open_places if isinstance(answers[place], NotServed)]
        return answers

    async def close(self) -> None:
        for resolver in self._resolvers:
            await resolver.close()
