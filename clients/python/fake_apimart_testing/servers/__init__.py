"""Servers for tests: where one is found, how it is started and stopped, and who shares it.

Belongs here: child processes, and what the processes of one test run tell each other. Does not:
what a test does with a server (the room above).
"""
