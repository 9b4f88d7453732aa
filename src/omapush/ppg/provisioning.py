"""Content that changes how a device works, instead of telling its user something. Pure.

Whoever may send it can point a device to another proxy, access point, management server or
gateway, or hand it usage rights. Devices often take it without asking because it came through the
gateway. So nobody may send it unless the operator says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from omapush.content.application_id import ApplicationId

CONTENT_TYPES: frozenset[str] = frozenset(
    (
        # Client provisioning: access points, proxies, bootstrap of trust (WAP-183 and OMA CP 1.1).
        "text/vnd.wap.connectivity-xml",
        "application/vnd.wap.connectivity-wbxml",
        # Its forerunners on the same devices.
        "application/x-wap-prov.browser-settings",
        "application/x-wap-prov.browser-bookmarks",
        # Makes the device open a session with a server of the sender's choice (SyncML, OMA DM, DS).
        "application/vnd.syncml.notification",
        "application/vnd.syncml.ds.notification",
        # The management commands themselves.
        "application/vnd.syncml+xml",
        "application/vnd.syncml+wbxml",
        "application/vnd.syncml.dm+xml",
        "application/vnd.syncml.dm+wbxml",
        # Makes the device open a push session with a gateway of the sender's choice (WAP-235 8).
        "application/vnd.wap.sia",
        # Usage rights, and the errand to fetch them (OMA DRM 1.0, 2.0).
        "application/vnd.oma.drm.rights+xml",
        "application/vnd.oma.drm.rights+wbxml",
        "application/vnd.oma.drm.roap-trigger+xml",
        "application/vnd.oma.drm.roap-trigger+wbxml",
    )
)
"""Media types of such content, in lower case."""

_APPLICATIONS = (
    "x-wap-application:push.sia",
    "x-wap-application:push.syncml",
    "x-wap-application:syncml.dm",
    "x-wap-application:drm.ua",
    "x-wap-application:lwm2m.dm",
    "x-wap-application:ota-server",
    "x-oma-application:scidm.ua",
    "x-oma-application:dpe.ua",
    "x-oma-application:push.scws",
    "x-motorola:otaprov.ua",
    "x-oma-nec:otaprov.ua",
    "x-oma-vodafone:otaprov.ua",
    "x-oma-snapin:otaprov.ctl",
    "x-wap-openwave:iota.ua",
    "x-wap-microsoft:cfgmgr.ua",
    "x-wap-microsoft:localcontent.ua",
    "x-oma-docomo:device.ctl",
    "x-oma-docomo:device.ctl.um",
    "x-oma-vodafone:dvcctl.ua",
    "x-microsoft:drm.license",
    "x-microsoft:playready.drm",
    "x-microsoft:playready.drm.initiator",
)

APPLICATIONS: frozenset[str] = frozenset(
    ApplicationId.parse(name).canonical for name in _APPLICATIONS
)
"""Applications on the device that take such content, whatever media type it is said to be."""

_TOKEN_END = re.compile(r"[;\s]")


def media_types(values: Iterable[str]) -> Iterator[str]:
    """Yield every media type that a client may find in Content-Type headers, in lower case.

    A well-formed push has one. What is repeated, or listed with commas, is read differently by
    different clients; whoever judges must judge all of it.
    """
    for value in values:
        for piece in _unquoted(value).split(","):
            yield _TOKEN_END.split(piece.strip(), maxsplit=1)[0].lower()


def _unquoted(value: str) -> str:
    # A comma within quotes separates nothing.
    return re.sub(r'"[^"]*"', '""', value)


def is_provisioning(types: Iterable[str], applications: Iterable[ApplicationId]) -> bool:
    """Whether content of these media types, for these applications, configures a device.

    What is wrapped in a multipart is not looked into.
    """
    if not CONTENT_TYPES.isdisjoint(types):
        return True
    return any(application.canonical in APPLICATIONS for application in applications)
