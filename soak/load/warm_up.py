"""The warm-up: the largest requests of all kinds at once, so that what they reserve is reserved.

Memory that a server keeps for the most concurrent moment it has seen is no growth. Without this,
that moment would come at random within the time in which growth is measured.
"""

from __future__ import annotations

import asyncio
import json

from soak.http_client import Request
from soak.load.picture import MAX_BYTES, Picture, form
from soak.load.scene import Client, NoAnswer, Scene, client_of
from soak.load.tenant import json_request
from soak.load.upload_actions import FORM_TYPE, PATH

CLIENTS = 8
_TASK = {"model": "gpt-image-2", "prompt": "warm [fake: seconds=0]", "n": 2}


async def warm_up(scene: Scene) -> None:
    """Send the largest requests from CLIENTS clients at once, and remove what they have left."""
    await asyncio.gather(*(_send(scene, f"soak-warm-{number}") for number in range(CLIENTS)))


async def _send(scene: Scene, key: str) -> None:
    with client_of(scene, key) as client:
        try:
            await _send_all(scene, client)
            await client.ask("control.reset", json_request("DELETE", "/_fake/world"))
        except NoAnswer:
            # Explained, or noted: this is no check.
            return


async def _send_all(scene: Scene, client: Client) -> None:
    picture = Picture(next(scene.numbers), MAX_BYTES, "png")
    body = form(picture.name, picture.content())
    for is_chunked in (False, True):
        request = Request("POST", PATH, body, FORM_TYPE, chunked=is_chunked)
        answer = await client.ask("uploads.create", request)
    url = str(answer.json()["url"])
    await client.ask("files.get", Request("GET", "/" + url.split("/", 3)[3]))
    task = json.dumps({**_TASK, "image_urls": [url]}).encode()
    answer = await client.ask(
        "generations.create", json_request("POST", "/v1/images/generations", task)
    )
    task_id = answer.json()["data"][0]["task_id"]
    await client.ask("tasks.get", Request("GET", f"/v1/tasks/{task_id}"))
