"""The page at `/_fake/`: what clients did, as it happens, and the API to try by hand.

Belongs here: who may look, languages, rendering, paths. What is shown on which screen does not
(`screens`, `views`), nor what only reads or changes worlds: the control API does.
"""
