"""Push Service Registration, the gateway's end: push services that clients register at (CAI 5.1).

A client that knows only the address of a push service learns there by which ways its pushes come::

    http (ASGI) ──► registrar ──► services (which one, and what it offers; pure)
        │               ├──► the ledger (who is registered, until when)
        │               └──► known (what a client takes by all of its registrations; pure)
        └── answers by ota.service_registration        listing (the operator's page)

On failure: a request that cannot be read or served gets an HTTP status with a sentence, and changes
nothing; when the ledger is away it is 503 and the client comes back. A registration that nobody
refreshes runs out by itself.
"""
