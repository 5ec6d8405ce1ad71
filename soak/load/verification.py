"""Verification: everything that the ledger has of a world, compared with the server."""

from __future__ import annotations

import asyncio
import json
import time

from soak.http_client import Request
from soak.load.control_actions import check_balance, check_clock, check_settings
from soak.load.task_actions import check_task, unfinished
from soak.load.tenant import Tenant, json_request
from soak.record.ledger import ENDED, StoredFile

CALLBACK_SECONDS = 25.0
"""How long a callback may take behind its task's end: the pause before a retry, and a busy time."""
_TASK_SECONDS = 30.0
_PAUSE_SECONDS = 0.3


async def verify(tenant: Tenant) -> None:
    """Compare files, tasks, settings, clock and balance of the world. Raises NoAnswer."""
    for file in tenant.world.files:
        await verify_file(tenant, file)
    for task in list(tenant.world.tasks.values()):
        await check_task(tenant, task)
    await verify_lists(tenant)
    await check_settings(tenant)
    await check_clock(tenant)
    await check_balance(tenant)


async def verify_file(tenant: Tenant, file: StoredFile) -> None:
    """Download a file and compare its bytes, type and ETag. Raises NoAnswer."""
    answer = await tenant.client.insist("files.get", Request("GET", file.path))
    if not tenant.expect(answer.status == 200, f"{file.path}: {answer.status}", "lost"):
        return
    is_same = answer.body == file.picture.content()
    tenant.expect(is_same, f"{file.path}: {len(answer.body)} other bytes", "lost")
    content_type = answer.headers.get("content-type")
    tenant.expect(content_type == file.picture.content_type, f"{file.path}: {content_type}", "lost")
    etag = answer.headers.get("etag")
    file.etag = file.etag or etag
    tenant.expect(etag is not None and etag == file.etag, f"{file.path}: ETag {etag}", "lost")
    tenant.scene.tally.verified["files"] += 1
    tenant.scene.tally.bytes_compared += len(answer.body)


async def verify_lists(tenant: Tenant) -> None:
    """Compare the lists of files and tasks: all of the ledger, and nothing else."""
    uploads = await tenant.client.insist("control.uploads", Request("GET", "/_fake/uploads"))
    names = [each["filename"] for each in uploads.json()["uploads"]]
    tasks = await tenant.client.insist("control.tasks", Request("GET", "/_fake/tasks"))
    prompts = [each["prompt"] for each in tasks.json()["tasks"]]
    problems = tenant.world.problems_of_names(names) + tenant.world.problems_of_prompts(prompts)
    for kind, text in problems:
        tenant.expect(False, text, kind)
    tenant.scene.tally.verified["lists"] += 2


async def finish_tasks(tenant: Tenant) -> None:
    """Wait until all tasks have ended, and their callbacks have come. Raises NoAnswer."""
    deadline = time.monotonic() + _TASK_SECONDS
    while unfinished(tenant):
        if time.monotonic() > deadline:
            ids = [each.id for each in unfinished(tenant)]
            tenant.expect(False, f"tasks never end: {ids}")
            return
        for task in unfinished(tenant):
            await check_task(tenant, task)
        await asyncio.sleep(_PAUSE_SECONDS)
    await _await_callbacks(tenant)


async def _await_callbacks(tenant: Tenant) -> None:
    deadline = time.monotonic() + CALLBACK_SECONDS
    ended = [each for each in tenant.world.tasks.values() if each.rank == ENDED]
    due = [each for each in ended if each.webhook is not None]
    for task in due:
        await tenant.receiver.wait_for(task.id, deadline - time.monotonic())
        said = tenant.receiver.received.get(task.id, ())
        if tenant.expect(bool(said), f"no callback of task {task.id}", "lost"):
            is_same = all(each == dict(task.final or {}) for each in said)
            tenant.expect(is_same, f"a callback says {said}, the task {task.final}")
            tenant.scene.tally.verified["callbacks"] += 1


async def verify_expiry(tenant: Tenant) -> None:
    """Let all files expire by the world's clock, then turn it back. Raises NoAnswer."""
    await _set_clock(tenant, {"advance": "73h"})
    for file in tenant.world.files:
        answer = await tenant.client.insist("files.get", Request("GET", file.path))
        tenant.expect(answer.status == 403, f"expired {file.path}: {answer.status}")
        tenant.scene.tally.verified["expired"] += 1
    await _set_clock(tenant, {"reset": True})
    tenant.world.clocks_ahead = [0.0]
    for file in tenant.world.files:
        await verify_file(tenant, file)


async def _set_clock(tenant: Tenant, change: dict[str, object]) -> None:
    """Change the clock in a way that can be repeated: twice 73 hours are as good as once."""
    request = json_request("POST", "/_fake/clock", json.dumps(change).encode())
    await tenant.client.insist("control.clock", request)


async def verify_reset(tenant: Tenant) -> None:
    """Reset or remove the world; nothing of it may be there then. Raises NoAnswer."""
    method, path = tenant.rng.choice((("POST", "/_fake/reset"), ("DELETE", "/_fake/world")))
    answer = await tenant.client.insist("control.reset", json_request(method, path))
    if not tenant.expect(answer.status == 200, f"{method} {path}: {answer.body[:200]!r}"):
        return
    files, tenant.world.files = tenant.world.files, []
    for file in files:
        answer = await tenant.client.insist("files.get", Request("GET", file.path))
        tenant.expect(answer.status == 403, f"{file.path} is there behind a reset", "ghost")
    for task in tenant.world.tasks.values():
        answer = await tenant.client.insist("tasks.get", Request("GET", f"/v1/tasks/{task.id}"))
        tenant.expect(answer.status == 400, f"task {task.id} is there behind a reset", "ghost")
        tenant.receiver.forget(task.id)
    tenant.scene.tally.verified["resets"] += 1
    # A world that was only reset, or was asked for just now, stays in the server's memory.
    await tenant.client.insist("control.reset", json_request("DELETE", "/_fake/world"))
