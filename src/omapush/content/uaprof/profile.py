"""A profile as values, and how several become one (WAP-248)."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Bag:
    """Several values whose order means nothing: two bags are equal in any order."""

    items: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bag) and sorted(self.items) == sorted(other.items)

    def __hash__(self) -> int:
        return hash((Bag, frozenset(self.items)))


@dataclass(frozen=True, slots=True)
class Seq:
    """Several values, the preferred one first."""

    items: tuple[str, ...] = ()


Value = str | Bag | Seq


@dataclass(frozen=True)
class Component(Mapping[str, Value]):
    """One component: a mapping from attribute name to value, what is said before what is default.

    :ivar stated: what the document says.
    :ivar defaults: what holds for an attribute that is not in ``stated``.
    :ivar default_uris: where further defaults stand that the document does not hold itself.
    """

    stated: Mapping[str, Value] = field(default_factory=dict)
    defaults: Mapping[str, Value] = field(default_factory=dict)
    default_uris: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Value:
        return self.stated[name] if name in self.stated else self.defaults[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.stated
        yield from (name for name in self.defaults if name not in self.stated)

    def __len__(self) -> int:
        return len(self.stated.keys() | self.defaults.keys())


@dataclass(frozen=True, slots=True)
class Profile:
    """A device's components by the name of their type, such as ``HardwarePlatform``."""

    components: Mapping[str, Component] = field(default_factory=dict)

    def component(self, name: str) -> Component:
        """Return the component of that type; an empty one if the profile has none."""
        return self.components.get(name, Component())


class Resolution(enum.Enum):
    """What becomes of an attribute that two documents give (WAP-248)."""

    OVERRIDE = "Override"
    """The later value stands."""
    APPEND = "Append"
    """All values stand together, each once."""
    LOCKED = "Locked"
    """The first value stands."""


_LOCKED = """
    BluetoothProfile CPU ImageCapable Keyboard Model NumberOfSoftKeys PixelAspectRatio
    PointingResolution ScreenSize ScreenSizeChar SoundOutputCapable StandardFontProportional
    TextInputCapable Vendor VoiceInputCapable
    AcceptDownloadableSoftware JavaEnabled MexeClassmark MexeClassmarks MexeSecureDomains MexeSpec
    OSName OSVendor OSVersion RecipientAppAgent SoftwareNumber
    CurrentBearerService SecuritySupport SupportedBearers SupportedBluetoothVersion
    BrowserName BrowserVersion HtmlVersion JavaAppletEnabled JavaScriptEnabled JavaScriptVersion
    PreferenceForFrames TablesCapable XhtmlVersion
    DrmClass DrmConstraints OmaDownload WapDeviceClass WapVersion WmlDeckSize WmlScriptLibraries
    WtaVersion WtaiLibraries
"""
_APPEND = """
    InputCharSet OutputCharSet
    AudioInputEncoder CcppAccept CcppAccept-Charset CcppAccept-Encoding CcppAccept-Language
    DownloadableSoftwareSupport JVMVersion JavaPlatform VideoInputEncoder
    DownloadableBrowserApps XhtmlModules
    SupportedPictogramSet WmlScriptVersion WmlVersion
"""
_RULES = {
    **dict.fromkeys(_LOCKED.split(), Resolution.LOCKED),
    **dict.fromkeys(_APPEND.split(), Resolution.APPEND),
}


def resolution(attribute: str) -> Resolution:
    """Return the rule of an attribute; of one that the vocabulary does not have, Override.

    All of PushCharacteristics is Override (WAP-248).
    """
    return _RULES.get(attribute, Resolution.OVERRIDE)


def merge(base: Profile, *differences: Profile) -> Profile:
    """Resolve a profile and its differences, in this order, into one (WAP-248).

    What any of them says stands before every default, whatever the rule; of two defaults the later
    stands.
    """
    components = dict(base.components)
    for difference in differences:
        for name, component in difference.components.items():
            known = components.get(name)
            components[name] = component if known is None else _merged(known, component)
    return Profile(components)


def resolved(attribute: str, earlier: Value | None, later: Value) -> Value:
    """Apply the attribute's rule to two values; ``None`` means that there was none before."""
    if earlier is None:
        return later
    match resolution(attribute):
        case Resolution.LOCKED:
            return earlier
        case Resolution.OVERRIDE:
            return later
        case Resolution.APPEND:
            return _appended(earlier, later)


def _merged(earlier: Component, later: Component) -> Component:
    values = dict(earlier.stated)
    for name, value in later.stated.items():
        values[name] = resolved(name, values.get(name), value)
    uris = dict.fromkeys((*earlier.default_uris, *later.default_uris))
    return Component(values, {**earlier.defaults, **later.defaults}, tuple(uris))


def _appended(earlier: Value, later: Value) -> Value:
    if earlier == later:
        return earlier
    items = tuple(dict.fromkeys((*_items(earlier), *_items(later))))
    return Seq(items) if isinstance(earlier, Seq) or isinstance(later, Seq) else Bag(items)


def _items(value: Value) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value.items
