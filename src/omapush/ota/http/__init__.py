"""OTA-HTTP: push over HTTP, where the terminal is the server whoever dialled (WAP-235, 7).

* ``ppg``: the gateway's end, with its table in ``states``. ``client``: the terminal's end.
* ``registration``: how the gateway's end comes to know the terminal, in as many rounds of OPTIONS
  as that takes. ``gateway_authentication``: who the terminal is to the gateway, and the other way
  round, by what the port ``accounts`` knows.
* ``admission``: who the gateway is to the terminal, and the other way round, by the terminal's
  ``contexts`` and the headers of ``authentication``. ``answers``: what the terminal says.
* ``headers``: names and small grammars that both share. ``cpi``: capabilities and their tag.
* ``entity``: the ``application/http`` body of a push. ``status``: X-Wap-Push-Status.

Neither end cares who opened the connection (PO-TCP or TO-TCP). A peer that breaks the protocol ends
its own connection: the gateway's end reports an outcome for every unanswered push, the terminal's
end reports every unanswered push as void.
"""
