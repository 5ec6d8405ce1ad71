"""The JSON of a task for clients: the `data` of a poll and of a callback."""

from __future__ import annotations

from typing import Any

from fake_apimart.contract import file_url
from fake_apimart.contract.amounts import credits_for, round_amount
from fake_apimart.tasks.results import LIFE_SECONDS
from fake_apimart.tasks.state import TaskState
from fake_apimart.tasks.task import Task

_MILLISECONDS_PER_SECOND = 1000


def task_data(task: Task, state: TaskState, base_url: str) -> dict[str, Any]:
    """Return the vendor's keys in alphabetical order (live).

    URLs, result and time of completion are left out before the end (live). The keys of a failed
    task are assumed.
    """
    data: dict[str, Any] = {
        "cost": round_amount(task.cost),
        "created": task.created,
        "estimated_time": task.estimated_time,
        "id": task.id,
        "progress": state.progress,
        "status": state.status,
    }
    if state.completed_ms is not None:
        completed = state.completed_ms // _MILLISECONDS_PER_SECOND
        data |= {"actual_time": completed - task.created, "completed": completed}
        data |= (
            _failure_fields(task)
            if task.failure is not None
            else _success_fields(task, completed, base_url)
        )
    return dict(sorted(data.items()))


def _success_fields(task: Task, completed: int, base_url: str) -> dict[str, Any]:
    images = [
        {"expires_at": completed + LIFE_SECONDS, "url": [file_url.url_of(key, base_url)]}
        for key in task.image_keys
    ]
    return {"credits_cost": credits_for(task.cost), "result": {"images": images}}


def _failure_fields(task: Task) -> dict[str, Any]:
    error = {"code": "task_failed", "message": task.failure, "param": "", "type": "task_failed"}
    return {"cost": 0, "credits_cost": 0, "error": error}


def poll_answer(data: dict[str, Any] | list[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer to a poll (live), or to one of a batch (assumed)."""
    return {"code": 200, "data": data}


def page_answer(data: dict[str, Any]) -> dict[str, Any]:
    """Wrap `data` in the top-level keys that the page's sample reads (page)."""
    answer: dict[str, Any] = {"code": 200, "data": data}
    if data["status"] == "failed":
        answer["fail_reason"] = data["error"]["message"]
    answer |= {"id": data["id"], "status": data["status"]}
    if data["status"] == "completed":
        answer["url"] = data["result"]["images"][0]["url"][0]
    return answer
