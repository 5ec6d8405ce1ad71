"""What a server tells of itself: its log, and a line for each request.

How something is told, and where it goes, belongs here. What happened is known by the rooms above,
which call this one; nothing here reads a request.
"""
