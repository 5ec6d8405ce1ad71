"""How the upload is described in the OpenAPI document, with the six bodies of the vendor's page."""

from __future__ import annotations

from functools import partial

from fake_apimart.contract import errors
from fake_apimart.contract.documentation import INTEGER, TEXT, Answer, Documentation, record
from fake_apimart.go.textproto import UNEXPECTED_EOF
from fake_apimart.net_http.form import BODY_TOO_LARGE, NO_BOUNDARY, NO_SUCH_FILE, NOT_MULTIPART
from fake_apimart.uploads.create import upload_answer

UPLOAD = record(
    "Upload",
    {
        "url": {
            "type": "string",
            "format": "uri",
            "description": "Where anybody can read the file, for 72 hours.",
        },
        "filename": {**TEXT, "description": "The file's name in the form, without folders."},
        "content_type": {
            "type": "string",
            "enum": ["image/jpeg", "image/png", "image/gif", "image/webp"],
            "description": "What the file's content is, whatever its name and its declared type.",
        },
        "bytes": {**INTEGER, "description": "The size of the file, in bytes."},
        "created_at": {**INTEGER, "description": "When the upload began, in Unix seconds."},
    },
)

CREATE = Documentation(
    tag="uploads",
    summary="Upload an image and get its URL.",
    description="""
One file in a form, and back comes a URL that generation requests can refer to (page).

- JPEG, PNG, GIF and WebP are taken, told by content alone (page), of at most 20,971,520 bytes
  (page; `FAKE_APIMART_MAX_FILE_BYTES`).
- Checks come in this order (assumed): key, rate, form, size, type, storage.
- Forms are read as Go's `net/http` reads them, and refused in its words (page, live, go). Of two
  parts called `file` the first one with a file name counts (go); other fields are not read.
- `invalid image content` (live, once) is answered with `FAKE_APIMART_DECODE_CHECK` alone, where
  the first picture of the file does not decode.
- 403, 502 and 503 (docs) are answered where a rule of the control API asks for them.
""",
    body={
        "multipart/form-data": {
            "schema": {
                "title": "UploadForm",
                "type": "object",
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "The image. Its part must have a file name.",
                    }
                },
                "required": ["file"],
            }
        }
    },
    answers=(
        Answer(
            200,
            "The file is stored, and its URL good at once (page, live).",
            UPLOAD,
            {
                "photo.jpg": upload_answer(
                    "https://upload.apimart.ai/f/image/9990000123456-a1b2c3d4-photo.jpg",
                    "photo.jpg",
                    "image/jpeg",
                    235_680,
                    1_743_436_800,
                )
            },
        ),
    ),
    refusals=(
        partial(errors.invalid_form, NO_SUCH_FILE),
        *(
            partial(errors.invalid_form, text)
            for text in (NOT_MULTIPART, NO_BOUNDARY, UNEXPECTED_EOF, BODY_TOO_LARGE)
        ),
        partial(errors.unsupported_image_type, "application/pdf"),
        errors.invalid_image_content,
        partial(errors.file_too_large, 25_165_824, 20_971_520),
    ),
)

DOCUMENTATION = {"uploads.create": CREATE}
