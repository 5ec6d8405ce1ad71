"""Deletion of many objects: in one call, or by one for each where the store wants that."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping, Sequence
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from fake_apimart_storage.batches import Attempts, in_parallel
from fake_apimart_storage.interface import ObjectNotFound, StorageError
from fake_apimart_storage.s3.batches.digest import content_md5
from fake_apimart_storage.s3.batches.store import BATCH_THREADS, Store
from fake_apimart_storage.s3.connection.failure import cause_in

MAX_KEYS = 250
"""How many objects are deleted in one call. S3 takes 1000, for which slow stores need too long."""
CALLS_AT_ONCE = 4
"""How many such calls run at the same time."""
EVENT = "before-call.s3.DeleteObjects"

_GONE = ("NoSuchKey", "NoSuchVersion", "NotFound")
_REFUSALS = (400, 401, 403, 405, 411, 412, 415, 501)
"""What stores answer that do not know the call, or not with this checksum."""

logger = logging.getLogger(__name__)


def add_digest(params: MutableMapping[str, Any], **_: object) -> None:
    """Add the checksum that older stores want, to a call that botocore is about to send."""
    params["headers"]["Content-MD5"] = content_md5(params["body"])


class Deletion:
    """Deletes objects of a storage; it learns whether the store takes many in one call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_in_one_call = True

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Delete what is under the keys. One that stays does not keep the others.

        Raises StorageError.
        """
        attempts = Attempts(StorageError)
        batches = [keys[first : first + MAX_KEYS] for first in range(0, len(keys), MAX_KEYS)]
        async for outcome in in_parallel(batches, self._delete_batch, CALLS_AT_ONCE):
            with attempts:
                outcome.result()
        attempts.end()

    async def _delete_batch(self, keys: Sequence[str]) -> None:
        attempts, whole = Attempts(StorageError), keys
        if self._is_in_one_call and len(keys) > 1:
            keys = await self._delete_in_one_call(keys, attempts)
        async for outcome in in_parallel(keys, self._delete_one, BATCH_THREADS):
            with attempts:
                outcome.result()
        if self._store.keeping.has_versions:
            async for _ in in_parallel(whole, self._store.delete_versions, BATCH_THREADS):
                pass
        attempts.end()

    async def _delete_in_one_call(self, keys: Sequence[str], attempts: Attempts) -> Sequence[str]:
        """Return the keys that the store does not say to be gone. Raises StorageError."""
        stored = {self._store.target(key)["Key"]: key for key in keys}
        request: Any = {
            "Bucket": self._store.target(keys[0])["Bucket"],
            "Delete": {"Objects": [{"Key": each} for each in stored]},
        }
        try:
            answer: Any = await self._store.batch_calls(
                self._store.client.delete_objects, **request
            )
        except (ObjectNotFound, StorageError) as error:
            if not _is_refusal(error.__cause__):
                raise
            self._is_in_one_call = False
            logger.debug("the store deletes one object at a time: %s", error)
            return keys
        failed = {each.get("Key"): each for each in answer.get("Errors", ())}
        gone = {each.get("Key") for each in answer.get("Deleted", ())}
        gone |= {key for key, each in failed.items() if each.get("Code") in _GONE}
        with attempts:
            for key in failed.keys() - gone:
                raise StorageError(f"cannot delete {key}: {cause_in(failed[key])}")
        return [key for name, key in stored.items() if name not in gone | failed.keys()]

    async def _delete_one(self, key: str) -> None:
        target: Any = self._store.target(key)
        await self._store.batch_calls(self._store.client.delete_object, **target)


def _is_refusal(cause: BaseException | None) -> bool:
    """Return whether a store refuses to delete many objects in one call, but may delete each."""
    if isinstance(cause, ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status in _REFUSALS
    return isinstance(cause, ResponseParserError)
