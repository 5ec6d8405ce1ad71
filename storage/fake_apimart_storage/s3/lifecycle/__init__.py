"""Lifecycle rules, by which the store itself deletes objects some days after they expired.

Our rules, the document that a bucket's rules are, and its exchange with the store belong here.
Rules of others go back to the store as they came, to the byte.
"""
