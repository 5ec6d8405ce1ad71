"""How files are described in the OpenAPI document."""

from __future__ import annotations

from functools import partial

from fake_apimart.contract import errors
from fake_apimart.contract.documentation import Answer, Documentation, Parameter

_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_BYTES = {"type": "string", "format": "binary"}
_VALIDATORS = {
    "ETag": "Names these very bytes (live).",
    "Last-Modified": "When the file was stored, whatever the world's clock says (go).",
    "Accept-Ranges": "`bytes` (live).",
    "X-Content-Type-Options": "`nosniff` (assumed).",
}
_LENGTH = {"Content-Length": "How many bytes the body has."}

GET = Documentation(
    tag="files",
    summary="Read a file by its URL.",
    description="""
The very bytes that were uploaded, or the result of a task, with the type that was detected.

- Public: no key is needed, and one that is sent is ignored (page).
- An upload is readable for 72 hours (page), a result for 24 (live), each by its world's clock. Then
  it is refused in the XML of an S3 store (live), as is a name that never was (assumed).
- `/image/{name}` is an alias (live).
- There are no CORS headers (live), unless `FAKE_APIMART_FILE_CORS` adds them.
""",
    parameters=(
        Parameter("name", "The last segment of the URL, percent-encoded as the answer had it."),
        Parameter(
            "Range",
            "One range of bytes, such as `bytes=0-99` (live); several at once give the whole file, "
            "as on S3 (assumed).",
            {"type": "string", "examples": ["bytes=0-99"]},
        ),
        Parameter("If-Match", "ETags, one of which the file must have, or `*`; else 412 (go)."),
        Parameter("If-Unmodified-Since", "When the file must have been stored; else 412 (go)."),
        Parameter("If-None-Match", "ETags for which a 304 is enough, or `*` (go)."),
        Parameter("If-Modified-Since", "The Last-Modified for which a 304 is enough (go)."),
        Parameter("If-Range", "The ETag or Last-Modified for which `Range` is meant (go)."),
    ),
    answers=(
        Answer(200, "The whole file.", _BYTES, media_types=_TYPES, headers=_VALIDATORS | _LENGTH),
        Answer(
            206,
            "The bytes that `Range` asks for.",
            _BYTES,
            media_types=_TYPES,
            headers={
                **_VALIDATORS,
                **_LENGTH,
                "Content-Range": "Which bytes these are, and the size of the file.",
            },
        ),
        Answer(
            302,
            "With `FAKE_APIMART_DELIVERY=redirect`: the store has the file (assumed).",
            headers={"Location": "A presigned URL of the store."},
        ),
        Answer(304, "The client has the file already.", headers=_VALIDATORS),
    ),
    refusals=(
        errors.access_denied,
        errors.precondition_failed,
        partial(errors.invalid_range, 235_680),
    ),
)

DOCUMENTATION = {"files.get": GET}
