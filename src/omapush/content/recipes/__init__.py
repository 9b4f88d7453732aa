"""Recipes: whole push messages from a few plain arguments.

* ``messages``: one function for each kind of push, with typed arguments.
* ``table``: the same by name and with words as arguments, for command lines: :data:`RECIPES`.
* ``arguments``: what a recipe asks for, and how words become values.

Nothing is sent and no clock is read. Wrong arguments raise
:class:`~omapush.core.errors.EncodeError`; where a word was wrong its ``position`` names the
parameter.
"""

from omapush.content.recipes.arguments import Kind, Parameter, Recipe
from omapush.content.recipes.messages import (
    cache_operation,
    email_notification,
    mms_notification,
    provisioning,
    service_indication,
    service_loading,
    session_initiation,
    wake_up,
)
from omapush.content.recipes.table import RECIPES

__all__ = [
    "RECIPES",
    "Kind",
    "Parameter",
    "Recipe",
    "cache_operation",
    "email_notification",
    "mms_notification",
    "provisioning",
    "service_indication",
    "service_loading",
    "session_initiation",
    "wake_up",
]
