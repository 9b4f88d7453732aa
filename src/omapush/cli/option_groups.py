"""Options that several verbs share, as dataclasses: each option is written once.

Typer reads a verb's options from its parameters, one each. In the place of a parameter whose type
is a dataclass :func:`grouped` shows it that dataclass's fields, and calls the verb with an object.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Return ``verb`` as typer is to see it.

    Field types and defaults are those of typer's parameters, ``Annotated[...]`` and all.
    """
    hints = get_type_hints(verb, include_extras=True)
    groups: dict[str, tuple[type[Any], list[str]]] = {}
    shown: list[inspect.Parameter] = []
    for parameter in inspect.signature(verb).parameters.values():
        kind = hints[parameter.name]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            fields = _parameters(kind)
            groups[parameter.name] = (kind, [field.name for field in fields])
            shown += fields
        else:
            # Typer calls by name, and so those with a default may stand before those without.
            by_name = inspect.Parameter.KEYWORD_ONLY
            shown.append(parameter.replace(annotation=kind, kind=by_name))

    @functools.wraps(verb)
    def called(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
        for name, (kind, fields) in groups.items():
            given[name] = kind(**{field: given.pop(field) for field in fields})
        verb(**given)

    # Typer looks at both of these.
    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined] # functions take it
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return called


def _parameters(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=(
                inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
            ),
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]
