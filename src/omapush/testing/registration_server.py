"""A push service for tests and labs: registers clients, and does wrong what it is told to.

In a test::

    async with running_registration_server() as server:
        server.answer = ServiceRegistration(profiles=(RegisteredProfile("OTA-HTTP"),))
        ... register an application with registration_uri=server.url ...
        assert server.requests[0].terminal_id == "..."
        assert list(server.registrations) == ["r1"]

From a command line, for a lab::

    python -m omapush.testing.registration_server --listen 127.0.0.1:8090 --answer answer.xml

It takes registrations at ``/register``, names each ``/registrations/r1`` and so on, and forgets
none but those that are ended there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import re
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from omapush.core.errors import DecodeError
from omapush.core.networks import written_host
from omapush.daemon.serving import HttpServer
from omapush.daemon.settings_table import parse_endpoint
from omapush.ota import service_registration as wire
from omapush.ota.service_registration import (
    RegisteredProfile,
    ServiceRegistration,
    ServiceRegistrationRequest,
)

MAX_REGISTRATIONS = 10_000
KEPT_REQUESTS = 10_000
"""Requests that are remembered; the oldest are forgotten."""

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class DigestUser:
    """Who may register, by HTTP Digest (RFC 7616)."""

    username: str
    password: str = field(repr=False)
    algorithm: str = "SHA-256"
    realm: str = "push-service"

    def challenge(self, nonce: str) -> str:
        """Return the value of a WWW-Authenticate header."""
        return (
            f'Digest realm="{self.realm}", qop="auth", algorithm={self.algorithm}, nonce="{nonce}"'
        )

    def admits(self, authorization: str, method: str, nonces: set[str]) -> bool:
        """Whether a header proves knowledge of the password with a nonce of ours."""
        scheme, _, text = authorization.partition(" ")
        said = {name: quoted or plain for name, quoted, plain in _PARAMETER.findall(text)}
        if scheme.lower() != "digest" or said.get("nonce") not in nonces:
            return False
        secret = self._digest(f"{self.username}:{self.realm}:{self.password}")
        asked = self._digest(f"{method}:{said.get('uri')}")
        proof = (secret, said["nonce"], said.get("nc", ""), said.get("cnonce", ""), "auth", asked)
        right = self._digest(":".join(proof))
        return said.get("username") == self.username and said.get("response") == right

    def _digest(self, text: str) -> str:
        if self.algorithm == "SHA-256":
            return hashlib.sha256(text.encode()).hexdigest()
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class RegistrationServer:
    """A push service, scripted by its attributes; change them at any time.

    :ivar url: where clients register.
    :ivar answer: what they are told; ``None``: to use the profile they were provisioned with (204).
    :ivar status: answer with this instead of serving, with ``headers`` and ``body``.
    :ivar hangs: answer nobody, until this is no longer so; a client that leaves is not waited for.
    :ivar user: who may register; ``None``: everybody.
    :ivar requests: what was asked, refreshes included, oldest first.
    :ivar calls: method and path of each call, whatever its outcome; ``count``: how many there were.
    :ivar registrations: those that were made and not ended, with how often each was refreshed.
    :ivar ended: those that were ended by DELETE.
    """

    def __init__(self, answer: ServiceRegistration | None = None) -> None:
        self.url = ""
        self.answer = answer
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = b""
        self.user: DigestUser | None = None
        self.requests: list[ServiceRegistrationRequest] = []
        self.registrations: dict[str, int] = {}
        self.ended: list[str] = []
        self.calls: list[tuple[str, str]] = []
        self.count = 0
        self._made = 0
        self._nonces: set[str] = set()
        self._answering = asyncio.Event()
        self._answering.set()
        self._called = asyncio.Condition()

    @property
    def hangs(self) -> bool:
        """Whether nobody gets an answer now."""
        return not self._answering.is_set()

    @hangs.setter
    def hangs(self, hangs: bool) -> None:
        if hangs:
            self._answering.clear()
        else:
            self._answering.set()

    def application(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/register", self._served(self._register), methods=["POST"]),
                Route("/registrations/{name}", self._served(self._refresh), methods=["POST"]),
                Route("/registrations/{name}", self._served(self._end), methods=["DELETE"]),
            ]
        )

    async def called(self, times: int) -> None:
        """Wait until there have been so many calls in all, of whatever kind and outcome."""
        async with self._called:
            await self._called.wait_for(lambda: self.count >= times)

    def _served(self, serve: Callable[[Request], Response]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            async with self._called:
                self.calls = [*self.calls, (request.method, request.url.path)][-KEPT_REQUESTS:]
                self.count += 1
                self._called.notify_all()
            await self._answering.wait()
            if self.user is not None and not self._is_admitted(self.user, request):
                nonce = secrets.token_hex(16)
                self._nonces.add(nonce)
                challenge = {"WWW-Authenticate": self.user.challenge(nonce)}
                return Response(status_code=401, headers=challenge)
            if self.status is not None:
                return Response(self.body, self.status, self.headers)
            return serve(request)

        return endpoint

    def _is_admitted(self, user: DigestUser, request: Request) -> bool:
        authorization = request.headers.get("Authorization", "")
        return user.admits(authorization, request.method, self._nonces)

    def _register(self, request: Request) -> Response:
        if len(self.registrations) >= MAX_REGISTRATIONS:
            return Response(status_code=503, headers={"Retry-After": "60"})
        name = f"r{self._made + 1}"
        answer = self._told(request, name, 201)
        if answer.status_code in (201, 204):
            self._made += 1
            self.registrations[name] = 0
        return answer

    def _refresh(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.registrations:
            return Response(status_code=404)
        answer = self._told(request, name, 200)
        if answer.status_code in (200, 204):
            self.registrations[name] += 1
        return answer

    def _end(self, request: Request) -> Response:
        name = request.path_params["name"]
        if self.registrations.pop(name, None) is None:
            return Response(status_code=404)
        self.ended.append(name)
        return Response(status_code=204)

    def _told(self, request: Request, name: str, status: int) -> Response:
        try:
            asked = wire.read_headers(request.headers.items())
        except DecodeError as error:
            return Response(str(error), 400, media_type="text/plain")
        self.requests = [*self.requests, asked][-KEPT_REQUESTS:]
        location = {"Location": f"/registrations/{name}"}
        if self.answer is None:
            return Response(status_code=204, headers=location)
        body = wire.encode(replace(self.answer, registration_id=name))
        return Response(body, status, location, wire.MEDIA_TYPE)


@contextlib.asynccontextmanager
async def running_registration_server(
    answer: ServiceRegistration | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[RegistrationServer]:
    """Serve as long as the context lasts.

    :param answer: what clients are told first; default: one profile for OTA-HTTP, for an hour.
    :param port: 0 lets the system choose.
    :param context: serve TLS.
    """
    profiles = (RegisteredProfile("OTA-HTTP", priority=1),)
    made = RegistrationServer(
        answer or ServiceRegistration(expires_seconds=3_600, profiles=profiles)
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    options: Mapping[str, object] = (
        {"ssl_context_factory": lambda _config, _default: context} if context else {}
    )
    server = HttpServer(made.application(), [listening], **options)
    name = written_host(host)
    scheme = "https" if context else "http"
    made.url = f"{scheme}://{name}:{listening.getsockname()[1]}/register"
    running = asyncio.create_task(server.run_until_stopped())
    try:
        yield made
    finally:
        made.hangs = False
        server.stop()
        await running


async def _serve(endpoint: str, told: ServiceRegistration | None) -> None:
    host, port = parse_endpoint(endpoint)
    async with running_registration_server(told, host, port) as server:
        print(server.url, flush=True)  # noqa: T201 - a program of its own
        seen = 0
        while True:
            await server.called(seen + 1)
            for method, path in server.calls[seen - server.count :]:
                print(method, path, flush=True)  # noqa: T201
            seen = server.count


def main() -> None:
    """Serve until interrupted, and write a line for each call."""
    parser = argparse.ArgumentParser(description="A push service for labs.")
    parser.add_argument("--listen", default="127.0.0.1:8090", help="host:port")
    parser.add_argument("--answer", type=Path, help="file with the XML that clients are told")
    arguments = parser.parse_args()
    told = wire.decode(arguments.answer.read_bytes()) if arguments.answer else None
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.listen, told))


if __name__ == "__main__":
    main()
