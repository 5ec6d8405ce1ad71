"""Tools for every room: clock, randomness, caches, stored JSON, waits, addresses, rates.

What several rooms need and what has no subject of its own belongs here; waits end at shutdown.
Nothing here knows HTTP, the vendor's API or the worlds.
"""
