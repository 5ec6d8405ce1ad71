"""The one place that writes errors out."""

from __future__ import annotations

from html import escape

from starlette.responses import Response

from fake_apimart.contract.api_error import ApiError, Shape
from fake_apimart.contract.json_response import JSONResponse


def render(error: ApiError, request_id: str, *, versioned: bool = False) -> Response:
    """Return the answer that states `error` to the client of the request `request_id`.

    A `versioned` one is for clients that asked for a response version: there all errors have one
    form, with the classic code as a string (live clients; assumed for those of other layers).
    """
    if error.shape is Shape.S3:
        return _render_xml(error, request_id)
    fields = {key: getattr(error, key) for key in error.shape.value}
    if error.names_request:
        fields["message"] += f" (request id: {request_id})"
    if not versioned:
        return JSONResponse({"error": fields}, error.status, error.headers)
    fields = {
        "message": fields["message"],
        "type": error.type,
        "param": "",
        "code": str(fields.get("code", "")),
    }
    content = {"request_id": f"req_{request_id}", "error": fields}
    return JSONResponse(content, error.status, error.headers)


def _render_xml(error: ApiError, request_id: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    return Response(body, error.status, error.headers, media_type="application/xml")
