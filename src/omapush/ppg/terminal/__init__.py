"""Terminals by OTA-HTTP: who is connected, who can be dialled, who has to be asked to come.

Who calls whom::

    bearers.tcp ──► arrivals ──► identification (pure)     whose connection it is (TO-TCP)
                      │   └────► accounts                  passwords, CPI known before; in memory
                      ├────────► live                      the connections of each client
                      └────────► directory ──► store       who is connected here, in batches
    ppg.admin ──► listing ──► live, store                  what operators ask
    lane ──► reach ──► live, dialling (PO-TCP), ppg.session_request (SIR)
               └─────► connection ──► a link of the bearer, with ota.http.ppg on it

On failure: a connection whose terminal does not say who it is, or does not prove it, is closed, and
an address that fails often is not listened to for a while. When a connection ends, what was sent
and not answered is in doubt; another connection of the client is used if there is one. When the
ledger is away, terminals are let in all the same and the ledger is told later. When this process
dies, its attachments end with their lease, and terminals that dial another process are that one's
from then on.
"""
