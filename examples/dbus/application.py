"""An application with a bus name: registers with the push client, and takes what is pushed.

The bus may start it by org.example.Weather.service; what was pushed meanwhile is then handed over.
"""

import asyncio
import os

from dbus_fast import DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusDict, DBusObjectPath, DBusStr, DBusUnixFd
from dbus_fast.service import ServiceInterface, dbus_method

NAME, PATH = "org.example.Weather", "/org/example/Weather"
CLIENT, CLIENT_PATH = "org.omapush.Client1", "/org/omapush/Client1"


class Application(ServiceInterface):
    def __init__(self) -> None:
        super().__init__("org.omapush.Application1")

    @dbus_method(name="Push")
    def push(self, event: DBusDict, content: DBusUnixFd) -> DBusStr:
        with os.fdopen(content, "rb") as file:
            print("push", event["content_type"].value, file.read(), flush=True)
        return "accept"  # only now is the push confirmed; or "reject:busy"

    @dbus_method(name="StatusChanged")
    def status_changed(
        self, registration: DBusObjectPath, old: DBusStr, new: DBusStr, reason: DBusStr
    ) -> None:
        print(f"{registration} was {old}, is {new} {reason}", flush=True)

    @dbus_method(name="Released")
    def released(self) -> None:
        print("released", flush=True)


async def main() -> None:
    bus = await MessageBus(negotiate_unix_fd=True).connect()
    bus.export(PATH, Application())
    await bus.request_name(NAME)  # the object first: a call comes as soon as the name is there
    request = {
        "push_application_id": Variant("s", "x-wap-application:wml.ua"),
        "bus_name": Variant("s", NAME),
        "path": Variant("o", PATH),
    }
    answer = await bus.call(
        Message(CLIENT, CLIENT_PATH, CLIENT, "Register", signature="a{sv}", body=[request])
    )
    if answer.message_type is MessageType.ERROR:
        raise DBusError(answer.error_name, answer.body[0])
    print("registered", answer.body[0], flush=True)
    await bus.wait_for_disconnect()


if __name__ == "__main__":
    asyncio.run(main())
