"""The client as a SIP server: what comes to it from the core, and from whomever else.

A push is answered when its application has answered, and the final response says what that was
(section "results" of ``ota.sip``). OPTIONS are answered with what is taken now.
"""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)
