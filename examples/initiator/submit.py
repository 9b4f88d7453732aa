"""Submits a push so that it is accepted once, even if an answer of the gateway gets lost."""

import asyncio

from omapush.initiator.client import (
    HttpRefusalError,
    OutcomeUnknownError,
    PpgUnreachableError,
    PushInitiator,
    SubmissionResult,
    new_push_id,
)
from omapush.pap.codes import StatusCode
from omapush.pap.model import DeliveryMethod

PPG = "http://127.0.0.1:8080/pap"
LISTENER = "http://127.0.0.1:8090/"  # listen.py, or nobody
STORM = b'<si><indication href="http://weather.example.org/storm">Storm</indication></si>'


async def attempt(initiator: PushInitiator, push_id: str) -> SubmissionResult | None:
    """Return the gateway's verdict, or None: not now, or nobody knows."""
    try:
        result = await initiator.submit(
            ["+441234567890"],
            "x-wap-application:wml.ua",
            STORM,
            "text/vnd.wap.si",
            delivery_method=DeliveryMethod.CONFIRMED,
            notify_to=LISTENER,
            push_id=push_id,
        )
    except (PpgUnreachableError, OutcomeUnknownError) as error:
        print("no answer:", error, flush=True)
        return None
    except HttpRefusalError as error:
        if error.status not in (408, 503):
            raise  # wrong credentials, wrong path: repeating it is in vain
        return None
    return None if result.code == StatusCode.INTERNAL_SERVER_ERROR else result


async def main() -> None:
    push_id = new_push_id()  # once, before the first attempt: every attempt is the same push
    async with PushInitiator(PPG, username="weather", password="only-an-example") as initiator:
        result = await attempt(initiator, push_id)
        for wait_seconds in (1, 10, 60):
            if result is not None:
                break
            await asyncio.sleep(wait_seconds)
            result = await attempt(initiator, push_id)
            if result is not None and result.code == StatusCode.DUPLICATE_PUSH_ID:
                print("an earlier attempt had been accepted")
    if result is None:
        print(push_id, "was perhaps accepted: ask for its status later")
    else:
        print(push_id, result.code, result.desc)


if __name__ == "__main__":
    asyncio.run(main())
