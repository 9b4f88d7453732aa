"""An application: registers with the push client beside it, and takes what is pushed."""

import asyncio

from omapush.client.service_client import ServiceClient


async def main() -> None:
    async with ServiceClient("cai.sock") as cai:
        registration = await cai.register({"push_application_id": "x-wap-application:wml.ua"})
        print("registered", registration["id"], flush=True)
        try:
            async for event in cai.events(registration["id"]):
                print(event["content_type"], await cai.content(event), flush=True)
                await cai.accept(event["id"])  # only now is the push confirmed
        finally:  # it keeps no token, so it could not come back to its registration
            await cai.deregister(registration["id"])


if __name__ == "__main__":
    asyncio.run(main())
