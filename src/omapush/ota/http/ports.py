"""The registered ports of OTA-HTTP, for either end that listens (WAP-235, 7.2.4.1)."""

from __future__ import annotations

PUSH_PORT = 4035
"""wap-push-http."""
SECURE_PUSH_PORT = 4036
"""wap-push-https: the connection is by TLS."""
