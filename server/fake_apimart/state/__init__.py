"""What the servers of one fake share beside the storage: in the memory of one, or in Redis.

A package for each place, and what opens the one that the settings name. The interfaces that they
implement are where they are used: `worlds.state`, `tasks.ledger` and `common.locks`.
"""
