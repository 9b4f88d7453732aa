"""Pushes that come by short message (OTA-WSP over SMS): nobody waits for their answer.

::

    (modem) ──► intake ──► messages (pure: what is it, is it whole)
                  ├──────► store: segments, and pushes that wait, in a file of their own
                  └──────► agent, again and again until the push is taken, refused or too old

On failure: a message that cannot be kept is refused towards the modem, which has it again later.
"""
