"""Callbacks: the end of a task, posted to the client's webhook (docs), also after a restart.

Only here does the server send requests by itself. Belongs here: when a callback is due, how it is
sent and sent again, and what is kept of it. Does not: what a task's end is (tasks).
"""
