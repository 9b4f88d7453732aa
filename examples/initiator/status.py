"""Asks where a push is: status.py PUSH_ID [RECIPIENT ...]"""

import asyncio
import sys

from omapush.core.instants import format_utc
from omapush.initiator.client import PushInitiator

PPG = "http://127.0.0.1:8080/pap"


async def main(push_id: str, *recipients: str) -> None:
    async with PushInitiator(PPG, username="weather", password="only-an-example") as initiator:
        response = await initiator.status(push_id, recipients)
    for result in response.results:
        whom = [each.address_value for each in result.addresses] or "all"
        since = format_utc(result.event_time) if result.event_time is not None else "now"
        print(whom, result.message_state.value, since, result.code, result.desc or "")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
