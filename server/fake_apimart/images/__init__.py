"""Image files: what a JPEG, PNG, GIF or WebP file consists of, and decoding its first picture.

Belongs here: the walk through each format, and everything that asks Pillow to decode a file.
Does not: detecting a type for an answer (uploads), and drawing or checking references (pictures).
"""
