"""A small Django project in one file: a view that has a model draw, and shows how far it is."""

from __future__ import annotations

import os
from typing import Any

import requests
from django.http import HttpRequest, JsonResponse
from django.urls import path

SECRET_KEY = "only-an-example"  # noqa: S105
ROOT_URLCONF = "shop"
ALLOWED_HOSTS = ["testserver"]
APIMART_BASE_URL = os.environ.get("APIMART_BASE_URL", "https://api.apimart.ai")
APIMART_API_KEY = os.environ.get("APIMART_API_KEY", "")


def call(method: str, path: str, **body: Any) -> Any:
    """Call APIMart, as the settings say; return the `data` of its answer."""
    from django.conf import settings

    answer = requests.request(
        method,
        f"{settings.APIMART_BASE_URL}/v1/{path}",
        headers={"Authorization": f"Bearer {settings.APIMART_API_KEY}"},
        timeout=30,
        **body,
    )
    answer.raise_for_status()
    return answer.json()["data"]


def draw(request: HttpRequest) -> JsonResponse:
    """Begin a picture of what is asked for."""
    body = {"model": "gpt-image-2", "prompt": request.GET["prompt"]}
    (task,) = call("POST", "images/generations", json=body)
    return JsonResponse({"task": task["task_id"]}, status=202)


def progress(request: HttpRequest, task: str) -> JsonResponse:
    """Show the picture, or how far it is, or why there is none."""
    found = call("GET", f"tasks/{task}")
    if found["status"] == "completed":
        return JsonResponse({"picture": found["result"]["images"][0]["url"][0]})
    if found["status"] == "failed":
        return JsonResponse({"sorry": found["error"]["message"]}, status=502)
    return JsonResponse({"progress": found["progress"]}, status=202)


urlpatterns = [path("draw", draw), path("drawings/<task>", progress)]
