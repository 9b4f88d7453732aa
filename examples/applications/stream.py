"""An application that follows a stream: pushes as they come, and how its registration fares."""

import asyncio

from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.client.service_messages import Event, PushMessage


async def take(cai: ServiceClient, event: Event) -> None:
    print(event["content_type"], await cai.content(event), flush=True)
    try:
        await cai.accept(event["id"])
    except ServicePointError as error:  # too late: it will come again
        print("not taken:", error, flush=True)


async def main() -> None:
    async with ServiceClient("cai.sock") as cai, asyncio.TaskGroup() as work:
        registration = await cai.register(
            {"push_application_id": "x-wap-application:wml.ua", "max_outstanding": 4}
        )
        try:
            async for message in cai.stream(registration["id"]):
                if isinstance(message, PushMessage):
                    work.create_task(take(cai, message.event))
                else:
                    print(message.new, flush=True)
        finally:
            await cai.deregister(registration["id"])


if __name__ == "__main__":
    asyncio.run(main())
