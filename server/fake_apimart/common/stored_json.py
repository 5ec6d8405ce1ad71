"""Small records in the same storage as the files, as JSON.

A record that does not read counts as absent: one cut off by a power cut or a full disk, or JSON of
another shape than the server writes.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, TypeVar

from fake_apimart_storage import ObjectInfo, ObjectNotFound, Storage
from fake_apimart_storage.keys import check_key
from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, ValidationError

from fake_apimart.common.waits import pausing

_NANOSECONDS = 1_000_000_000
LATEST_SECONDS = 20_000_000_000
"""Later than any time in a record, in Unix seconds: what clocks reach, and the longest lifetime."""

Record = TypeVar("Record")


def _check_key(key: str) -> str:
    check_key(key)
    return key


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("should be a text")
    return value


Text = Annotated[str, PlainValidator(_check_text)]
"""Whatever clients may send, half characters (lone surrogates) too."""
StorageKey = Annotated[str, AfterValidator(_check_key)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Milliseconds = Annotated[int, Field(ge=0, le=LATEST_SECONDS * 1000)]
"""Since the Unix epoch."""
Nanoseconds = Annotated[int, Field(ge=0, le=LATEST_SECONDS * _NANOSECONDS)]
"""Since the Unix epoch."""


async def write_json(
    storage: Storage,
    key: str,
    data: bytes,
    now_ns: int,
    ttl_seconds: int,
    *,
    durable: bool = False,
    replaces: bool = True,
) -> None:
    """Write `data`, encoded JSON, to `key`, replacing what is there. Raises StorageError.

    The object is created at `now_ns` nanoseconds and expires `ttl_seconds` later. Where `durable`,
    it outlives a power cut, whatever the settings say. `replaces` is false for a key that is new.
    """
    created_at = now_ns // _NANOSECONDS
    info = ObjectInfo(key, "application/json", created_at, created_at + ttl_seconds)
    writer = storage.writer(info)
    try:
        await writer.write([data])
        await writer.commit(durable=durable, replaces=replaces)
    finally:
        await writer.abort()


async def read_record(
    storage: Storage, key: str, now_ns: int, shape: TypeAdapter[Record]
) -> Record | None:
    """Return the record under `key`, or None if there is none, or it has expired or is damaged.

    Damage is logged once. Raises StorageError.
    """
    try:
        stored = await storage.get(key)
    except ObjectNotFound:
        return None
    async with stored:
        if now_ns >= stored.info.expires_at * _NANOSECONDS:
            return None
        text = b"".join([chunk async for chunk in stored.chunks(0, stored.size)])
    try:
        return shape.validate_python(json.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, RecursionError) as error:
        problem = str(error)
    storage.note_damage(key, f"damaged record: {problem}")
    return None


async def own_keys(storage: Storage, prefix: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the keys with `prefix` that are of a `pattern`, read or not. Raises StorageError.

    What other programs have put beside them is left out.
    """
    return [key async for key in pausing(storage.keys(prefix)) if pattern.fullmatch(key)]
