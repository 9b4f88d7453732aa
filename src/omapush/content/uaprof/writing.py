"""Writes UAProf profiles as RDF documents (WAP-248; PAP 10.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from omapush.content.uaprof.profile import Bag, Profile, Value
from omapush.content.uaprof.vocabulary import NAME, RDF, UAPROF, is_attribute
from omapush.core.errors import EncodeError

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_profile(profile: Profile) -> bytes:
    """Write a profile as UTF-8: equal profiles, in equal order, give equal octets.

    A character that XML cannot hold becomes U+FFFD.

    :raises EncodeError: a component or an attribute has a name that cannot be an element's.
    """
    lines = [
        '<?xml version="1.0"?>',
        f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:prf="{UAPROF}">',
        '<rdf:Description rdf:ID="Device">',
    ]
    for name, component in profile.components.items():
        lines[-1] += f'<prf:component><rdf:Description rdf:ID="{_identifier(name)}">'
        lines.append(f'<rdf:type rdf:resource="{UAPROF}{name}"/>')
        lines += [f"<prf:defaults rdf:resource={_quoted(uri)}/>" for uri in component.default_uris]
        if component.defaults:
            lines.append("<prf:defaults><rdf:Description>")
            lines += _attributes(component.defaults.items())
            lines.append("</rdf:Description></prf:defaults>")
        lines += _attributes(component.stated.items())
        lines.append("</rdf:Description></prf:component>")
    lines[-1] += "</rdf:Description></rdf:RDF>\n"
    return "\n".join(lines).encode("utf-8")


def _attributes(values: Iterable[tuple[str, Value]]) -> list[str]:
    lines = []
    for name, value in values:
        if not is_attribute(name):
            raise EncodeError(f"not an attribute of UAProf: {name[:60]!r}")
        lines.append(f"<prf:{name}>{_content(value)}</prf:{name}>")
    return lines


def _content(value: Value) -> str:
    if isinstance(value, str):
        return _escaped(value)
    kind = "Bag" if isinstance(value, Bag) else "Seq"
    items = "".join(f"<rdf:li>{_escaped(item)}</rdf:li>" for item in value.items)
    return f"<rdf:{kind}>{items}</rdf:{kind}>"


def _identifier(name: str) -> str:
    if not NAME.fullmatch(name):
        raise EncodeError(f"not a component of UAProf: {name[:60]!r}")
    return name.removesuffix("Characteristics") or name


def _escaped(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _quoted(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})
