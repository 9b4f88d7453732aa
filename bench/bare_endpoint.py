"""The floor of any Python endpoint: uvicorn that reads the body and answers. ``PORT`` is given."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

ANSWER = (
    b'<pap><push-response push-id="x"><response-result code="1001" desc="x"/></push-response></pap>'
)
HEAD = {
    "type": "http.response.start",
    "status": 202,
    "headers": [
        (b"content-length", str(len(ANSWER)).encode()),
        (b"content-type", b"application/xml"),
    ],
}


async def application(_scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body and answer; nothing is looked at, nothing is kept."""
    while (await receive()).get("more_body"):
        pass
    await send(HEAD)
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    uvicorn.run(
        application, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools",
        lifespan="off", access_log=False, log_level="warning",
    )  # fmt: skip
