"""The machine that a server runs on: what it may be short of, and how its memory is used.

Belongs here: what fails for want of descriptors, processes, threads or memory, and not for a
fault of anybody; the C library's allocator. Does not: who needs them, and what is answered then.
"""
