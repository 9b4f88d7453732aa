"""What a contact can do, and what a caller asks of it (RFC 3840, RFC 3841).

A user agent declares media feature tags behind its Contact; a caller names those that it wants in
Accept-Contact, and those that it does not want in Reject-Contact. Tags are known here by their
full names without ``+``, in small letters: ``sip.methods``, ``g.oma.pusheventapp``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.lexical import unquoted
from omapush.protocols.sip.message import SipMessage
from omapush.protocols.sip.parameters import Parameters

# RFC 3840 9: tags that are written without "+" and without "sip.".
_BASE_TAGS = frozenset({
    "actor", "application", "audio", "automata", "class", "control", "data", "description",
    "duplex", "events", "extensions", "isfocus", "language", "methods", "mobility", "priority",
    "schemes", "text", "type", "video",
})  # fmt: skip
_NUMBER = r"([+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?+)"
_RANGE = re.compile(rf"#(?:(=|<=|>=){_NUMBER}|{_NUMBER}:{_NUMBER})")
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]++")
_FEWEST, _MOST = float("-inf"), float("inf")


@dataclass(frozen=True, slots=True)
class FeatureValue:
    """One of the values that a tag has, or that are wanted of it.

    :ivar written: a token in small letters (``true`` is what a tag without value says), a string
        in its ``<>``, or a number range as it is written.
    :ivar is_negated: all values but this one.
    :ivar numbers: the lowest and the highest number of a range.
    """

    written: str
    is_negated: bool = False
    numbers: tuple[float, float] | None = None

    @classmethod
    def parse(cls, text: str) -> FeatureValue:
        """Read one value without its quotation. :raises BadSipMessage: none (RFC 3840 9)."""
        is_negated = text.startswith("!")
        plain = text[1:] if is_negated else text
        if plain.startswith("#"):
            return cls(plain, is_negated, _numbers(plain))
        if plain.startswith("<") and plain.endswith(">"):
            return cls(plain, is_negated)
        if not _TOKEN.fullmatch(plain):
            raise BadSipMessage(f"not the value of a feature tag: {text[:40]!r}")
        return cls(plain.lower(), is_negated)

    def agrees(self, other: FeatureValue) -> bool:
        """Return whether there is something that both describe."""
        if self.is_negated and other.is_negated:
            return True
        if self.is_negated:
            return not self._covers(other)
        if other.is_negated:
            return not other._covers(self)
        if self.numbers is None or other.numbers is None:
            return self.written == other.written
        return max(self.numbers[0], other.numbers[0]) <= min(self.numbers[1], other.numbers[1])

    def _covers(self, other: FeatureValue) -> bool:
        if self.numbers is None or other.numbers is None:
            return self.written == other.written
        return self.numbers[0] <= other.numbers[0] and other.numbers[1] <= self.numbers[1]


TRUE = FeatureValue("true")
"""What a tag without a value says (RFC 3840 9)."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Tags, each with its values, of which one holds.

    :ivar features: by the tag's full name.
    """

    features: dict[str, tuple[FeatureValue, ...]]

    @classmethod
    def of(cls, parameters: Parameters) -> FeatureSet:
        """Return the feature tags among the parameters of a Contact; all others are left out.

        :raises BadSipMessage: the value of a tag is malformed.
        """
        features: dict[str, tuple[FeatureValue, ...]] = {}
        for name, value in parameters.items:
            tag = tag_of(name)
            if tag is not None and tag not in features:
                features[tag] = _values(value)
        return cls(features)

    def values(self, tag: str) -> tuple[str, ...]:
        """Return what is said of a tag, without negated values; empty: nothing is said.

        Strings come without their ``<>``.
        """
        found = self.features.get(tag.lower(), ())
        return tuple(_text(one.written) for one in found if not one.is_negated)

    def has(self, tag: str) -> bool:
        """Return whether something is said of a tag."""
        return tag.lower() in self.features

    def agreement(self, wanted: FeatureSet) -> tuple[int, int]:
        """Return how many of the wanted tags agree, and how many contradict.

        The rest is not declared here.
        """
        agreeing = contradicting = 0
        for tag, values in wanted.features.items():
            own = self.features.get(tag)
            if own is None:
                continue
            if any(one.agrees(other) for one in own for other in values):
                agreeing += 1
            else:
                contradicting += 1
        return agreeing, contradicting


@dataclass(frozen=True, slots=True)
class AcceptContact:
    """One element of Accept-Contact: tags that a contact shall have all of (RFC 3841 9.2).

    :ivar require: a contact that does not match must not get the request.
    :ivar explicit: a contact that does not declare a tag does not match.
    """

    wanted: FeatureSet
    require: bool = False
    explicit: bool = False

    @classmethod
    def parse(cls, text: str) -> AcceptContact:
        """Read one element. :raises BadSipMessage: not of its form."""
        parameters = _behind_star(text)
        return cls(FeatureSet.of(parameters), parameters.has("require"), parameters.has("explicit"))

    def matches(self, feature_set: FeatureSet) -> bool:
        """Return whether a contact is what is wished for (RFC 3841 7.2.4).

        Nothing that it declares contradicts, and with ``explicit`` it declares all.
        """
        agreeing, contradicting = feature_set.agreement(self.wanted)
        return contradicting == 0 and (not self.explicit or agreeing == len(self.wanted.features))

    def admits(self, feature_set: FeatureSet) -> bool:
        """Return whether a contact may get the request: it matches, or need not."""
        return not self.require or self.matches(feature_set)

    def score(self, feature_set: FeatureSet) -> float:
        """Return how well a contact fits, 0 to 1, to order contacts by (RFC 3841 7.2.4)."""
        if not self.matches(feature_set):
            return 0.0
        agreeing, _ = feature_set.agreement(self.wanted)
        return agreeing / len(self.wanted.features) if self.wanted.features else 1.0


@dataclass(frozen=True, slots=True)
class RejectContact:
    """One element of Reject-Contact: contacts that have all of these tags are not wanted."""

    unwanted: FeatureSet

    @classmethod
    def parse(cls, text: str) -> RejectContact:
        """Read one element. :raises BadSipMessage: not of its form."""
        return cls(FeatureSet.of(_behind_star(text)))

    def matches(self, feature_set: FeatureSet) -> bool:
        """Return whether a contact must not get the request: it declares all of them."""
        agreeing, _ = feature_set.agreement(self.unwanted)
        return agreeing == len(self.unwanted.features) > 0


def tag_of(parameter: str) -> str | None:
    """Return the full name of the feature tag that a parameter of Contact is; ``None``: none."""
    name = parameter.lower()
    if name.startswith("+"):
        return name[1:]
    return f"sip.{name}" if name in _BASE_TAGS else None


def accept_contacts(message: SipMessage) -> tuple[AcceptContact, ...]:
    """Return all elements of Accept-Contact. :raises BadSipMessage: one is malformed."""
    return tuple(AcceptContact.parse(one) for one in message.headers.listed("Accept-Contact"))


def reject_contacts(message: SipMessage) -> tuple[RejectContact, ...]:
    """Return all elements of Reject-Contact. :raises BadSipMessage: one is malformed."""
    return tuple(RejectContact.parse(one) for one in message.headers.listed("Reject-Contact"))


def _behind_star(text: str) -> Parameters:
    if not text.startswith("*"):
        raise BadSipMessage(f"no * in front of feature tags: {text[:40]!r}")
    return Parameters.parse(text[1:])


def _values(written: str | None) -> tuple[FeatureValue, ...]:
    if written is None:
        return (TRUE,)
    value = unquoted(written)
    # Commas within a string do not separate: a string stands alone (RFC 3840 9).
    if value.startswith(("<", "!<")):
        return (FeatureValue.parse(value),)
    return tuple(FeatureValue.parse(one.strip(" \t")) for one in value.split(","))


def _text(written: str) -> str:
    return written[1:-1] if written.startswith("<") else written


def _numbers(text: str) -> tuple[float, float]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise BadSipMessage(f"not a range of numbers: {text[:40]!r}")
    relation, number, lowest, highest = match.groups()
    if relation is None:
        return float(lowest), float(highest)
    return (
        float(number) if relation in ("=", ">=") else _FEWEST,
        float(number) if relation in ("=", "<=") else _MOST,
    )
