"""Where fake-apimart keeps bytes: immutable objects under keys, in memory or in a folder."""

from fake_apimart_storage.expiry import delete_expired
from fake_apimart_storage.interface import (
    Chunk,
    InvalidKey,
    InvalidLocation,
    ObjectInfo,
    ObjectNotFound,
    Storage,
    StorageError,
    StoredObject,
    Writer,
)
from fake_apimart_storage.location import storage_at

__all__ = [
    "Chunk",
    "InvalidKey",
    "InvalidLocation",
    "ObjectInfo",
    "ObjectNotFound",
    "Storage",
    "StorageError",
    "StoredObject",
    "Writer",
    "delete_expired",
    "storage_at",
]
