"""OTA-SIP: push through a SIP/IP core, with MESSAGE and with INVITE and MSRP.

Both ends, without any input or output. ``core`` is the port to the SIP/IP core: the entities above
ask it to carry requests, and serve those that come; ``bearers`` implements it.

The text of OMA's own specification could not be had: what the founding documents leave open was
decided here, and each place says so with [design].
"""
