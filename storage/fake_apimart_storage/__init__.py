"""Storage of immutable objects under keys: in memory, in a folder, or on S3.

The interface, its implementations and the parsing of their locations belong here. Nothing here
knows HTTP, the server, or what an object means to it.
"""

from fake_apimart_storage.interface import (
    Chunk,
    DamagedObject,
    InvalidKey,
    InvalidLocation,
    Listed,
    ObjectInfo,
    ObjectNotFound,
    PresigningStorage,
    Storage,
    StorageError,
    StoredObject,
    Writer,
)
from fake_apimart_storage.location import is_text, storage_at

__all__ = [
    "Chunk",
    "DamagedObject",
    "InvalidKey",
    "InvalidLocation",
    "Listed",
    "ObjectInfo",
    "ObjectNotFound",
    "PresigningStorage",
    "Storage",
    "StorageError",
    "StoredObject",
    "Writer",
    "is_text",
    "storage_at",
]
