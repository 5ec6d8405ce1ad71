"""Runs the cases of the contract against a server, and tells which hold.

What sends, receives, judges and reports belongs here; what a case is does not (`cases`). Nothing
here knows how the server works: it could be any server on the other end.
"""
