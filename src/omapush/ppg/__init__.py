"""The Push Proxy Gateway (Architecture 2.3, 5.3.1.1).

Who calls whom::

    http ──► authentication (pure) ──► credentials, passwords, digest, lockout
      │ └──► verifying                                      Argon2, in threads
      └────► acceptance ──► admission ──► store.accept      one commit, then 1001
                 │    │         └─► authorisation ──► limits (pure)      rate, quota
                 │    └───► cancellation, status_query, capabilities_query ──► store
                 │ recipients, submission, permissions, capabilities (pure; what is
                 │ large in a thread, by large_work)
    delivery ──► store.claim ──► routing, transform (pure) ──► terminals ──► ota.http.ppg
        └─────── lifecycle (pure) ──► store.settle           one line in the timeline each
    notification ──► store.claim_notifications ──► HTTP POST to the initiator

On failure: a request that proves nothing is refused by its HTTP status alone. One that cannot be
stored is answered 3000 and nothing is kept. A delivery whose process dies is claimed again when its
lease ends and is marked in doubt. A notification is a row like any other work and survives the same
way. The loops never stop for one bad row: they log it, leave it to its lease, and go on.
"""
