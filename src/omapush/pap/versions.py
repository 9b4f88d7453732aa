"""PAP versions: identifiers, the ``wap-pap-ver`` list, and negotiation (PAP 9)."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from omapush.core.errors import DecodeError

# PAP 9: literal, space, 1*DIGIT "." 1*DIGIT. In the field: OMA as owner, one slash, no number.
_PUBLIC = re.compile(
    r"[-+]?//(?P<owner>WAPFORUM|OMA)//?DTD PAP"
    r"(?: (?P<major>[0-9]{1,4})\.(?P<minor>[0-9]{1,4}))?//EN",
    re.IGNORECASE,
)
_SYSTEM = re.compile(r"pap_([0-9]{1,4})\.([0-9]{1,4})\.dtd$", re.IGNORECASE)
_RANGE = re.compile(r"([0-9]{1,4})\.([0-9]{1,4}|\*)")
_SUPPORTED = re.compile(r"""supported-versions\s*=\s*(?:"([^"]*)"|'([^']*)')""")

MAX_LISTED = 32
"""Entries of a ``wap-pap-ver`` list that are looked at."""


@dataclass(frozen=True, slots=True, order=True)
class PapVersion:
    """Major and minor number, compared as integers: 2.4 is older than 2.10 (PAP 9)."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @classmethod
    def parse(cls, text: str) -> PapVersion:
        """Read ``2.0``. :raises DecodeError: not of that form."""
        found = _RANGE.fullmatch(text)
        if found is None or found[2] == "*":
            raise DecodeError(f"not a PAP version: {text[:20]!r}")
        return cls(int(found[1]), int(found[2]))


PAP_1_0 = PapVersion(1, 0)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """One entry of a version list: a version, or all minors of a major (PAP 9.1)."""

    major: int
    minor: int | None

    def __str__(self) -> str:
        return f"{self.major}.{'*' if self.minor is None else self.minor}"

    def __contains__(self, version: PapVersion) -> bool:
        return self.major == version.major and self.minor in (None, version.minor)

    @property
    def above_1_0(self) -> bool:
        """Whether the entry names anything newer than PAP 1.0."""
        return self.major > 1 or (self.minor or 0) > 0


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a DOCTYPE says: a version, and who is named as its owner."""

    version: PapVersion | None
    owner: str


@functools.lru_cache(maxsize=64)
def identify(public_id: str, system_id: str) -> Identifier:
    """Read the identifiers of a DOCTYPE; ``version`` is ``None`` when neither holds a number."""
    found = _PUBLIC.fullmatch(public_id.strip())
    owner = found["owner"].upper() if found else "WAPFORUM"
    if found and found["major"]:
        return Identifier(PapVersion(int(found["major"]), int(found["minor"])), owner)
    by_file = _SYSTEM.search(system_id.strip())
    if by_file:
        return Identifier(PapVersion(int(by_file[1]), int(by_file[2])), owner)
    # The version-less public identifier of Kannel's samples means 1.0.
    return Identifier(PAP_1_0 if found else None, owner)


def public_id(version: PapVersion, owner: str) -> str:
    """Return the public identifier (PAP 9); the first two versions belong to the WAP Forum."""
    if version <= PapVersion(2, 0):
        owner = "WAPFORUM"
    return f"-//{owner}//DTD PAP {version}//EN"


def system_id(version: PapVersion) -> str:
    """Return the system identifier of the DTD."""
    if version <= PapVersion(2, 0):
        return f"http://www.wapforum.org/DTD/pap_{version}.dtd"
    return f"http://www.openmobilealliance.org/tech/DTD/pap_{version}.dtd"


def parse_instruction(data: str) -> tuple[VersionRange, ...]:
    """Read the data of ``<?wap-pap-ver ...?>``; entries that are no version are passed over."""
    found = _SUPPORTED.search(data)
    if found is None:
        return ()
    entries = (found[1] if found[1] is not None else found[2]).split(",")[:MAX_LISTED]
    matches = (_RANGE.fullmatch(entry.strip()) for entry in entries)
    return tuple(
        VersionRange(int(match[1]), None if match[2] == "*" else int(match[2]))
        for match in matches
        if match
    )


def format_instruction(versions: Sequence[VersionRange]) -> str:
    """Write the processing instruction (PAP 9.1)."""
    listed = ",".join(str(version) for version in versions)
    return f'<?wap-pap-ver supported-versions="{listed}"?>'


@dataclass(frozen=True, slots=True)
class Negotiation:
    """How to answer a document (PAP 9.3).

    :ivar supported: the document's own version is ours; otherwise answer 3002.
    :ivar version: the version to answer in.
    :ivar with_list: whether the answer carries our own version list.
    """

    supported: bool
    version: PapVersion
    with_list: bool


def negotiate(
    version: PapVersion, listed: Sequence[VersionRange], ours: Sequence[PapVersion]
) -> Negotiation:
    """Decide how to answer a document of ``version`` whose sender listed ``listed``.

    ``ours`` is what this end speaks, best first.
    """
    peer_above = version > PAP_1_0 or any(entry.above_1_0 for entry in listed)
    if version in ours:
        return Negotiation(supported=True, version=version, with_list=peer_above)
    we_above = any(mine > PAP_1_0 for mine in ours)
    for entry in listed:
        common = [mine for mine in ours if mine in entry]
        if common:
            return Negotiation(supported=False, version=max(common), with_list=peer_above)
    return Negotiation(supported=False, version=PAP_1_0, with_list=peer_above and we_above)
