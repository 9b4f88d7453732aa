"""What may be written to a certain peer."""

from __future__ import annotations

from dataclasses import dataclass

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
