"""Reads UAProf profiles out of RDF documents (WAP-248).

Profiles in the field differ in the version of the schema, in prefixes, and in which of RDF's
several spellings they use. What is read is therefore told by local names: a ``component`` holds or
names a description, and everything in that description that is not RDF's own is an attribute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omapush.content.uaprof.profile import Bag, Component, Profile, Seq, Value, resolved
from omapush.content.uaprof.vocabulary import NAME, RDF_NAMES, is_attribute
from omapush.core.errors import DecodeError, LimitError
from omapush.protocols import xml

MAX_OCTETS = 1 << 18
"""Octets of a document that is read, unless the caller says otherwise."""
MAX_ELEMENTS = 4_096
MAX_DEPTH = 24
MAX_COMPONENTS = 64

_XML = "http://www.w3.org/XML/1998/namespace"
_CONTAINERS: dict[str, type[Bag | Seq]] = {"Bag": Bag, "Seq": Seq, "Alt": Seq}

_WHITE_SPACE = re.compile("[ \t\r\n]+")


class ProfileError(DecodeError):
    """The octets are no UAProf document."""


def read_profile(octets: bytes, *, max_octets: int = MAX_OCTETS) -> Profile:
    """Read a UAProf document, of any version of the schema.

    Attributes that have a structure of their own, which UAProf does not know, are passed over. Of
    a component or an attribute that comes twice the rules of resolution make one.

    :param max_octets: of ``octets``; elements and depth are bounded as well.
    :raises ProfileError: not well-formed, not RDF, declares an entity or an attribute default, or
        has a component of which the type is not known.
    :raises LimitError: larger or deeper than the bounds.
    """
    if len(octets) > max_octets:
        raise LimitError(f"a profile of {len(octets)} octets, {max_octets} are taken")
    root = _root(octets)
    _bound(root)
    if not _is_rdf(root, "RDF") and not _is_rdf(root, "Description"):
        raise ProfileError(f"the document element is {_shown(root)}, not rdf:RDF")
    return _Reader(root).profile()


class _Reader:
    """Reads one document; descriptions may stand in place or be named from elsewhere in it."""

    def __init__(self, root: Any) -> None:  # noqa: ANN401 - lxml's element type is private
        self._root = root
        self._by_identifier: dict[str, Any] = {}
        self._read: dict[Any, dict[str, Value]] = {}
        for node in root.iter():
            name = _rdf_attribute(node, "ID") or _rdf_attribute(node, "about")
            if name:
                self._by_identifier.setdefault(name.rpartition("#")[2], node)

    def profile(self) -> Profile:
        components: dict[str, Component] = {}
        nodes = self._components()
        if len(nodes) > MAX_COMPONENTS:
            raise LimitError(f"more than {MAX_COMPONENTS} components")
        for node in nodes:
            name = _type_name(node)
            if name is None:
                raise ProfileError("a component whose type is not known", _position(node))
            components[name] = self._component(node, components.get(name))
        return Profile(components)

    def _components(self) -> list[Any]:
        """Return the descriptions of components, each once, in the order of the document."""
        tops = list(self._root) if _is_rdf(self._root, "RDF") else [self._root]
        defaults = {
            node
            for element in self._root.iter()
            if _is_property(element, "defaults")
            for node in self._described(element)
        }
        found: dict[Any, None] = {}
        for top in tops:
            held = [child for child in top if _is_property(child, "component")]
            for node in (node for child in held for node in self._described(child)):
                found[node] = None
            if not held and top not in defaults and _stated_type(top) is not None:
                # Stands alone: perhaps nothing names it, and still it describes the device.
                found[top] = None
        return list(found)

    def _described(self, element: Any) -> list[Any]:  # noqa: ANN401
        """Return the descriptions that a ``component`` or ``defaults`` element holds or names."""
        reference = _rdf_attribute(element, "resource")
        if reference is not None:
            node = self._by_identifier.get(reference.rpartition("#")[2])
            return [] if node is None else [node]
        if _rdf_attribute(element, "parseType") == "Resource":
            return [element]
        return list(element)

    def _component(self, node: Any, known: Component | None) -> Component:  # noqa: ANN401
        component = known or Component()
        values = _joined(component.stated, self._attributes(node))
        defaults = dict(component.defaults)
        uris = dict.fromkeys(component.default_uris)
        nodes: dict[Any, None] = {}
        for child in node:
            if _is_property(child, "defaults"):
                described = self._described(child)
                nodes.update(dict.fromkeys(described))
                reference = _rdf_attribute(child, "resource")
                if not described and reference:
                    uris[_trimmed(reference)] = None
        for default in nodes:
            defaults = _joined(defaults, self._attributes(default))
        return Component(values, defaults, tuple(uris))

    def _attributes(self, node: Any) -> dict[str, Value]:  # noqa: ANN401
        """Read the attributes of a description, once, however often it is named."""
        if node not in self._read:
            self._read[node] = _collected(node)
        return self._read[node]


def _collected(node: Any) -> dict[str, Value]:  # noqa: ANN401
    """Return the attributes of a description, written as elements or as XML attributes."""
    values: dict[str, Value] = {}
    for tag, text in node.attrib.items():
        namespace, name = _split(tag)
        if namespace and namespace not in (*RDF_NAMES, _XML):
            _add(values, name, _trimmed(text) or None)
    for child in node:
        namespace, name = _split(child.tag)
        if namespace not in RDF_NAMES:
            _add(values, name, _value(child))
    return values


def _add(values: dict[str, Value], name: str, value: Value | None) -> None:
    if value is not None and is_attribute(name):
        values[name] = resolved(name, values.get(name), value)


def _joined(earlier: Mapping[str, Value], later: Mapping[str, Value]) -> dict[str, Value]:
    values = dict(earlier)
    for name, value in later.items():
        values[name] = resolved(name, values.get(name), value)
    return values


def _value(element: Any) -> Value | None:  # noqa: ANN401
    reference = _rdf_attribute(element, "resource")
    if reference is not None:
        return _trimmed(reference) or None
    if not len(element):
        return _trimmed(element.text or "") or None
    first = _split(element[0].tag)[1]
    if first == "li":
        return Bag(_items(element))
    container = _CONTAINERS.get(first)
    return container(_items(element[0])) if container is not None else None


def _items(container: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return what rdf:li, or the numbered rdf:_1 and so on, hold; what is empty is left out."""
    items = (
        _trimmed(_rdf_attribute(child, "resource") or "".join(child.itertext()))
        for child in container
        if re.fullmatch("li|_[0-9]+", _split(child.tag)[1])
    )
    return tuple(item for item in items if item)


