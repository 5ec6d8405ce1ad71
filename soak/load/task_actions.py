"""Actions with tasks: creates of all kinds, polls, batches, replays."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from typing import Any

from soak.http_client import Answer, Request
from soak.load.scene import NoAnswer, client_of
from soak.load.tenant import Tenant, data_of, json_request
from soak.record.ledger import ENDED, IdempotentCreate, Task

PATH = "/v1/images/generations"
VERSION = {"X-APIMart-Response-Version": "2026-07-27"}
FAILURE = "as the soak wishes"
MAX_TASKS = 40
"""Of one world: fewer than the callbacks that a world may have waiting."""
_MANY_BYTES = 60_000
REPLAYED = "idempotency-replayed"


async def create(tenant: Tenant) -> None:
    """Create a task, with references, a webhook, or an end that the prompt demands."""
    if len(tenant.world.tasks) >= MAX_TASKS:
        return
    body, prompt, failure, webhook = _body(tenant)
    headers = VERSION if tenant.rng.random() < 0.3 else {}
    try:
        answer = await tenant.ask_perhaps_cut(
            "generations.create", json_request("POST", PATH, body, **headers)
        )
    except NoAnswer as unknown:
        if unknown.may_be_done:
            tenant.world.doubtful_prompts.add(prompt)
        return
    task_id = _task_id(answer)
    status = 202 if headers else 200
    if tenant.expect(answer.status == status and task_id != "", f"create: {answer}"):
        _note(tenant, Task(task_id, prompt, failure, webhook))


def _body(tenant: Tenant) -> tuple[bytes, str, str | None, str | None]:
    """Return the body of a create, its prompt, the failure it asks for, and its webhook."""
    rng, files = tenant.rng, tenant.world.files
    failure = FAILURE if rng.random() < 0.2 else None
    seconds = rng.choice((0, 0.2, 1, 3))
    marker = f"fail={FAILURE}; seconds={seconds}" if failure else f"seconds={seconds}"
    prompt = f"picture {next(tenant.scene.numbers)} [fake: {marker}]"
    fields: dict[str, Any] = {"model": "gpt-image-2", "prompt": prompt, "n": rng.choice((1, 1, 2))}
    if files and rng.random() < 0.3:
        path = rng.choice(files).path
        fields["image_urls"] = [f"http://127.0.0.1:{tenant.scene.server.port}{path}"]
    if rng.random() < 0.05:
        fields["unread"] = "x" * rng.randrange(_MANY_BYTES)
    webhook = tenant.receiver.url if rng.random() < 0.4 else None
    if webhook:
        fields["webhook"] = webhook
    return json.dumps(fields).encode(), prompt, failure, webhook


def _task_id(answer: Answer) -> str:
    parsed = answer.json()
    data = parsed.get("data") if isinstance(parsed, dict) else None
    first = data[0] if isinstance(data, list) and data else data
    return str(first.get("task_id", "")) if isinstance(first, dict) else ""


def _note(tenant: Tenant, task: Task) -> None:
    tenant.world.tasks[task.id] = task
    tenant.scene.tally.acknowledged["tasks"] += 1


async def create_refused(tenant: Tenant) -> None:
    """Send creates that must be refused."""
    prompt = f"refused {next(tenant.scene.numbers)}"
    whole = json.dumps({"model": "gpt-image-2", "prompt": prompt}).encode()
    cases = [
        (whole[:-5], None, 400),
        (whole, len(whole) // 2, 400),
        (json.dumps({"model": "gpt-image-2", "prompt": " "}).encode(), None, 400),
        (json.dumps({"model": "gpt-image-2", "prompt": prompt, "n": "2"}).encode(), None, 400),
        (json.dumps({"model": "gpt-image-2", "prompt": prompt, "size": "3:5"}).encode(), None, 500),
    ]
    body, sent_bytes, status = tenant.rng.choice(cases)
    request = Request("POST", PATH, body, sent_bytes=sent_bytes)
    if await tenant.ask("generations.create", request, status) is not None:
        tenant.scene.tally.acknowledged["refusals"] += 1


async def create_once(tenant: Tenant) -> None:
    """Create a task by two requests at once with one Idempotency-Key: it is one task."""
    if len(tenant.world.tasks) >= MAX_TASKS:
        return
    number = next(tenant.scene.numbers)
    prompt = f"once {number} [fake: seconds=1]"
    body = json.dumps({"model": "gpt-image-2", "prompt": prompt}).encode()
    record = IdempotentCreate(f"soak-{number}", prompt, body)
    tenant.world.creates.append(record)
    tenant.world.doubtful_prompts.add(prompt)
    with client_of(tenant.scene, tenant.world.key) as other:
        request = _idempotent(record)
        answers = await asyncio.gather(
            *(each.ask("generations.create", request) for each in (tenant.client, other)),
            return_exceptions=True,
        )
    if all(isinstance(answer, Answer) for answer in answers):
        tenant.world.doubtful_prompts.discard(prompt)
    for answer in answers:
        if isinstance(answer, Answer):
            check_replay(tenant, record, answer)
        elif not isinstance(answer, NoAnswer):
            raise answer


def _idempotent(record: IdempotentCreate) -> Request:
    return json_request("POST", PATH, record.body, **{"Idempotency-Key": record.key})


def check_replay(tenant: Tenant, record: IdempotentCreate, answer: Answer) -> None:
    """Take note of an answer to an idempotent create: the first names the task, the rest it."""
    task_id = _task_id(answer)
    if not tenant.expect(answer.status == 200 and task_id != "", f"idempotent create: {answer}"):
        return
    if record.task_id is None:
        record.task_id = task_id
        _note(tenant, Task(task_id, record.prompt, None))
    text = f"{record.key} made {record.task_id}, and then {task_id}"
    tenant.expect(record.task_id == task_id, text, "lost")


async def replay(tenant: Tenant) -> None:
    """Repeat an idempotent create; or send another body under its key, which is a 409."""
    if not tenant.world.creates:
        return
    record = tenant.rng.choice(tenant.world.creates)
    if record.task_id is not None and tenant.rng.random() < 0.2:
        other = dataclasses.replace(record, body=record.body.replace(b"once", b"twice"))
        await tenant.ask("generations.create", _idempotent(other), 409)
        return
    was_known = record.task_id is not None
    answer = await tenant.client.ask("generations.create", _idempotent(record))
    check_replay(tenant, record, answer)
    is_marked = answer.headers.get(REPLAYED) == "true"
    tenant.expect(is_marked or not was_known, f"{record.key}: not marked as replayed", "lost")
    tenant.scene.tally.verified["replays"] += 1


async def poll(tenant: Tenant) -> None:
    """Poll a task, and fetch its results once it has completed."""
    if tenant.world.tasks:
        await check_task(tenant, tenant.rng.choice(list(tenant.world.tasks.values())))


async def check_task(tenant: Tenant, task: Task) -> None:
    """Poll a task until it is answered, and compare; fetch its results. Raises NoAnswer."""
    answer = await tenant.client.insist("tasks.get", Request("GET", f"/v1/tasks/{task.id}"))
    if not tenant.expect(answer.status == 200, f"task {task.id}: {answer.body[:200]!r}", "lost"):
        return
    problem = task.advance(data_of(answer))
    tenant.expect(problem is None, str(problem), "lost")
    tenant.scene.tally.verified["polls"] += 1
    for path in task.result_paths():
        await _check_result(tenant, task, path)


async def _check_result(tenant: Tenant, task: Task, path: str) -> None:
    answer = await tenant.client.insist("results.get", Request("GET", path))
    if not tenant.expect(answer.status == 200, f"result {path}: {answer.status}", "lost"):
        return
    digest = hashlib.sha256(answer.body).digest()
    is_same = task.results.setdefault(path, digest) == digest
    tenant.expect(is_same, f"result {path} has changed", "lost")
    tenant.scene.tally.verified["results"] += 1
    tenant.scene.tally.bytes_compared += len(answer.body)


async def batch(tenant: Tenant) -> None:
    """Ask for all tasks at once, and for one that does not exist."""
    tasks = list(tenant.world.tasks.values())
    asked = [*(each.id for each in tasks), "task_01KT48E134GCG3W870HKHPVMNA"]
    body = json.dumps({"task_ids": asked}).encode()
    answer = await tenant.ask("tasks.batch", json_request("POST", "/v1/tasks/batch", body))
    if answer is None:
        return
    told = answer.json()["data"]
    text = f"a batch of {len(tasks)} tasks has {len(told)}"
    if tenant.expect([each["id"] for each in told] == asked[:-1], text, "lost"):
        for task, data in zip(tasks, told, strict=True):
            problem = task.advance(data)
            tenant.expect(problem is None, str(problem), "lost")


def unfinished(tenant: Tenant) -> list[Task]:
    """Return the tasks that have not been seen to end."""
    return [each for each in tenant.world.tasks.values() if each.rank < ENDED]
