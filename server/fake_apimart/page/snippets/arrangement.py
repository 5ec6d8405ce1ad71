"""What a test does before the request, so that a new world answers it as the first one did."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fake_apimart.contract.operations import BY_NAME
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.page.snippets.call import Call, JSONBody
from fake_apimart.page.snippets.expectation import answer_of, at, message_of
from fake_apimart.page.snippets.form import path_of
from fake_apimart.page.snippets.notation import PYTHON, python_text, written
from fake_apimart.page.snippets.python import SECONDS
from fake_apimart.worlds.faults import ERRORS

DELAY_SECONDS = 0.1
IMPATIENT_SECONDS = 1
MAX_TASKS = 100

_BEFORE_THE_NAME = re.compile(
    r"[0-9]{1,16}-(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8})-"
)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:; ?charset=[\w-]+)?", re.ASCII)
_REFUSALS = {
    401: "invalid_key",
    402: "insufficient_balance",
    429: "rate_limited",
    500: "upload_failed",
    503: "service_unavailable",
}
"""The errors that do not come of the request itself, by status."""
_OF_THE_WORLD = (*_REFUSALS, 409)
_FOUND = (200, 206, 302, 304, 412, 416)
"""The statuses which say that what is asked for was there."""
_SLOW = ("one_byte_per_second", "dribble")
_PACES = {
    "completed": ["apimart.pace(seconds=0)"],
    "failed": ["apimart.pace(seconds=0)"],
    "pending": ["apimart.pace(seconds=100)"],
    "processing": ["apimart.pace(seconds=100)"],
}
_VALIDATORS = {
    "If-None-Match": "ETag",
    "If-Match": "ETag",
    "If-Range": "ETag",
    "If-Modified-Since": "Last-Modified",
    "If-Unmodified-Since": "Last-Modified",
}
"""Headers of requests, and that of an answer which has the value for them."""
_CREATED = [
    "created = requests.post(",
    '    apimart.base_url + "/v1/images/generations",',
    '    headers={"Authorization": f"Bearer {apimart.api_key}"},',
    '    json={"model": "gpt-image-2", "prompt": "a cat"},',
    f"    timeout={SECONDS},",
    ")",
]
_TASK_ID = 'created.json()["data"][0]["task_id"]'


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Lines before the request, and what is other in it, as expressions.

    `raises` is the exception that the request ends with, `seconds` how long it waits.
    """

    before: list[str]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: str | None = None
    raises: str | None = None
    seconds: int = SECONDS


def arrangement_of(entry: Mapping[str, Any], call: Call) -> Arrangement:
    """Return what comes before the call that `entry` tells of."""
    url = f"apimart.base_url + {python_text(call.target)}"
    arranged = Arrangement([], url)
    arrange = _NEEDED.get(entry["operation"] or "")
    if arrange is not None and entry["status"] in _FOUND:
        arranged = arrange(entry, call, arranged)
    rule = _rule(entry)
    if rule:
        arranged.before.extend(rule.split("\n"))
    fault = entry["fault"]
    if fault in SOCKET_FAULTS and fault not in _SLOW:
        never = fault == "never_answer"
        raises = "requests.Timeout" if never else "requests.RequestException"
        seconds = IMPATIENT_SECONDS if never else SECONDS
        return Arrangement(
            arranged.before, arranged.url, arranged.headers, arranged.json, raises, seconds
        )
    return arranged


def _rule(entry: Mapping[str, Any]) -> str | None:
    """Return the line that scripts the answer, None where it comes of the request itself."""
    fault, operation = entry["fault"], entry["operation"]
    if operation is None:
        return None
    if fault is None:
        return _refusal(entry)
    if fault in ERRORS:
        return _fail(entry, f"error={python_text(fault)}")
    if fault in _SLOW:
        pace = '{"bytes": 64, "seconds": 0.01}'
        return _fail(entry, f'socket="dribble", dribble={pace}')
    if fault in SOCKET_FAULTS:
        return _fail(entry, f"socket={python_text(fault)}")
    return _fail(entry, f"delay={DELAY_SECONDS}") if fault == "delay" else _raw(entry)


def _refusal(entry: Mapping[str, Any]) -> str | None:
    """Return the line for a refusal that depends on what came before, or on the key."""
    status, headers = entry["status"], entry["headers"]
    if status not in _OF_THE_WORLD or (status == 401 and "authorization" not in headers):
        return None
    if status == 500 and (message_of(entry) or "").startswith("build_request_failed"):
        return None
    error = _REFUSALS.get(status)
    is_of_operation = error in BY_NAME[entry["operation"]].faults
    is_other_402 = status == 402 and "insufficient balance" not in (message_of(entry) or "")
    if error is None or not is_of_operation or is_other_402:
        return _raw(entry)
    return _fail(entry, f"error={python_text(error)}")


