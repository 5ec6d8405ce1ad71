"""The operation `files.get`: serve a stored file, or a byte range of it, as an S3 bucket does.

Belongs here: what a stored file is, which world it belongs to, and the index of files by world.
Does not: how files arrive (uploads), how results are drawn, and how bytes are stored (storage).
"""
