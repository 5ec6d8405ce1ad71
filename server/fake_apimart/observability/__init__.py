"""The log of a server, and what there is to tell of a request.

How something is told, and where it goes, belongs here. What happened is known by the rooms above,
which call this one; nothing here reads a request.
"""
