"""The floor of a service access point: Starlette behind uvicorn on a Unix socket.

``python bare_service_point.py SOCKET FILE``: an empty list for GET, and for POST and DELETE an
object after one SQLite commit (``synchronous=FULL``). There is nobody to tell apart, and no client.
"""

from __future__ import annotations

import itertools
import sys

import uvicorn
from single_commit import SingleCommit
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

REGISTERED = {"state": "registered", "token": "t" * 43}
kept = SingleCommit(sys.argv[2])
numbers = itertools.count()


async def events(_request: Request) -> Response:
    return JSONResponse([])


async def register(request: Request) -> Response:
    await request.json()
    number = f"{next(numbers):016x}"
    kept.keep(number)
    return JSONResponse({**REGISTERED, "id": number}, 202)


async def deregister(request: Request) -> Response:
    kept.keep(request.path_params["id"])
    return JSONResponse({"state": "deregistered"}, 202)


application = Starlette(
    routes=[
        Route("/v1/events", events),
        Route("/v1/registrations", register, methods=["POST"]),
        Route("/v1/registrations/{id}", deregister, methods=["DELETE"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(
        application, uds=sys.argv[1], loop="uvloop", http="httptools", lifespan="off",
        access_log=False, log_level="warning",
    )  # fmt: skip
