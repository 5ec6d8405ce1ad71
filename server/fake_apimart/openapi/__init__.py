"""The OpenAPI document and Swagger UI: put together from the routes, and served without network.

What holds for the whole document belongs here. How one operation is documented does not: that is
in the `documentation` module beside its handler.
"""
