"""The settings of a server: one typed object, fixed at its start.

What a setting is, what it may be, and how it is read from variables and flags belongs here. What it
does belongs to the room that uses it; what a world may change at run time to `worlds.settings`.
"""
