"""The ledger: everything the PPG must not forget.

* ``contract``: the :class:`~omapush.ppg.store.contract.Store` protocol and its values.
* ``schema``: the tables, once for every database.
* ``sql``: the statements and the transactions, for SQLite and PostgreSQL.
* ``migrations``: Alembic.

A fake in memory that obeys the same contract is in ``omapush.testing.memory_store``; the contract
suite is ``omapush.testing.store_contract``. Each call either takes effect as a whole and durably,
or raises ``StoreUnavailable`` and may be repeated as it is.
"""
