"""What the vendor's gateway does around every operation: ids, CORS, slashes, keys, look-up, health.

A request becomes an Exchange here, and finds its operation, its world and the rule that it meets.
What one operation does in particular belongs to that operation's package.
"""
