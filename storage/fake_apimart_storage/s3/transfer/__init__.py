"""The bytes of an object on their way to a store and back: parts, memory, patience.

What a store is, and how it is reached, does not belong here.
"""
