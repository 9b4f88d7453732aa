"""Asks what a client takes: prints the gateway's code, and the profile if there is one."""

import asyncio

from omapush.initiator.client import PushInitiator

PPG = "http://127.0.0.1:8080/pap"


async def main() -> None:
    async with PushInitiator(PPG, username="weather", password="only-an-example") as initiator:
        result = await initiator.capabilities("+441234567890", "x-wap-application:wml.ua")
    print(result.code, result.desc)
    if result.profile is not None:
        print(result.profile.decode())


if __name__ == "__main__":
    asyncio.run(main())
