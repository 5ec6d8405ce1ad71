"""Everything that belongs to one API key: clock, settings, rules (faults), journal, magic keys.

How a task ends (`outcome`) belongs here too, since a world's settings decide it. Nothing here
knows of requests and answers: what a request meets in its world is the gateway's subject.
"""
