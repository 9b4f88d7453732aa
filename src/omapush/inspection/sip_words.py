"""What the headers of OTA-SIP say, in words."""

from __future__ import annotations

from omapush.core.errors import DecodeError
from omapush.inspection.ota_http_words import words_for
from omapush.ota.sip.push_features import PushFeatures, asked_for
from omapush.ota.sip.push_resource_identifier import ANY, application_of

_OTHERS = {
    "p-asserted-identity": "the core vouches for this sender, if the core is trusted itself",
    "service-route": "the route of the client's own requests from now on",
    "path": "requests to this contact take this way",
}


def sip_words(name: str, value: str) -> str | None:
    """Return what a header of a SIP or MSRP message means for a push, or ``None``."""
    lower = name.lower()
    if lower in ("contact", "m", "accept-contact", "a", "reject-contact", "j"):
        return _features(asked_for([value]))
    if lower.startswith("x-"):
        return words_for(name, value)
    return _OTHERS.get(lower)


def _features(features: PushFeatures) -> str | None:
    """Name the applications and instances that feature tags stand for."""
    parts = []
    if features.applications:
        parts.append("applications: " + ", ".join(map(_application, features.applications)))
    if features.instances:
        parts.append("instances: " + ", ".join(features.instances))
    return "; ".join(parts) or None


def _application(value: str) -> str:
    if value == ANY:
        return "any"
    try:
        return str(application_of(value))
    except DecodeError:
        return value
