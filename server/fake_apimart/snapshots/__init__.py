"""Answers of a server as they were on a day, kept in files, and held against what is so today.

Writing and reading snapshots, taking out what is personal, and telling what has moved belong here.
"""
