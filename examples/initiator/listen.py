"""Takes result notifications, and prints each, until interrupted."""

import asyncio

from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver
from omapush.pap.model import ResultNotificationMessage


async def take(one: ResultNotificationMessage) -> None:
    """Answered is when this returns; if it fails, the gateway comes again."""
    state, address = one.message_state.value, one.address.address_value
    print(one.push_id, address, state, one.code, one.desc or "", flush=True)


async def main() -> None:
    async with serve(NotificationReceiver(take), "127.0.0.1", 8090) as url:
        print("listening on", url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
