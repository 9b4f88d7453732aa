"""Takes result notifications, and prints each, until interrupted."""

import asyncio

from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver


async def main() -> None:
    receiver = NotificationReceiver()
    async with serve(receiver, "127.0.0.1", 8090) as url:
        print("listening on", url, flush=True)
        async for one in receiver.notifications():
            state, address = one.message_state.value, one.address.address_value
            print(one.push_id, address, state, one.code, one.desc or "", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
