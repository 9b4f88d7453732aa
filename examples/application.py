"""An application: registers with the push client beside it, and takes what is pushed."""

import asyncio

from omapush.client.service_client import ServiceClient


async def main() -> None:
    async with ServiceClient("cai.sock") as cai:
        registration = await cai.register({"push_application_id": "x-wap-application:wml.ua"})
        print("registered", registration["id"], flush=True)
        async for event in cai.events(registration["id"]):
            print(event["content_type"], await cai.content(event), flush=True)
            await cai.accept(event["id"])  # only now is the push confirmed


if __name__ == "__main__":
    asyncio.run(main())
