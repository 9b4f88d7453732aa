"""libwbxml as a peer: its conversions of XML to WBXML and back, called in this process.

It is the library of Debian's ``libwbxml2-1`` (also of ``libwbxml2-utils``), reached through ctypes,
so that a conversion costs no process: for tests with many documents and for measurements. It finds
the document type by DOCTYPE and by public identifier.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from enum import IntEnum

from omapush.core.errors import OmapushError

_LIBRARY = "libwbxml2.so.1"
_OCTETS = ctypes.POINTER(ctypes.c_ubyte)
# What libwbxml calls WB_ULONG has 32 bits on every machine.
_SIZE = ctypes.c_uint32
_CONVERTER = ctypes.c_void_p


class LibwbxmlMissing(OmapushError):
    """libwbxml is not installed."""


class LibwbxmlError(OmapushError):
    """libwbxml refuses a document; the reason is its own."""


class Layout(IntEnum):
    """How :meth:`Libwbxml.decode` lays the XML out."""

    COMPACT = 0
    INDENTED = 1
    CANONICAL = 2


class Libwbxml:
    """The loaded library. Not to be used by two threads at once.

    :raises LibwbxmlMissing: it is not installed.
    """

    def __init__(self) -> None:
        self._library = _load()

    def encode(
        self,
        xml: bytes,
        *,
        version: int = 3,
        string_table: bool = False,
        keep_white_space: bool = False,
    ) -> bytes:
        """Return the WBXML of an XML document that has a DOCTYPE.

        :param version: the minor version of WBXML to write, 0 to 3.
        :param string_table: whether strings that come twice go into a string table.
        :raises LibwbxmlError: it takes the document for wrong.
        """
        library = self._library

        def settings(converter: ctypes.c_void_p) -> None:
            library.wbxml_conv_xml2wbxml_set_version(converter, version)
            if not string_table:
                library.wbxml_conv_xml2wbxml_disable_string_table(converter)
            if keep_white_space:
                library.wbxml_conv_xml2wbxml_enable_preserve_whitespaces(converter)

        return self._convert("xml2wbxml", xml, settings)

    def decode(
        self, wbxml: bytes, *, layout: Layout = Layout.COMPACT, keep_white_space: bool = True
    ) -> bytes:
        """Return the XML of a WBXML document, with XML declaration and DOCTYPE.

        :raises LibwbxmlError: it takes the document for wrong, or does not know its type.
        """
        library = self._library

        def settings(converter: ctypes.c_void_p) -> None:
            library.wbxml_conv_wbxml2xml_set_gen_type(converter, int(layout))
            if keep_white_space:
                library.wbxml_conv_wbxml2xml_enable_preserve_whitespaces(converter)

        return self._convert("wbxml2xml", wbxml, settings)

    def _convert(
        self, way: str, octets: bytes, settings: Callable[[ctypes.c_void_p], None]
    ) -> bytes:
        library = self._library
        converter = _CONVERTER()
        self._check(library[f"wbxml_conv_{way}_create"](ctypes.byref(converter)))
        try:
            settings(converter)
            # It reads its input in place and may write into it: a copy of our own.
            source = (ctypes.c_ubyte * max(len(octets), 1)).from_buffer_copy(octets or b"\0")
            result, size = _OCTETS(), _SIZE()
            run = library[f"wbxml_conv_{way}_run"]
            self._check(
                run(converter, source, len(octets), ctypes.byref(result), ctypes.byref(size))
            )
            try:
                return ctypes.string_at(result, size.value)
            finally:
                library.wbxml_free(result)
        finally:
            library[f"wbxml_conv_{way}_destroy"](converter)

    def _check(self, code: int) -> None:
        if code:
            said: bytes = self._library.wbxml_errors_string(code)
            raise LibwbxmlError(said.decode(errors="replace"), None, "libwbxml")


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise LibwbxmlMissing(
            f"{_LIBRARY} is missing: install Debian's package libwbxml2-utils"
        ) from error
    for way in ("xml2wbxml", "wbxml2xml"):
        library[f"wbxml_conv_{way}_create"].argtypes = [ctypes.POINTER(_CONVERTER)]
        library[f"wbxml_conv_{way}_run"].argtypes = [
            *(_CONVERTER, _OCTETS, _SIZE),
            *(ctypes.POINTER(_OCTETS), ctypes.POINTER(_SIZE)),
        ]
        library[f"wbxml_conv_{way}_enable_preserve_whitespaces"].argtypes = [_CONVERTER]
        library[f"wbxml_conv_{way}_destroy"].argtypes = [_CONVERTER]
    library.wbxml_conv_xml2wbxml_set_version.argtypes = [_CONVERTER, ctypes.c_int]
    library.wbxml_conv_xml2wbxml_disable_string_table.argtypes = [_CONVERTER]
    library.wbxml_conv_wbxml2xml_set_gen_type.argtypes = [_CONVERTER, ctypes.c_int]
    library.wbxml_errors_string.argtypes = [ctypes.c_int]
    library.wbxml_errors_string.restype = ctypes.c_char_p
    library.wbxml_free.argtypes = [ctypes.c_void_p]
    library.wbxml_free.restype = None
    return library
