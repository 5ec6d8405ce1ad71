"""A minimal fake that a user would write: FastAPI, `UploadFile`, files in a folder."""

from __future__ import annotations

import socket
import sys
import time
import uuid
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, HTTPException, UploadFile
from fastapi.responses import FileResponse
from uvicorn.config import LOGGING_CONFIG

FOLDER = Path(sys.argv[1])

app = FastAPI()


@app.post("/v1/uploads/images")
async def upload(file: UploadFile, authorization: Annotated[str, Header()]) -> dict[str, object]:
    if not authorization.startswith("Bearer "):
        raise HTTPException(401)
    content = await file.read()
    if not content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF")):
        raise HTTPException(400)
    name = f"{uuid.uuid4().hex}-{file.filename}"
    (FOLDER / name).write_bytes(content)
    url = f"http://127.0.0.1/f/image/{name}"
    return {"url": url, "filename": file.filename, "bytes": len(content), "created_at": time.time()}


@app.get("/f/image/{name}")
async def download(name: str) -> FileResponse:
    return FileResponse(FOLDER / name, media_type="image/jpeg")


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    sys.stdout.write(f"listening on http://127.0.0.1:{listener.getsockname()[1]} \n")
    sys.stdout.flush()
    # Logs go to standard error, as with all servers: nobody reads standard output after line 1.
    LOGGING_CONFIG["handlers"]["access"]["stream"] = "ext://sys.stderr"
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_config=LOGGING_CONFIG)
    uvicorn.Server(config).run([listener])
