"""``omapush demo``: the whole system once, from submission to result notification.

A gateway and a client run as processes of their own, two applications register with the client
through its service access point, and an initiator submits two pushes over PAP. One application
takes its push, the other refuses its first. The demo then shows both timelines, and ends with 0
only if everything went as it should.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from omapush.cli.demo_content import MMS_NOTIFICATION, SERVICE_INDICATION
from omapush.cli.ending import FAILED, telling
from omapush.cli.status import show
from omapush.client.service_client import ServiceClient, ServicePointAwayError
from omapush.client.service_messages import Event
from omapush.core.errors import OmapushError
from omapush.initiator.client import PushInitiator
from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver
from omapush.pap.model import DeliveryMethod, ResultNotificationMessage
from omapush.ppg.store.opening import open_store

PATIENCE_SECONDS = 30.0
WRITTEN_PORTS = (8080, 8081, 4035)
"""The ports in the demo's settings: PAP, the operator's pages, OTA-HTTP."""
RECIPIENT = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
BROWSER = "x-wap-application:wml.ua"
MESSAGING = "x-wap-application:mms.ua"


class DemoError(OmapushError):
    """Something did not happen that should have."""


@dataclass(slots=True)
class Stage:
    """Where the demo plays: a folder, ports nobody uses, and what was found wrong."""

    folder: Path
    ports: tuple[int, int, int]
    console: Console
    wrong: list[str] = field(default_factory=list)

    def say(self, who: str, what: str) -> None:
        """Tell a step."""
        self.console.print(f"[bold]{who:>12}[/bold]  {what}", highlight=False, soft_wrap=True)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Compare; a difference makes the demo fail at its end."""
        if found != wanted:
            self.wrong.append(f"{what}: {found!r} instead of {wanted!r}")

    @property
    def pap_port(self) -> int:
        """Where the gateway takes PAP."""
        return self.ports[0]

    @property
    def admin_port(self) -> int:
        """Where the gateway answers its operator."""
        return self.ports[1]

    @property
    def ota_port(self) -> int:
        """Where the client waits for the gateway."""
        return self.ports[2]

    def settings(self, name: str) -> Path:
        """Write the demo's settings with ports that are free here; files stay in the folder."""
        text = files("omapush.cli").joinpath("demo_settings", name).read_text(encoding="utf-8")
        for written, port in zip(WRITTEN_PORTS, self.ports, strict=True):
            text = text.replace(f'"127.0.0.1:{written}"', f'"127.0.0.1:{port}"')
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def ledger(self) -> str:
        """URL of the gateway's ledger."""
        return f"sqlite:///{self.folder}/omapush.db"


def demo() -> None:
    """Show the whole system: gateway, client, two applications and an initiator."""
    with (
        telling(),
        tempfile.TemporaryDirectory(prefix="omapush-demo-") as folder,
    ):
        stage = Stage(Path(folder), _free_ports(), Console())
        asyncio.run(_play(stage))
        if stage.wrong:
            for line in stage.wrong:
                typer.echo(f"omapush: {line}", err=True)
            raise typer.Exit(FAILED)
        stage.console.print("\nEverything went as it should.", style="bold green")


async def _play(stage: Stage) -> None:
    async with (
        _process(stage, "ppg", "ppg.toml"),
        _process(stage, "client", "client.toml"),
        ServiceClient(stage.folder / "cai.sock") as browser,
        ServiceClient(stage.folder / "cai.sock") as messaging,
    ):
        await _until(lambda: _connects(stage.admin_port), "the gateway")
        stage.say("gateway", f"takes PAP on http://127.0.0.1:{stage.pap_port}/pap")
        await _until(lambda: _answers(browser), "the client")
        stage.say("client", f"waits for OTA-HTTP on 127.0.0.1:{stage.ota_port}")
        applications = [
            asyncio.create_task(work)
            for work in (
                await _application(stage, browser, BROWSER, "text/vnd.wap.si", takes=True),
                await _application(
                    stage, messaging, MESSAGING, "application/vnd.wap.mms-message", takes=False
                ),
            )
        ]
        try:
            await _initiate(stage)
        finally:
            for application in applications:
                application.cancel()
            await asyncio.gather(*applications, return_exceptions=True)


