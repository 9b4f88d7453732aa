"""Replaces a push that still waits: the earlier is cancelled, the new one goes in its place."""

import asyncio

from omapush.core.instants import parse_utc
from omapush.initiator.client import PushInitiator
from omapush.pap.model import ReplaceMethod

PPG = "http://127.0.0.1:8080/pap"
ANNA = "+441234567890"
BROWSER = "x-wap-application:wml.ua"
RAIN = b'<si><indication href="http://weather.example.org/rain">Rain</indication></si>'
STORM = b'<si><indication href="http://weather.example.org/storm">Storm</indication></si>'


async def main() -> None:
    async with PushInitiator(PPG, username="weather", password="only-an-example") as initiator:
        earlier = await initiator.submit(
            [ANNA],
            BROWSER,
            RAIN,
            "text/vnd.wap.si",
            deliver_after=parse_utc("2099-01-01T00:00:00Z"),  # so that it waits
        )
        print("earlier:", earlier.code, earlier.desc)
        new = await initiator.submit(
            [ANNA],
            BROWSER,
            STORM,
            "text/vnd.wap.si",
            replaces=earlier.push_id,
            replace_method=ReplaceMethod.PENDING_ONLY,  # who has had the rain gets no storm
        )
        print("new:", new.code, new.desc)
        status = await initiator.status(earlier.push_id)
        for result in status.results:
            print("earlier:", result.message_state.value, result.code, result.desc)


if __name__ == "__main__":
    asyncio.run(main())
