"""Alembic's revisions of the ledger's schema; ``migrate`` runs them."""
