"""Simulated clients, very many in one process, for load tests and labs.

They have nothing of a real client behind them: ``clients`` are the terminals, ``sip_clients`` has
them at a SIP core, ``script`` says what they do with pushes, ``opening`` opens their ways at a pace
and again after waits.

On failure: what happens to one client is counted and concerns no other one.
"""
