"""The control API below `/_fake/`, by which tests drive the server.

Belongs here: a module for each resource that tests control, access checks, and refusals. Does not:
the behaviour that a request changes (the room of that resource), and the vendor's contract.
"""
