"""Submits a push so that it is accepted once, even if an answer of the gateway gets lost."""

import asyncio

from omapush.initiator.client import (
    OutcomeUnknownError,
    PpgUnreachableError,
    PushInitiator,
    TooFastError,
    new_push_id,
)
from omapush.pap.model import DeliveryMethod

PPG = "http://127.0.0.1:8080/pap"
LISTENER = "http://127.0.0.1:8090/"  # listen.py, or nobody
STORM = b'<si><indication href="http://weather.example.org/storm">Storm</indication></si>'


async def main() -> None:
    push_id = new_push_id()  # store it before you submit: after a crash, submit under it again
    async with PushInitiator(PPG, username="weather", password="only-an-example") as initiator:
        try:
            result = await initiator.submit(
                ["+441234567890"],
                "x-wap-application:wml.ua",
                STORM,
                "text/vnd.wap.si",
                delivery_method=DeliveryMethod.CONFIRMED,
                notify_to=LISTENER,
                push_id=push_id,
                retries=6,  # within two minutes
            )
        except OutcomeUnknownError as error:
            print(push_id, "was perhaps accepted, ask for its status later:", error)
        except (PpgUnreachableError, TooFastError) as error:
            print(push_id, "was not accepted, submit it again later:", error)
        else:
            print(push_id, result.code, result.desc)
            if result.probably_accepted and not result.accepted:
                print("an attempt that was not answered had been accepted")


if __name__ == "__main__":
    asyncio.run(main())
