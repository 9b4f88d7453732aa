"""The Push Initiator's side: an asynchronous SDK over PAP, and nothing but PAP.

* ``client``: :class:`PushInitiator` submits, replaces and cancels pushes, and asks where they are.
  It uses

  * ``exchange``: one operation over HTTP, in a version that both sides speak;
  * ``credentials`` and ``tls``: how the initiator proves who it is, and knows its gateway;
  * ``retrying``: repeating a submission, under one push-id, until there is a verdict;
  * ``results``: what answers become.

* ``notifications``: :class:`NotificationReceiver` takes result notifications, in any ASGI server.
* ``listener``: :func:`serve` is such a server for programs that have none.

A refusal by the gateway is a result, not an error; errors say whether the push may have been taken.
"""

from omapush.initiator.client import PushInitiator
from omapush.initiator.exchange import TooFastError
from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver, NotNowError
from omapush.initiator.results import SubmissionResult

__all__ = [
    "NotNowError",
    "NotificationReceiver",
    "PushInitiator",
    "SubmissionResult",
    "TooFastError",
    "serve",
]
