"""The words of a receipt's text, in whatever form a vendor writes them (SMPP 3.4, appendix B)."""

from __future__ import annotations

import re

from omapush.protocols.smpp.values import MessageState

_KEY = re.compile(
    r"""(?<![^\s,;|&"'(])                       # not in the middle of a word
    (?: (?P<id> (?:message[ _-]?)?id | msg[ _-]?id )
      | (?P<submit> submit(?:ted)?[ _-]?(?:date|time|on) )
      | (?P<done> (?:done|final|finish(?:ed)?)[ _-]?(?:date|time|on) )
      | (?P<stat> stat(?:us|e)? )
      | (?P<err> err(?:or)?(?:[ _-]?code)? )
      | (?P<sub> sub ) | (?P<dlvrd> dlvrd | delivered )
      | (?P<text> text | txt )
    ) [ ]{0,3} [:=]""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_NAMES = {"submit": "submit date", "done": "done date"}
_AROUND = " \t\r\n,;|&\"'()"


def read_fields(text: str) -> dict[str, str]:
    """Return the fields of a receipt by their names in appendix B; what is missing is missing.

    A field ends where the next begins. ``text`` is the sender's own and may hold anything: it ends
    the receipt, unless what must be there only follows it.
    """
    fields = _read(text, text_ends=True)
    if "stat" not in fields or "id" not in fields:
        fields = _read(text, text_ends=False)
    return fields


def _read(text: str, *, text_ends: bool) -> dict[str, str]:
    found = list(_KEY.finditer(text))
    fields: dict[str, str] = {}
    for index, key in enumerate(found):
        group = key.lastgroup or ""
        name = _NAMES.get(group, group)
        is_last = index + 1 == len(found) or (name == "text" and text_ends)
        value = text[key.end() : len(text) if is_last else found[index + 1].start()]
        # The first counts: a second one stands in the sender's text.
        fields.setdefault(name, _trimmed(name, value))
        if name == "text" and text_ends:
            break
    return fields


def _trimmed(name: str, value: str) -> str:
    value = value.strip(_AROUND)
    if name in ("text", "submit date", "done date", "stat"):
        return value
    words = value.split(maxsplit=1)
    return words[0].strip(_AROUND) if words else ""


_S = MessageState
_STATES = (
    ("UNDELI", _S.UNDELIVERABLE),
    ("NOTDELI", _S.UNDELIVERABLE),
    ("NONDELI", _S.UNDELIVERABLE),
    ("FAIL", _S.UNDELIVERABLE),
    ("DELIV", _S.DELIVERED),
    ("DLVRD", _S.DELIVERED),
    ("DELET", _S.DELETED),
    ("CANCEL", _S.DELETED),
    ("EXPIR", _S.EXPIRED),
    ("ACCEP", _S.ACCEPTED),
    ("ACKED", _S.ACCEPTED),
    ("ENROU", _S.ENROUTE),
    ("BUFF", _S.ENROUTE),
    ("UNKN", _S.UNKNOWN),
    ("REJEC", _S.REJECTED),
    ("REJCT", _S.REJECTED),
    ("SKIP", _S.SKIPPED),
    ("SCHED", _S.SCHEDULED),
)
"""How the words for a state begin, once all but their letters is gone."""


def state_of(words: str) -> MessageState | None:
    """Return the state that ``stat:`` names, in words or as message_state's number, or ``None``."""
    words = words.strip()[:32]
    if words.isascii() and words.isdigit() and len(words) == 1:
        return MessageState(int(words))
    letters = re.sub("[^A-Z]", "", words.upper())
    for beginning, state in _STATES:
        if letters.startswith(beginning):
            return state
    return None
