"""A small Flask application: it passes the photos of its users on to APIMart."""

from __future__ import annotations

import os

import requests
from flask import Flask, request
from flask.typing import ResponseReturnValue


def create_app() -> Flask:
    """Return the application; it reads where APIMart is once, as many do."""
    app = Flask(__name__)
    app.config["APIMART"] = os.environ.get("APIMART_BASE_URL", "https://api.apimart.ai")
    app.config["KEY"] = os.environ["APIMART_API_KEY"]

    @app.post("/avatar")
    def avatar() -> ResponseReturnValue:
        photo = request.files["photo"]
        answer = requests.post(
            f"{app.config['APIMART']}/v1/uploads/images",
            headers={"Authorization": f"Bearer {app.config['KEY']}"},
            files={"file": (photo.filename, photo.stream, photo.mimetype)},
            timeout=30,
        )
        if answer.status_code == requests.codes.too_many_requests:
            return {"try_again": True}, 503
        if not answer.ok:
            return {"refused": answer.json()["error"]["message"]}, 422
        return {"url": answer.json()["url"]}, 201

    return app
