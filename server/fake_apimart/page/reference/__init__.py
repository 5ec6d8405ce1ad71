"""The reference: what the screen of that name shows, and nothing of it written a second time.

Belongs here: taking it from the OpenAPI document, the cases and the tables of the code. Does not:
how the screen looks (the page's templates).
"""
