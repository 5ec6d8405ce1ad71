"""Metrics and traces: what a server counts and times, for those who watch it from outside.

What is told and in whose form belongs here, each of it loaded only where it is wanted. The log does
not (observability); what happened is known by the rooms above, which call this one.
"""
