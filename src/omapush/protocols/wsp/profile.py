"""What may be written to a certain peer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from omapush.protocols.wsp.assigned_numbers import EncodingVersion
from omapush.protocols.wsp.registers import ASSUMED_CONTENT_TYPES

_BOOTSTRAP_PARAMETERS = frozenset({0x11, 0x12})
"""SEC and MAC: whoever takes a bootstrap document knows them (Provisioning Bootstrap 6)."""


@dataclass(frozen=True, slots=True)
class HeaderProfile:
    """How headers are written for a peer; the default suits a peer nothing is known of.

    :ivar encoding_version: the highest whose codes the peer knows. Without word from the peer
        that is 1.2 (WSP 8.4.2.70): later fields go out as text.
    :ivar content_type_codes: whether media types go out as their numbers at all.
    :ivar assumed_content_types: codes sent whatever ``encoding_version`` is.
    :ivar assumed_parameters: parameter codes sent whatever ``encoding_version`` is.
    :ivar application_codes: whether an application id that comes as a URI with its number
        (``;app-encoding=``) goes out as the number.
    :ivar unknown_headers: whether fields that WSP has no number for go out, as text.
    :ivar content_length: whether Content-Length goes out before a body, which shows it anyway.
    """

    encoding_version: EncodingVersion = (1, 2)
    content_type_codes: bool = True
    assumed_content_types: frozenset[int] = ASSUMED_CONTENT_TYPES
    assumed_parameters: frozenset[int] = _BOOTSTRAP_PARAMETERS
    application_codes: bool = True
    unknown_headers: bool = True
    content_length: bool = False


DEFAULT_PROFILE = HeaderProfile()

_VERSION = re.compile(r"([0-9])\.([0-9]{1,2})", re.ASCII)


def profile_for(
    headers: Iterable[tuple[str, str]], base: HeaderProfile = DEFAULT_PROFILE
) -> HeaderProfile:
    """Return ``base`` with the Encoding-Version that a peer's ``headers`` tell (WSP 8.4.2.70).

    Without one, or with one that is not a version, the peer knows 1.2 at most. Versions of other
    code pages than the first do not count.
    """
    for name, value in headers:
        found = _VERSION.fullmatch(value) if name.lower() == "encoding-version" else None
        if found is not None:
            return replace(base, encoding_version=(int(found[1]), int(found[2])))
    return replace(base, encoding_version=DEFAULT_PROFILE.encoding_version)
