"""An application with nothing but Python's standard library: HTTP over the client's Unix socket."""

import base64
import http.client
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

SOCKET = "cai.sock"
TOKEN = Path("application.token")


class UnixConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def ask(method: str, path: str, body: Any = None) -> Any:
    """Send a request; return the JSON of the answer, or None if it has no body."""
    connection = UnixConnection("client", timeout=70)
    headers = {"Content-Type": "application/json"}
    if TOKEN.exists():
        headers["Authorization"] = f"Bearer {TOKEN.read_text()}"
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    octets = answer.read()
    connection.close()
    if answer.status >= 400:
        sys.exit(f"{method} {path}: {octets.decode()}")
    return json.loads(octets) if octets else None


def register() -> str:
    wanted = {"push_application_id": "x-wap-application:wml.ua", "accept": ["text/vnd.wap.si"]}
    registration = ask("POST", "/v1/registrations?wait=30", wanted)
    if "token" in registration:
        with os.fdopen(os.open(TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(registration["token"])
    if registration["state"] != "registered":
        sys.exit(f"{registration['state']}: {registration['reason']} {registration['detail']}")
    return registration["id"]


def main() -> None:
    registration = register()
    print("registered", registration, flush=True)
    while True:
        for event in ask("GET", f"/v1/events?registration={registration}&wait=30"):
            print(event["content_type"], base64.b64decode(event["content_b64"]), flush=True)
            ask("POST", f"/v1/events/{event['id']}/accept")  # only now is the push confirmed


if __name__ == "__main__":
    main()
