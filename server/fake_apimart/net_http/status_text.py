"""`http.StatusText`: what stands behind a status in the first line of an answer."""

from __future__ import annotations

from http import HTTPStatus

_OTHERS = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Request Entity Too Large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "Request URI Too Long",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Requested Range Not Satisfiable",
    HTTPStatus.IM_A_TEAPOT: "I'm a teapot",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Entity",
}
"""What Python says otherwise, some of it from 3.13 on."""


def status_text(status: int) -> str:
    """Return Go's text for a status, for an unknown one too."""
    try:
        known = HTTPStatus(status)
    except ValueError:
        return f"status code {status}"
    return _OTHERS.get(known, known.phrase)
