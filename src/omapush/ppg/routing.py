"""Which Push-OTA variant carries a delivery, and why.

One rule exists so far: a client with an OTA-HTTP contact is reached there by a connection that the
PPG opens (PO-TCP, WAP-235 7.2.1). Further variants add rules; the first that fits wins.
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.ppg.recipients import Client, HttpContact


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a client. ``reason`` is a sentence for the timeline."""

    variant: str
    contact: HttpContact
    reason: str


def choose_route(client: Client | None) -> Route | None:
    """Return the way to ``client``, or ``None`` when there is none."""
    if client is None or client.ota_http is None:
        return None
    return Route("OTA-HTTP", client.ota_http, f"OTA-HTTP, PO-TCP to {client.ota_http}")
