"""What the vendor promises: operations, errors, URLs, keys, ids, and how answers are written.

Facts of the wire contract that more than one operation needs belong here, each with its source.
What an operation does, and any state, does not.
"""
