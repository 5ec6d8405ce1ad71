"""A request of the journal as code to copy: cURL, Python, JavaScript, and a pytest test.

Belongs here: what of an entry is sent again, and how each language writes it. Others show the text.
"""
