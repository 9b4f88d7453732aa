"""UAProf documents: what a client can do, as RDF (WAP-248, the CC/PP profile of WAP).

* ``profile``: :class:`Profile` and its components; :func:`merge` resolves several into one.
* ``reading``, ``writing``: octets to :class:`Profile` and back.
* ``vocabulary``: the names that both use.
* ``push``: the component PushCharacteristics as plain values.

Nothing is fetched: a default that stands elsewhere is named in :attr:`Component.default_uris`, for
whoever may fetch it. Octets that are no profile raise
:class:`~omapush.content.uaprof.reading.ProfileError`, or
:class:`~omapush.core.errors.LimitError` when they are too many; both are
:class:`~omapush.core.errors.DecodeError`.
"""

from omapush.content.uaprof.profile import Bag, Component, Profile, Resolution, Seq, Value, merge
from omapush.content.uaprof.push import (
    PUSH_CHARACTERISTICS,
    PushCharacteristics,
    profile_of,
    push_characteristics,
)
from omapush.content.uaprof.reading import MAX_OCTETS, ProfileError, read_profile
from omapush.content.uaprof.writing import write_profile

__all__ = [
    "MAX_OCTETS",
    "PUSH_CHARACTERISTICS",
    "Bag",
    "Component",
    "Profile",
    "ProfileError",
    "PushCharacteristics",
    "Resolution",
    "Seq",
    "Value",
    "merge",
    "profile_of",
    "push_characteristics",
    "read_profile",
    "write_profile",
]
