"""Many objects of a bucket: listed, described and deleted, in threads of their own.

What takes many requests to the store belongs here. What a client waits for is not delayed by it.
"""
