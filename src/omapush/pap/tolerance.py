"""What a decoder may forgive."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Switches; ``True`` is the strict position.

    :ivar strict_mime: CRLF line ends, a closing delimiter, an empty line after part headers.
    :ivar strict_type_param: multipart/related must have a well-formed ``type`` parameter.
    :ivar strict_doctype: a DOCTYPE with the exact identifiers, and the version list inside it.
    :ivar strict_dtd: the element tables to the letter. PAP demands it (PPG 5.1.1), so it is on;
        off, the order of elements, unknown attributes and the case of enumerations are forgiven.
    :ivar strict_empty: nothing, not even white space, in an element that the DTD has empty. A
        switch of its own: Kannel's samples have it, and nothing can be misread.
    :ivar strict_application_id: X-Wap-Application-Id is a URI or a code; a registered name without
        its ``x-wap-application:``, as Kannel's tools send it, is not completed.
    :ivar strict_times: times in the one form that PAP has (PAP 8.2).
    :ivar strict_charset: no falling back when octets are not of the declared character set.
    :ivar strict_address: the address grammar to the letter.
    """

    strict_mime: bool = False
    strict_type_param: bool = False
    strict_doctype: bool = False
    strict_dtd: bool = True
    strict_empty: bool = False
    strict_application_id: bool = False
    strict_times: bool = False
    strict_charset: bool = False
    strict_address: bool = False
