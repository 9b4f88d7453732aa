"""Calls a coroutine function of a module: the event handler ``python:`` (5.2 of the interface).

It runs in the client's own process, with all its rights. That it returns accepts, that it returns
a :class:`~omapush.cai.model.Reject` or raises refuses (T-60).
"""

from __future__ import annotations

import importlib
import inspect

from omapush.cai.model import Reason, RegistrationRejected
from omapush.client.handler import Handler
from omapush.client.handlers.address import PARAMETER, FunctionAddress


def function_handler(address: FunctionAddress) -> Handler:
    """Return the function, after importing its module.

    :raises RegistrationRejected: ``invalid_parameter``: there is no such coroutine function.
    """
    try:
        found = getattr(importlib.import_module(address.module), address.function, None)
    except Exception as error:  # a module may raise anything
        detail = f"{address.module} cannot be imported: {type(error).__name__}"
        raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, PARAMETER) from error
    if not inspect.iscoroutinefunction(found):
        detail = f"{address.module} has no coroutine function {address.function}"
        raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, PARAMETER)
    handler: Handler = found
    return handler
