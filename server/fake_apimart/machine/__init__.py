"""The machine that a server runs on: what it may be short of.

Belongs here: what fails for want of descriptors, processes, threads or memory, and not for a
fault of anybody. Does not: who needs them, and what is answered then.
"""
