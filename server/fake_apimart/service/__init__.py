"""One server: all its parts put together, its start and end, resets, and what expires.

Code belongs here that has to know every part at once. What one part does belongs to its own room.
"""
