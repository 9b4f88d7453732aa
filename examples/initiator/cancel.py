"""Cancels a push that still waits, and shows what a second cancellation is answered."""

import asyncio

from omapush.core.instants import parse_utc
from omapush.initiator.client import PushInitiator

PPG = "http://127.0.0.1:8080/pap"
STORM = b'<si><indication href="http://weather.example.org/storm">Storm</indication></si>'


async def main() -> None:
    async with PushInitiator(PPG, username="weather", password="only-an-example") as initiator:
        push = await initiator.submit(
            ["+441234567890"],
            "x-wap-application:wml.ua",
            STORM,
            "text/vnd.wap.si",
            deliver_after=parse_utc("2099-01-01T00:00:00Z"),  # so that it waits
        )
        print("submitted:", push.code, push.desc)
        for _ in range(2):
            response = await initiator.cancel(push.push_id)
            for result in response.results:
                whom = [each.address_value for each in result.addresses] or "all"
                print("cancelled for", whom, result.code, result.desc)


if __name__ == "__main__":
    asyncio.run(main())
