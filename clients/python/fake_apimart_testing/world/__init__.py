"""What a world is to a test: its settings, its uploads, and what is told of it.

Belongs here: parts of `FakeAPIMart` that use the control API for it. Does not: the records that its
methods return, and how a server is reached.
"""