async def _application(
    stage: Stage, cai: ServiceClient, application_id: str, content_type: str, *, takes: bool
) -> Any:  # noqa: ANN401 - a coroutine
    """Register an application; return the work of taking, or refusing, its pushes."""
    registration = await cai.register(
        {"push_application_id": application_id, "accept": [content_type]}
    )
    registration = await cai.registration(registration["id"], wait_seconds=PATIENCE_SECONDS)
    stage.say("application", f"{application_id} is {registration['state']} for {content_type}")
    stage.expect(f"registration of {application_id}", registration["state"], "registered")

    async def work() -> None:
        async for event in cai.events(registration["id"]):
            content = await cai.content(event)
            _check_content(stage, event, content)
            verb = "takes" if takes else "refuses"
            stage.say("application", f"{application_id} {verb} {len(content)} octets")
            if takes:
                await cai.accept(event["id"])
            else:
                await cai.reject(event["id"], "refused", "not wanted")

    return work()


def _check_content(stage: Stage, event: Event, content: bytes) -> None:
    sent = {"text/vnd.wap.si": SERVICE_INDICATION}.get(event["content_type"], MMS_NOTIFICATION)
    stage.expect(f"content of {event['content_type']}, octet for octet", content == sent, True)


async def _initiate(stage: Stage) -> None:
    """Submit both pushes, wait for both results, show both timelines."""
    receiver = NotificationReceiver()
    async with (
        serve(receiver) as notify_to,
        PushInitiator(f"http://127.0.0.1:{stage.pap_port}/pap") as initiator,
    ):
        stage.say("initiator", f"waits for result notifications on {notify_to}")
        for name, application_id, content_type, body in (
            ("service indication", BROWSER, "text/vnd.wap.si", SERVICE_INDICATION),
            (
                "MMS notification",
                MESSAGING,
                "application/vnd.wap.mms-message",
                MMS_NOTIFICATION,
            ),
        ):
            result = await initiator.submit(
                recipients=[RECIPIENT],
                application_id=application_id,
                body=body,
                content_type=content_type,
                delivery_method=DeliveryMethod.CONFIRMED,
                notify_to=notify_to,
            )
            stage.say("initiator", f"submits a {name}: {result.code} {result.desc}")
            stage.expect(f"answer to the {name}", int(result.code), 1001)
            notification = await _notification(receiver, result.push_id)
            _show_notification(stage, notification)
            wanted = ("delivered", 1000) if application_id == BROWSER else ("aborted", 5235)
            found = (notification.message_state.value, int(notification.code))
            stage.expect(f"result of the {name}", found, wanted)
            await _show_timeline(stage, result.push_id)


async def _notification(receiver: NotificationReceiver, push_id: str) -> ResultNotificationMessage:
    try:
        return await receiver.wait_for(push_id, PATIENCE_SECONDS)
    except TimeoutError as error:
        raise DemoError(f"no result notification within {PATIENCE_SECONDS:g} seconds") from error


def _show_notification(stage: Stage, notification: ResultNotificationMessage) -> None:
    what = f"{notification.message_state.value}, {notification.code} {notification.desc or ''}"
    stage.say("initiator", f"is told: {what}")


async def _show_timeline(stage: Stage, push_id: str) -> None:
    """Show the push as `omapush status` would, once its notification has been settled."""
    ledger = open_store(stage.ledger)
    await ledger.open()
    try:

        async def complete() -> bool:
            record = await ledger.push(push_id)
            return record is not None and any(
                line.event == "notification_delivered" for line in record.timeline
            )

        await _until(complete, "the end of the timeline")
        record = await ledger.push(push_id)
    finally:
        await ledger.close()
    stage.console.print()
    if record is not None:
        show(record, stage.console)
    stage.console.print()


@contextlib.asynccontextmanager
async def _process(stage: Stage, verb: str, settings: str) -> AsyncIterator[None]:
    """Run ``omapush VERB`` with the demo's settings; its log is shown if it fails."""
    path = stage.settings(settings)
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("OMAPUSH_")
    }
    log = (stage.folder / f"{verb}.log").open("wb")
    with log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "omapush.cli", verb, "--config", str(path),
            stdout=log, stderr=log, env=environment, cwd=stage.folder,
        )  # fmt: skip
    try:
        yield
    except BaseException:
        text = (stage.folder / f"{verb}.log").read_text(errors="replace")
        typer.echo(f"log of omapush {verb}:\n{text}", err=True)
        raise
    finally:
        if process.returncode is None:
            process.terminate()
        stage.expect(f"exit status of omapush {verb}", await process.wait(), 0)


async def _until(ready: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await ready():  # noqa: ASYNC110 - another process, so no event
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        reason = f"{what} was not there within {PATIENCE_SECONDS:g} seconds"
        raise DemoError(reason) from error


async def _connects(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _answers(cai: ServiceClient) -> bool:
    try:
        await cai.info()
    except ServicePointAwayError:
        return False
    return True


def _free_ports() -> tuple[int, int, int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        first, second, third = (int(one.getsockname()[1]) for one in sockets)
        return first, second, third
