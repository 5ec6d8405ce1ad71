"""Decoding of pictures within bounds: of time, of memory, and of what it may delay.

Belongs here: the worker processes that decode, and what waits for them. Does not: how a picture
is decoded (images), and which pictures are (uploads, pictures, tasks).
"""
