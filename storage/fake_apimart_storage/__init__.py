"""Where fake-apimart keeps bytes: objects under keys, in memory, in a folder, or on S3."""

from fake_apimart_storage.interface import (
    Chunk,
    InvalidKey,
    InvalidLocation,
    ObjectInfo,
    ObjectNotFound,
    PresigningStorage,
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
    "PresigningStorage",
    "Storage",
    "StorageError",
    "StoredObject",
    "Writer",
    "storage_at",
]
