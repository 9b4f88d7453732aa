"""An initiator: submits a push, and waits to hear what became of it."""

import asyncio

from omapush.initiator.client import PushInitiator
from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver
from omapush.pap.model import DeliveryMethod

PPG = "http://127.0.0.1:8080/pap"
STORM = b'<si><indication href="http://weather.example.org/storm">Storm</indication></si>'


async def main() -> None:
    receiver = NotificationReceiver()
    initiator = PushInitiator(PPG, username="weather", password="only-an-example")
    async with serve(receiver, "127.0.0.1", 0) as url, initiator:
        result = await initiator.submit(
            recipients=["+441234567890"],
            application_id="x-wap-application:wml.ua",
            body=STORM,
            content_type="text/vnd.wap.si",
            delivery_method=DeliveryMethod.CONFIRMED,
            notify_to=url,
        )
        print(result.code, result.desc)
        notification = await receiver.wait_for(result.push_id, 60)
        print(notification.message_state.value, notification.code, notification.desc)


if __name__ == "__main__":
    asyncio.run(main())
