"""The page at `/_fake/`: what clients did, to be looked at and tried by hand, in a browser.

Belongs here: screens, and what they alone need. Does not: what worlds are told (control).
"""
