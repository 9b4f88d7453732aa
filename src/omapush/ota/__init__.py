"""The Push Over-the-Air interface (Architecture 2.3, 5.3.2.2): both ends, without input or output.

* ``interface``: what every variant gives to the PPG and to the Push Client: service primitives,
  outcomes, capabilities, and the ports that bearers implement.
* ``http``: OTA-HTTP.
* ``service_registration``: how a client asks a push service for the ways to it.

A session object is fed octets and the time and returns effects and indications; a bearer
(``omapush.bearers``) moves the octets. A bad peer becomes an indication and closes its own
connection; it never raises into the caller's loop.
"""
