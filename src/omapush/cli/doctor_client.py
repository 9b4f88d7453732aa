"""What ``omapush client doctor`` learns from a client that runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from omapush import __version__
from omapush.cli.client_access import Members, obstacle
from omapush.cli.client_apps import binding_of, name_of, reason_of
from omapush.cli.client_gateways import ending_of
from omapush.cli.client_whitelist import consequence, finding_line
from omapush.cli.doctor_finding import Finding, fault, ok, warning
from omapush.client.service_client import (
    ServiceClient,
    ServicePointAwayError,
    ServicePointError,
)
from omapush.client.service_messages import Application, Gateway, Info, Refused, SipRegistration

MOST_REASONS = 5


def socket_findings(path: Path | None) -> tuple[bool, list[Finding]]:
    """Look at the socket; return whether somebody listens there."""
    if path is None:
        advice = 'set it, e.g. [cai] socket = "/run/oma-push/cai.sock", and start the client anew'
        said = "the settings have no [cai] socket: no other process can register"
        return False, [warning("socket", said, advice)]
    reason = obstacle(path)
    if reason is None:
        return True, [ok("socket", f"{path}: somebody listens")]
    if reason.startswith("you may not connect"):
        advice = "have yourself put into that group, and log in anew; or ask as the client's user"
    else:
        advice = "start it: omapush client --config FILE, with this [cai] socket"
    return False, [fault("socket", f"{path}: {reason}", advice)]


async def client_findings(path: Path) -> list[Finding]:
    """Ask the client for everything that can be wrong with it."""
    async with ServiceClient(path) as cai:
        try:
            return [finding async for finding in _findings(cai)]
        except (ServicePointAwayError, ServicePointError) as error:
            advice = "is it another program's socket? See the client's log"
            return [fault("client", f"it does not answer as a client does: {error}", advice)]


async def _findings(cai: ServiceClient) -> AsyncIterator[Finding]:
    info = await cai.info()
    for finding in (version_finding(info), *bearer_findings(info["protocols"])):
        yield finding
    try:
        applications = await cai.applications()
    except ServicePointError as error:
        if error.cause != "permission_denied":
            raise
        said = "registrations, whitelist and quarantine are shown to the client's own user only"
        yield warning("permissions", said, "ask as that user, or as root")
        return
    for finding in (
        *gateway_findings(await cai.gateways()),
        *sip_findings(await cai.sip()),
        *application_findings(applications),
        *whitelist_findings(await cai.whitelist()),
        *quarantine_findings(await cai.quarantine()),
    ):
        yield finding


def version_finding(info: Info) -> Finding:
    """Return whether client and command line are of one version."""
    theirs = info["versions"]["omapush"]
    if theirs != __version__:
        said = f"the client is omapush {theirs}, this is {__version__}"
        return warning("version", said, "start the client anew after an update")
    return ok("version", f"omapush {theirs}, CAI {' and '.join(info['versions']['cai'])}")


def bearer_findings(protocols: dict[str, Any]) -> Iterator[Finding]:
    """Yield which bearers are up; a client without any gets no push at all."""
    bearers = [
        (f"{protocol} over {one['name']}", one["available"])
        for protocol, variant in protocols.items()
        for one in variant["bearers"]
    ]
    for name, available in bearers:
        if available:
            yield ok("bearers", f"{name} is up")
        else:
            advice = "see the client's log; modem, network or session are not there"
            yield warning("bearers", f"{name} is down", advice)
    if not any(available for _, available in bearers):
        advice = "set up [ota_http], [ota_wsp] or [modem]"
        yield fault("bearers", "none is up: no push can come", advice)


def gateway_findings(gateways: list[Gateway]) -> Iterator[Finding]:
    """Yield how the connections stand that the client dials."""
    for one in gateways:
        name, ended = one["name"], ending_of(one)
        why = f"; the last one ended {ended}" if ended else ""
        if one["state"] == "connected":
            secure = " by TLS" if one["secure"] else ""
            yield ok("gateways", f"{name} is connected{secure} at {one['peer']}")
        elif one["state"] == "on_request" and not one["failures"]:
            yield ok("gateways", f"{name} is dialled when it asks for it")
        elif one["state"] == "on_request":
            advice = "see omapush client gateways, and whether the gateway runs"
            yield warning("gateways", f"{name} asked to be dialled, in vain{why}", advice)
        else:
            tries = f"; tries in vain: {one['failures']}" if one["failures"] else ""
            advice = (
                "see omapush client gateways: is the contact point right, does the gateway run?"
            )
            yield warning("gateways", f"{name} is not connected{why}{tries}", advice)


def sip_findings(registrations: list[SipRegistration]) -> Iterator[Finding]:
    """Yield how the registration at the SIP/IP core stands, and which gateways know of it."""
    for one in registrations:
        aor, answer = one["aor"], one["last_answer"]
        match one["state"]:
            case "registered":
                yield ok("sip", f"{aor} is registered at {one['core']}")
            case "idle":
                yield ok("sip", f"{aor} is not registered: no application wants pushes by OTA-SIP")
            case "refused":
                advice = "see aor, username and password in [ota_sip]"
                yield fault("sip", f"{one['core']} refuses {aor}: {answer}", advice)
            case state:
                advice = "see omapush client sip, and whether the core runs"
                yield warning("sip", f"{aor} is {state}: {answer or 'no answer yet'}", advice)
        for each in one["gateways"]:
            if one["state"] == "registered" and not each["told"]:
                advice = "is its URI in [ota_sip] ppg right, does the gateway run?"
                said = each["said"] or "no answer"
                yield warning("sip", f"{each['uri']} was not told what is taken: {said}", advice)


# ---- registrations ------------------------------------------------------------------------------


def application_findings(applications: list[Application]) -> Iterator[Finding]:
    """Yield which registrations do not stand well, and which do not fetch their pushes."""
    if not applications:
        advice = "try one: omapush client listen x-wap-application:wml.ua"
        yield warning("applications", "none is registered: every push is refused", advice)
    for one in applications:
        yield _application_finding(one)
        if one["waiting"]:
            seen = one["last_seen"] or "never"
            said = f"{name_of(one)} is away (last seen: {seen}), {one['waiting']} pushes wait"
            yield warning("applications", said, "start the application: it has to ask for them")


def _application_finding(one: Application) -> Finding:
    why = reason_of(one)
    said = f"{name_of(one)} is {one['state']}{why and f', {why}'}"
    match one["state"]:
        case "registered":
            return ok("applications", said)
        case "pending":
            advice = "a bearer or a push service has not answered yet; look again soon"
            return warning("applications", said, advice)
        case "lost":
            lost = "; ".join(binding_of(each) for each in one["bindings"] if each["state"] != "up")
            return fault("applications", f"{said} ({lost})", "see the bearers above")
        case "failed":
            return fault("applications", said, "put that right, then register it anew")
    advice = "wait for the push service, or omapush client deregister ID --force"
    return warning("applications", said, advice)


# ---- whose pushes are taken ---------------------------------------------------------------------


def whitelist_findings(listed: Members) -> Iterator[Finding]:
    """Yield whether a list is in force, and whether it lets anybody in."""
    said = consequence(listed)
    if listed["in_force"] and not listed["entries"]:
        advice = "add one: omapush client whitelist add ADDR"
        yield fault("whitelist", said, advice)
    elif listed["in_force"]:
        yield ok("whitelist", f"{said}; entries: {len(listed['entries'])}")
    else:
        yield ok("whitelist", said)
    for finding in listed["findings"]:
        advice = "have whoever manages the device complete it; omapush client mo list shows it"
        yield warning("Push MO", finding_line(finding), advice)


def quarantine_findings(refused: list[Refused]) -> Iterator[Finding]:
    """Yield why pushes were refused, the commonest reasons first."""
    if not refused:
        yield ok("quarantine", "no push was refused")
        return
    counted = Counter(one["reason"] for one in refused)
    for reason, number in counted.most_common(MOST_REASONS):
        last = next(one for one in refused if one["reason"] == reason)
        said = f"{number} refused: {reason}; the last from {last['source']}"
        advice = f"omapush client quarantine show {last['number']}"
        yield warning("quarantine", said, advice)
    others = sum(counted.values()) - sum(n for _, n in counted.most_common(MOST_REASONS))
    if others:
        advice = "omapush client quarantine"
        yield warning("quarantine", f"{others} refused for other reasons", advice)
