"""The ledger: everything the PPG must not forget.

Who calls whom::

    ppg ──► contract.Store ◄── opening.open_store(url)
                │
    wake_ups ◄─sql ──► group_commit.Lane ──► sqlite | postgresql
                                                  │ one transaction for all who wait
        acceptance · deliveries · notifications · reports · routing · records
                │                      │              │
            statements ──► schema     due             reported         values
                                 (what is due,   (what reports     (columns
                                    fairly)       mean; pure)      and back)

* ``contract``: the :class:`~omapush.ppg.store.contract.Store` protocol and its values.
* ``opening``: from a URL to a store.
* ``schema``: the tables, once for every database; ``migrations`` brings a database to them.
* ``wake_ups``: hints between the gateway processes of one ledger, by NOTIFY.
* ``service_registration_contract``, ``service_registrations``: its part about who is registered at
  the gateway's push services.
* ``acceptance``, ``deliveries``, ``notifications``, ``reports``, ``routing``, ``records``: the
  transactions, as plain functions of a connection; they do not know which database they run on.

On failure: each call either takes effect as a whole and durably, or raises ``StoreUnavailable`` and
may be repeated as it is, or raises ``StoreRefused`` and was in vain. A call that fails for what it
was given does not fail the calls that shared its commit. A fake in memory that obeys the same
contract is in ``omapush.testing.memory_store``; the contract suite is
``omapush.testing.store_contract``, ``report_contract`` and ``service_registration_contract`` there.
"""