def _raw(entry: Mapping[str, Any]) -> str | None:
    """Return the line for an answer of the test's own, as far as the journal has it."""
    if entry["status"] is None:
        return None
    message = message_of(entry)
    body: Any = {"error": {"message": message}} if message else None
    if entry.get("answer") is not None:
        body = answer_of(entry)
    shown = "" if body is None or body == "" else f", body={written(body, PYTHON)}"
    return _fail(entry, f"status={entry['status']}{_typed(entry, body)}{shown}")


def _typed(entry: Mapping[str, Any], body: Any) -> str:
    """Return the argument for the type of an answer that is text; JSON has its own."""
    headers = (entry.get("answer") or {}).get("headers", {})
    found = [value for name, value in headers.items() if name.lower() == "content-type"]
    if not isinstance(body, str) or not found or not _MEDIA_TYPE.fullmatch(found[0]):
        return ""
    return f', headers={{"Content-Type": {python_text(found[0])}}}'


def _fail(entry: Mapping[str, Any], effect: str) -> str:
    return f"apimart.fail({python_text(entry['operation'])}, {effect})"


def _stored_file(entry: Mapping[str, Any], call: Call, arranged: Arrangement) -> Arrangement:
    """Let there be the file that is asked for, and ask for the version that it has."""
    name = _BEFORE_THE_NAME.sub("", entry["path"].rpartition("/")[2], count=1)
    query = call.target.partition("?")[2]
    headers = {}
    if any(header in _VALIDATORS for header, _ in call.headers):
        asked = f"requests.head(photo.url, timeout={SECONDS}).headers"
        names = [each for each, _ in call.headers if _is_met(each, entry["status"])]
        headers = {each: f'{asked}["{_VALIDATORS[each]}"]' for each in names}
    return Arrangement(
        [f"photo = apimart.uploads.add({python_text(path_of(name))})"],
        f"photo.url + {python_text('?' + query)}" if query else "photo.url",
        headers,
    )


def _is_met(name: str, status: int) -> bool:
    """Return whether a condition named the version that there was, as the answer's status tells."""
    is_of_change = name in ("If-None-Match", "If-Modified-Since")
    return name in _VALIDATORS and (status == 304 if is_of_change else status < 300)


def _running_task(entry: Mapping[str, Any], call: Call, arranged: Arrangement) -> Arrangement:
    """Let there be a task in the state that was answered."""
    answer = answer_of(entry)
    status = at(answer, ("data", "status")) or "completed"
    before = [*_PACES.get(status, _PACES["completed"])]
    if status == "failed":
        message = at(answer, ("data", "error", "message"))
        before.append(f"apimart.tasks_fail({python_text(message) if message else ''})")
    before += _CREATED
    if status == "processing":
        before.append("apimart.clock.advance(seconds=50)")
    start, task_id, end = _around(call.target, entry["task_id"] or "")
    if not task_id:
        return arranged
    rest = f" + {python_text(end)}" if end else ""
    return Arrangement(before, f"apimart.base_url + {python_text(start)} + {_TASK_ID}{rest}")


def _around(target: str, task_id: str) -> tuple[str, str, str]:
    sent = quote(task_id, safe="", errors="replace")
    return target.partition(sent) if sent else (target, "", "")


def _running_tasks(entry: Mapping[str, Any], call: Call, arranged: Arrangement) -> Arrangement:
    """Let there be as many tasks as were answered."""
    body = call.body.value if isinstance(call.body, JSONBody) else None
    asked, found = at(body, ("task_ids",)), at(answer_of(entry), ("data",))
    tasks = found if isinstance(found, list) else asked
    if not isinstance(tasks, list) or not 0 < len(tasks) <= MAX_TASKS:
        return arranged
    before = [
        "apimart.pace(seconds=0)",
        "task_ids = []",
        f"for _ in range({len(tasks)}):",
        *(f"    {line}" for line in _CREATED),
        f"    task_ids.append({_TASK_ID})",
    ]
    return Arrangement(before, arranged.url, json='{"task_ids": task_ids}')


_NEEDED: dict[str, Callable[[Mapping[str, Any], Call, Arrangement], Arrangement]] = {
    "files.get": _stored_file,
    "tasks.get": _running_task,
    "tasks.batch": _running_tasks,
}
"""The operations that ask for what is there already."""
