"""The Push Initiator's side: an asynchronous SDK over PAP, and nothing but PAP.

* ``client``: :class:`PushInitiator` submits, replaces and cancels pushes, and asks where they are.
* ``exchange``: one operation over HTTP, in a version that both sides speak.
* ``notifications``: :class:`NotificationReceiver` takes result notifications, in any ASGI server.
* ``listener``: :func:`serve` is such a server for programs that have none.

A refusal by the gateway is a result, not an error; errors say whether the push may have been taken.
"""

from omapush.initiator.client import PushInitiator, SubmissionResult
from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver

__all__ = ["NotificationReceiver", "PushInitiator", "SubmissionResult", "serve"]
