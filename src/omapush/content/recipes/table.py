"""The recipes as a command line offers them: names, parameters as words, help (:data:`RECIPES`).

A command line needs to know nothing of the kinds of push: it shows what is here, hands over the
words that a person typed, and gets a :class:`~omapush.content.message.PushMessage`.
"""

from __future__ import annotations

from collections.abc import Iterator

from omapush.content.indication import LoadingAction, SignalAction
from omapush.content.message import PushMessage
from omapush.content.mms_notification import Expiry, MessageClass
from omapush.content.provisioning import bootstrap_security, documents
from omapush.content.provisioning.bootstrap_security import SecurityMethod
from omapush.content.recipes import messages
from omapush.content.recipes.arguments import Arguments, Kind, Parameter, Recipe
from omapush.core.errors import DecodeError, EncodeError

_BINARY = Parameter("binary", "Write the form that goes to the device, not XML.", Kind.FLAG)


# ---- one builder for each -----------------------------------------------------------------------


def _mms_notification(given: Arguments) -> PushMessage:
    seconds = given.number("expiry")
    class_ = (given.text("message-class") or "personal").upper()
    return messages.mms_notification(
        given.required("content-location"),
        given.number("message-size") or 0,
        from_=given.text("from"),
        subject=given.text("subject"),
        transaction_id=given.text("transaction-id"),
        expiry=messages.DEFAULT_EXPIRY if seconds is None else Expiry(seconds=seconds),
        message_class=MessageClass[class_],
        version=given.text("mms-version") or "1.0",
    )


def _service_indication(given: Arguments) -> PushMessage:
    return messages.service_indication(
        given.text("text") or "",
        given.text("href"),
        si_id=given.text("si-id"),
        created=given.instant("created"),
        expires=given.instant("expires"),
        action=SignalAction(given.text("action") or "signal-medium"),
        binary=given.flag("binary"),
    )


def _service_loading(given: Arguments) -> PushMessage:
    action = LoadingAction(given.text("action") or "execute-low")
    return messages.service_loading(
        given.required("href"), action=action, binary=given.flag("binary")
    )


def _cache_operation(given: Arguments) -> PushMessage:
    return messages.cache_operation(
        given.texts("object"),
        given.texts("service"),
        content_uri=given.text("content-uri"),
        binary=given.flag("binary"),
    )


def _provisioning(given: Arguments) -> PushMessage:
    try:
        document = documents.read_text(given.octets("document") or b"")
    except DecodeError as error:
        raise EncodeError(str(error), "document") from error
    imsi = given.text("imsi")
    network_secret = None if imsi is None else bootstrap_security.gsm_network_secret(imsi)
    method = given.text("security")
    return messages.provisioning(
        document,
        method=None if method is None else SecurityMethod[method.upper()],
        pin=given.text("pin"),
        network_secret=network_secret,
    )


def _email_notification(given: Arguments) -> PushMessage:
    return messages.email_notification(
        given.required("mailbox"),
        timestamp=given.instant("timestamp"),
        binary=given.flag("binary"),
    )


def _wake_up(given: Arguments) -> PushMessage:
    return messages.wake_up(
        given.text("application") or messages.LWM2M,
        body=given.octets("body") or b"",
        content_type=given.text("content-type") or messages.OCTETS,
    )


def _session_initiation(given: Arguments) -> PushMessage:
    return messages.session_initiation(
        given.texts("server"),
        wsp_servers=given.texts("wsp-server"),
        applications=given.texts("application"),
        provisioning_url=given.text("provisioning-url"),
    )


def _recipes() -> Iterator[Recipe]:
    yield Recipe(
        "mms-notification",
        "Tell a handset that a multimedia message waits.",
        (
            Parameter("content-location", "URI of the message; keep it short.", required=True),
            Parameter("message-size", "Octets of the message.", required=True),
            Parameter("from", "Sender: a telephone number or a mail address."),
            Parameter("subject", "Subject of the message."),
            Parameter("transaction-id", "Returned by the handset; made from the URI by default."),
            Parameter("expiry", "Seconds for which the message waits; three days by default."),
            Parameter(
                "message-class",
                "What the message is.",
                choices=tuple(member.name.lower() for member in MessageClass),
            ),
            Parameter("mms-version", "Of the MMS protocol; 1.0 by default."),
        ),
        _mms_notification,
    )
    yield Recipe(
        "si",
        "Show a text and offer to load something (Service Indication).",
        (
            Parameter("text", "What the user reads."),
            Parameter("href", "What is offered for loading."),
            Parameter("si-id", "Names the matter, so that a later indication replaces this one."),
            Parameter("created", "When it was made, YYYY-MM-DDThh:mm:ssZ; wanted to replace."),
            Parameter("expires", "When it is of no more use, YYYY-MM-DDThh:mm:ssZ."),
            Parameter(
                "action",
                "How much the user may be disturbed; signal-medium by default.",
                choices=tuple(SignalAction),
            ),
            _BINARY,
        ),
        _service_indication,
    )
    yield Recipe(
        "sl",
        "Load something without asking (Service Loading).",
        (
            Parameter("href", "What is loaded.", required=True),
            Parameter(
                "action",
                "Whether it is run; execute-low by default.",
                choices=tuple(LoadingAction),
            ),
            _BINARY,
        ),
        _service_loading,
    )
    yield Recipe(
        "co",
        "Make a client forget what it has cached (Cache Operation).",
        (
            Parameter("object", "URI of one object.", many=True),
            Parameter("service", "URI of which all below is meant.", many=True),
            Parameter("content-uri", "What relative URIs are relative to."),
            _BINARY,
        ),
        _cache_operation,
    )
    yield Recipe(
        "cp",
        "Configure a device (OMA client provisioning).",
        (
            Parameter("document", "A wap-provisioningdoc in XML.", Kind.FILE, required=True),
            Parameter(
                "security",
                "How the device knows the sender.",
                choices=tuple(member.name.lower() for member in SecurityMethod),
            ),
            Parameter("pin", "Digits that the user knows.", secret=True),
            Parameter("imsi", "The subscriber's IMSI, as the secret of the network.", secret=True),
        ),
        _provisioning,
    )
    yield Recipe(
        "email-notification",
        "Tell that new mail has come (EMN).",
        (
            Parameter("mailbox", "A mail address or a mailbox URI.", required=True),
            Parameter("timestamp", "When the mail came, YYYY-MM-DDThh:mm:ssZ."),
            _BINARY,
        ),
        _email_notification,
    )
    yield Recipe(
        "wake-up",
        "Wake an application on the device.",
        (
            Parameter("application", "Push application id; lwm2m.dm by default."),
            Parameter("body", "What it is given; nothing by default.", Kind.FILE),
            Parameter("content-type", "Of the body; application/octet-stream by default."),
        ),
        _wake_up,
    )
    yield Recipe(
        "session-initiation",
        "Make a client connect to a gateway (SIR).",
        (
            Parameter("server", "IP address and port for OTA-HTTP, 192.0.2.1:4035.", many=True),
            Parameter("wsp-server", "IP address and port for a WSP session.", many=True),
            Parameter("application", "Push application id; any by default.", many=True),
            Parameter("provisioning-url", "Names the configuration context to be used."),
        ),
        _session_initiation,
    )


RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _recipes()}
"""By name."""
