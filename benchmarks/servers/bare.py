"""The cost of the frameworks alone: Starlette's `FileResponse`, and a minimal FastAPI route.

These routes do nothing else, so a server that does real work can hardly be much faster.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from uvicorn.config import LOGGING_CONFIG

FOLDER = Path(sys.argv[2])


async def file(request: Request) -> Response:
    """Send a file whose name is its size in bytes."""
    path = FOLDER / request.path_params["size"]
    if not path.exists():
        path.write_bytes(bytes(int(path.name)))
    return FileResponse(path, media_type="image/jpeg")


api = FastAPI()


@api.get("/v1/tasks/{task_id}")
async def poll(task_id: str) -> JSONResponse:
    """Return a constant."""
    return JSONResponse({"code": 200, "data": {"id": task_id}})


APPS = {"file": Starlette(routes=[Route("/{size}", file)]), "api": api}

if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    sys.stdout.write(f"listening on http://127.0.0.1:{listener.getsockname()[1]} \n")
    sys.stdout.flush()
    LOGGING_CONFIG["handlers"]["access"]["stream"] = "ext://sys.stderr"
    config = uvicorn.Config(
        APPS[sys.argv[1]], loop="uvloop", http="httptools", log_config=LOGGING_CONFIG
    )
    uvicorn.Server(config).run([listener])
