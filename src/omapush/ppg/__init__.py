"""The Push Proxy Gateway (Architecture 2.3, 5.3.1.1).

Who calls whom::

    http ──► authentication (pure) ──► credentials, passwords, digest, lockout
      │ └──► verifying                                      Argon2, in threads
      └────► acceptance ──► composing ──► submission, permissions, matching (pure)
                 │    │         └───────► finding ──► resolution ──► tables, databases, services
                 │    ├───► admission ──► store.accept      one commit, then 1001
                 │    │         └───────► authorisation ──► limits (pure)      rate, quota
                 │    └───► cancellation, status_query, capabilities_query ──► store
    expanding ──► store.expand                              pushes to very many recipients
    delivery ──► store.claim ──► lane ──► routing, transform (pure)
        │                         └─────► reach ──► terminals ──► ota.http.ppg
        ├─────── lifecycle (pure) ──► store.settle          one line in the timeline each
        └─────── profiles ──► outbound                      UAProf documents, in bounded time
    service_registration ──► store                          clients at push services, by HTTP
    reports ──► store.report                                what bearers report of what they took
    notification ──► store.claim_notifications ──► notification_sender ──► outbound

On failure: a request that proves nothing is refused by its HTTP status alone. One that cannot be
stored is answered 3000 and nothing is kept. A delivery whose process dies is claimed again when its
lease ends and is marked in doubt. A notification is a row like any other work and survives the same
way. A profile that cannot be had leaves a client with what it said itself. The loops never stop for
one bad row: they log it, leave it to its lease, and go on.
"""
