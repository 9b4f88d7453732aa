"""The element tables of PAP (PAP 8, 11): one place for names, order, occurrence, types, defaults.

Decoder and encoder both read these tables, so that what one writes the other takes. Attributes
stand in the order in which they are written; deployed parsers want ``code`` before ``desc``.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from typing import Any

from omapush.pap import model
from omapush.pap.codes import MessageState


class Kind(enum.Enum):
    """Lexical types of attributes (PAP 11.2)."""

    CDATA = enum.auto()
    DATETIME = enum.auto()
    BOOLEAN = enum.auto()
    CODE = enum.auto()


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its name, the field of the model, its type or enumeration, its use."""

    name: str
    kind: Kind | type[enum.StrEnum] = Kind.CDATA
    required: bool = False
    default: Any = None
    field: str = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", self.name.replace("-", "_"))


@dataclass(frozen=True, slots=True)
class Child:
    """One step of a content model. ``many`` children become a tuple in ``field``."""

    name: str
    field: str
    required: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """One element."""

    build: type
    attributes: tuple[Attribute, ...] = ()
    children: tuple[Child, ...] = ()
    by_attribute: dict[str, Attribute] = dataclasses.field(init=False, repr=False)
    places: dict[str, int] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = {attribute.name: attribute for attribute in self.attributes}
        object.__setattr__(self, "by_attribute", table)
        places = {child.name: place for place, child in enumerate(self.children)}
        object.__setattr__(self, "places", places)


def _required(name: str, kind: Kind | type[enum.StrEnum] = Kind.CDATA) -> Attribute:
    return Attribute(name, kind, required=True)


_PUSH_ID = _required("push-id")
_CODE = _required("code", Kind.CODE)
_DESC = Attribute("desc")
_STATE = _required("message-state", MessageState)
_SENDER = (Attribute("sender-address"), Attribute("sender-name"))
_ADDRESSES = Child("address", "addresses", many=True)
_ONE_ADDRESS = Child("address", "address", required=True)
_QOS = Child("quality-of-service", "quality_of_service")

ELEMENTS: dict[str, Element] = {
    "address": Element(model.Address, (_required("address-value"),)),
    "quality-of-service": Element(
        model.QualityOfService,
        (
            Attribute("priority", model.Priority, default=model.Priority.MEDIUM),
            Attribute(
                "delivery-method",
                model.DeliveryMethod,
                default=model.DeliveryMethod.NOTSPECIFIED,
            ),
            Attribute("network"),
            Attribute("network-required", Kind.BOOLEAN, default=False),
            Attribute("bearer"),
            Attribute("bearer-required", Kind.BOOLEAN, default=False),
        ),
    ),
    "progress-note": Element(
        model.ProgressNote,
        (_required("stage"), Attribute("note"), Attribute("time", Kind.DATETIME)),
    ),
    "response-result": Element(model.ResponseResult, (_CODE, _DESC)),
    "cancel-result": Element(model.CancelResult, (_CODE, _DESC), (_ADDRESSES,)),
    "statusquery-result": Element(
        model.StatusQueryResult,
        (Attribute("event-time", Kind.DATETIME), _STATE, _CODE, _DESC),
        (_ADDRESSES, _QOS),
    ),
}

MESSAGES: dict[str, Element] = {
    "push-message": Element(
        model.PushMessage,
        (
            _PUSH_ID,
            Attribute("replace-push-id"),
            Attribute("replace-method", model.ReplaceMethod, default=model.ReplaceMethod.ALL),
            Attribute("deliver-after-timestamp", Kind.DATETIME),
            Attribute("deliver-before-timestamp", Kind.DATETIME),
            Attribute("source-reference"),
            Attribute("ppg-notify-requested-to"),
            Attribute("progress-notes-requested", Kind.BOOLEAN, default=False),
        ),
        (Child("address", "addresses", required=True, many=True), _QOS),
    ),
    "push-response": Element(
        model.PushResponse,
        (_PUSH_ID, *_SENDER, Attribute("reply-time", Kind.DATETIME)),
        (
            Child("progress-note", "progress_notes", many=True),
            Child("response-result", "response_result", required=True),
        ),
    ),
    "cancel-message": Element(model.CancelMessage, (_PUSH_ID,), (_ADDRESSES,)),
    "cancel-response": Element(
        model.CancelResponse,
        (_PUSH_ID,),
        (Child("cancel-result", "results", required=True, many=True),),
    ),
    "resultnotification-message": Element(
        model.ResultNotificationMessage,
        (
            _PUSH_ID,
            *_SENDER,
            Attribute("received-time", Kind.DATETIME),
            Attribute("event-time", Kind.DATETIME),
            _STATE,
            _CODE,
            _DESC,
        ),
        (_ONE_ADDRESS, _QOS),
    ),
    "resultnotification-response": Element(
        model.ResultNotificationResponse, (_PUSH_ID, _CODE, _DESC), (_ONE_ADDRESS,)
    ),
    "statusquery-message": Element(model.StatusQueryMessage, (_PUSH_ID,), (_ADDRESSES,)),
    "statusquery-response": Element(
        model.StatusQueryResponse,
        (_PUSH_ID,),
        (Child("statusquery-result", "results", required=True, many=True),),
    ),
    "ccq-message": Element(
        model.CcqMessage, (Attribute("query-id"), Attribute("app-id")), (_ONE_ADDRESS,)
    ),
    "ccq-response": Element(
        model.CcqResponse, (Attribute("query-id"), _CODE, _DESC), (_ONE_ADDRESS,)
    ),
    "badmessage-response": Element(
        model.BadMessageResponse, (_CODE, _DESC, Attribute("bad-message-fragment"))
    ),
}

ELEMENTS.update(MESSAGES)
NAMES: dict[type, str] = {element.build: name for name, element in ELEMENTS.items()}
