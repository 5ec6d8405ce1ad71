"""What the page shows of worlds: uploads, tasks, requests, in the words of templates.

Belongs here: reading it, newest first and within bounds. HTML does not, nor anything that changes a
world.
"""
