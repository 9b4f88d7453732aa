"""The component PushCharacteristics: what a client takes when it is pushed to (WAP-248)."""

from __future__ import annotations

from dataclasses import dataclass

from omapush.content.uaprof.profile import Bag, Component, Profile, Seq, Value

PUSH_CHARACTERISTICS = "PushCharacteristics"
"""The type name of the component."""

MAX_ENTRIES = 1_024
"""Entries of one attribute that are looked at."""
MAX_NUMBER = 1 << 31
"""Sizes and counts beyond this are read as this."""


@dataclass(frozen=True, slots=True)
class PushCharacteristics:
    """The attributes of the component; ``None`` where the profile does not give one.

    :ivar accept: media types; ``accept_language`` alone has an order, the preferred first.
    :ivar accept_app_id: push application ids; ``*`` is any.
    :ivar msg_size: the largest push message, in octets.
    :ivar max_push_req: how many pushes may be unanswered at a time.
    """

    accept: tuple[str, ...] | None = None
    accept_charset: tuple[str, ...] | None = None
    accept_encoding: tuple[str, ...] | None = None
    accept_language: tuple[str, ...] | None = None
    accept_app_id: tuple[str, ...] | None = None
    msg_size: int | None = None
    max_push_req: int | None = None


def push_characteristics(profile: Profile) -> PushCharacteristics:
    """Read the component, defaults included.

    A list written with commas is taken apart; a size or count that is no number counts as absent.
    """
    component = profile.component(PUSH_CHARACTERISTICS)
    return PushCharacteristics(
        accept=_entries(component, "Push-Accept"),
        accept_charset=_entries(component, "Push-Accept-Charset"),
        accept_encoding=_entries(component, "Push-Accept-Encoding"),
        accept_language=_entries(component, "Push-Accept-Language"),
        accept_app_id=_entries(component, "Push-Accept-AppID"),
        msg_size=_number(component, "Push-MsgSize"),
        max_push_req=_number(component, "Push-MaxPushReq"),
    )


def profile_of(characteristics: PushCharacteristics) -> Profile:
    """Return a profile that has this component only, attributes in the order of WAP-248."""
    values: dict[str, Value] = {}
    for name, bag in (
        ("Push-Accept", characteristics.accept),
        ("Push-Accept-Charset", characteristics.accept_charset),
        ("Push-Accept-Encoding", characteristics.accept_encoding),
    ):
        if bag is not None:
            values[name] = Bag(bag)
    if characteristics.accept_language is not None:
        values["Push-Accept-Language"] = Seq(characteristics.accept_language)
    if characteristics.accept_app_id is not None:
        values["Push-Accept-AppID"] = Bag(characteristics.accept_app_id)
    if characteristics.msg_size is not None:
        values["Push-MsgSize"] = str(characteristics.msg_size)
    if characteristics.max_push_req is not None:
        values["Push-MaxPushReq"] = str(characteristics.max_push_req)
    return Profile({PUSH_CHARACTERISTICS: Component(values)})


def _entries(component: Component, name: str) -> tuple[str, ...] | None:
    value = component.get(name)
    if value is None:
        return None
    lines = (value,) if isinstance(value, str) else value.items
    entries = (entry.strip() for line in lines for entry in line.split(","))
    return tuple(entry for entry in entries if entry)[:MAX_ENTRIES]


def _number(component: Component, name: str) -> int | None:
    entries = _entries(component, name)
    text = entries[0] if entries else ""
    if not text.isascii() or not text.isdecimal():
        return None
    return min(int(text[:20]), MAX_NUMBER)
