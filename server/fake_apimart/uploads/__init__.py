"""The operation `uploads.create`: an image from a multipart form into the storage.

Belongs here: the image while it arrives, how its type is detected, and whether it decodes.
Does not: parsing the form (go), file URLs (contract), and what becomes of the file (files).
"""