def _root(octets: bytes) -> Any:  # noqa: ANN401
    """Return the document element; nothing in the document could expand."""
    try:
        encoding = xml.encoding_of(octets)
        text = octets.decode(encoding).strip("\ufeff \t\r\n")
        xml.refuse_expansion(text)
        return xml.parse(text, text.encode("utf-8", "replace"))
    except UnicodeDecodeError as error:
        raise ProfileError(f"not {error.encoding}", error.start) from error
    except xml.XmlError as error:
        raise ProfileError(error.reason, error.position) from error


def _bound(root: Any) -> None:  # noqa: ANN401
    level, depth, count = [root], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > MAX_DEPTH:
            raise LimitError(f"elements nested deeper than {MAX_DEPTH}")
        if count > MAX_ELEMENTS:
            raise LimitError(f"more than {MAX_ELEMENTS} elements")
        level = [child for element in level for child in element]


def _type_name(node: Any) -> str | None:  # noqa: ANN401
    """Return which component a description is; if no type is given, by its own name."""
    name = _stated_type(node)
    if name is None:
        identifier = _rdf_attribute(node, "ID") or _rdf_attribute(node, "about") or ""
        name = identifier.rpartition("#")[2].strip()
    return name if NAME.fullmatch(name) else None


def _stated_type(node: Any) -> str | None:  # noqa: ANN401
    namespace, local = _split(node.tag)
    if namespace in RDF_NAMES and local != "Description":
        return None
    if namespace not in RDF_NAMES and not _is_property(node, "component"):
        return local  # a typed node: the element's own name is the type
    given = _rdf_attribute(node, "type")
    for child in node:
        if given is None and _is_property(child, "type"):
            given = _rdf_attribute(child, "resource") or child.text
    return None if given is None else re.split("[#/]", given.strip())[-1]


def _rdf_attribute(element: Any, name: str) -> str | None:  # noqa: ANN401
    """Return an attribute of RDF's, which early documents write without the prefix."""
    for tag in (*(f"{{{namespace}}}{name}" for namespace in RDF_NAMES), name):
        text = element.get(tag)
        if text is not None:
            return str(text)
    return None


def _is_rdf(element: Any, name: str) -> bool:  # noqa: ANN401
    namespace, local = _split(element.tag)
    return local == name and namespace in RDF_NAMES


def _is_property(element: Any, name: str) -> bool:  # noqa: ANN401
    return _split(element.tag)[1].lower() == name


def _split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition("}")
    return namespace[1:], name


def _trimmed(text: str) -> str:
    return _WHITE_SPACE.sub(" ", text).strip(" ")


def _shown(element: Any) -> str:  # noqa: ANN401
    return repr(_split(element.tag)[1][:60])


def _position(element: Any) -> str:  # noqa: ANN401
    return f"line {element.sourceline}"
