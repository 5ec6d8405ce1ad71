"""Storage of immutable objects under keys: in memory, in a folder, or on S3.

The interface, its implementations and the parsing of their locations belong here. Nothing here
knows HTTP, the server, or what an object means to it.
"""

from fake_apimart_storage.batches import in_parallel
from fake_apimart_storage.interface import (
    Chunk,
    DamagedObject,
    Listed,
    MakeRoom,
    ObjectInfo,
    ObjectNotFound,
    PresigningStorage,
    Storage,
    StorageError,
    StorageFull,
    StoredObject,
    Writer,
)
from fake_apimart_storage.keys import InvalidKey, KeyTest, any_key
from fake_apimart_storage.location import (
    InvalidLocation,
    full_location,
    is_text,
    location_below,
    storage_at,
)

__all__ = [
    "Chunk",
    "DamagedObject",
    "InvalidKey",
    "InvalidLocation",
    "KeyTest",
    "Listed",
    "MakeRoom",
    "ObjectInfo",
    "ObjectNotFound",
    "PresigningStorage",
    "Storage",
    "StorageError",
    "StorageFull",
    "StoredObject",
    "Writer",
    "any_key",
    "full_location",
    "in_parallel",
    "is_text",
    "location_below",
    "storage_at",
]
