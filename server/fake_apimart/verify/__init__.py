"""Runs the cases of the contract against a server, and judges what comes back.

Nothing here knows how the server works: it could be any server on the other end. What a case is
(`cases`), how it is sent (`client`) and where to (`targets`) belong elsewhere.
"""
