"""The fidelity table: each emulated behaviour, and the sources that it is known from.

docs/fidelity.md and the command `fake-apimart fidelity` are generated from it.
"""

from __future__ import annotations

from typing import NamedTuple

SOURCES = {
    "page": "the vendor's upload page, the law of this project",
    "live": "real exchanges with the service that third parties published (June to September 2026)",
    "docs": "other pages of the vendor's documentation",
    "go": "measured on Go's own net/http, which the vendor's texts show to be underneath",
    "assumed": "our choice, where nobody has published anything",
}


class Behaviour(NamedTuple):
    """A behaviour of the server and its sources, strongest first."""

    what: str
    sources: tuple[str, ...]


BEHAVIOURS: dict[str, tuple[Behaviour, ...]] = {
    "Every answer of the API": (
        Behaviour("JSON in UTF-8, escaped as Go's `encoding/json` escapes it", ("live", "go")),
        Behaviour(
            "`X-Oneapi-Request-Id`: UTC, nanoseconds without padding, 8 alphanumerics",
            ("live",),
        ),
        Behaviour("unknown path or wrong method: 404 `Invalid URL (METHOD /path)`", ("live", "go")),
        Behaviour("the path in it is the one sent, decoded, without the query", ("go",)),
        Behaviour("a slash too many: 307 (301 for GET) before the key is asked for", ("go",)),
        Behaviour("doubled slashes are folded", ("assumed",)),
        Behaviour("CORS headers and preflights as the vendor's framework gives them", ("go",)),
        Behaviour("a fault of the server: the documented 500", ("docs",)),
        Behaviour(
            "403, 502 and 503, where a rule asks for them; texts of 403 and 503",
            ("docs", "assumed"),
        ),
        Behaviour("503 `get_channel_failed`, where a rule asks for it", ("live",)),
        Behaviour(
            "an answer before the body was read: up to 256 KiB are discarded, then "
            "`Connection: close`; no reset",
            ("go",),
        ),
        Behaviour("missing, doubled or malformed `Host`: plain 400; endless head: 431", ("go",)),
    ),
    "Keys and rates": (
        Behaviour("`Authorization: Bearer <key>`", ("page",)),
        Behaviour("every wrong key: 401 `invalid API key (request id: …)`", ("live",)),
        Behaviour("the scheme's name in any case", ("assumed",)),
        Behaviour("429 `Rate limit exceeded. Please try again later`", ("page",)),
        Behaviour("`Retry-After`; a window that moves; refused calls do not count", ("assumed",)),
    ),
    "Uploads": (
        Behaviour("the five keys of the answer and their types", ("page", "live")),
        Behaviour("order of checks: key, rate, form, size, type, store", ("assumed",)),
        Behaviour("`missing or invalid file field: ` and Go's own text", ("page", "live", "go")),
        Behaviour(
            "all of Go's reading of forms: preambles, LF line ends, folded headers, "
            "quoted-printable, limits of 1000 parts and 10,000 headers",
            ("go",),
        ),
        Behaviour("20,971,520 bytes pass, one more is a 413 that states the true size", ("page",)),
        Behaviour("a body above 1 GiB: 400 `http: request body too large`, closed", ("go",)),
        Behaviour("a store that fails: 500 `failed to upload image`", ("page",)),
        Behaviour("an empty file is of type `application/x-empty`", ("assumed",)),
        Behaviour("`invalid image content` where the picture does not decode; off", ("live",)),
        Behaviour("what decodes is what Pillow decodes", ("assumed",)),
    ),
    "Types": (
        Behaviour("jpeg, png, gif and webp, by content alone", ("page",)),
        Behaviour("libmagic names the type from the first 4,096 bytes", ("assumed",)),
        Behaviour("the format's own signature must be there too", ("assumed",)),
    ),
    "Names and URLs": (
        Behaviour("file names as Go's `filepath.Base` of the decoded parameter", ("go",)),
        Behaviour("each invalid byte of a name prints as one U+FFFD", ("go",)),
        Behaviour("`{base}/f/image/{13 digits}-{8 hex}-{name}` (dialect `page`)", ("page",)),
        Behaviour("16 digits and a UUID4 instead (dialect `live`)", ("live",)),
        Behaviour("digits count down, so that the newest file sorts first", ("live",)),
        Behaviour("names percent-encoded as Go's `url.PathEscape` does", ("go",)),
        Behaviour("the names `/`, `.` and `..` become `file` in the URL", ("assumed",)),
        Behaviour("the base is the host that the upload was sent to, unless set", ("assumed",)),
    ),
    "Files": (
        Behaviour("public, readable at once, the very bytes and the detected type", ("page",)),
        Behaviour("72 hours", ("page",)),
        Behaviour("afterwards 403, S3-style XML `AccessDenied`", ("live",)),
        Behaviour("the same 403 for a name that never was", ("assumed",)),
        Behaviour("`/image/…` is an alias", ("live",)),
        Behaviour("no CORS headers, unless set", ("live",)),
        Behaviour("`Range`, `ETag`, `Last-Modified` and their conditions", ("live", "assumed")),
        Behaviour("several ranges at once give the whole file, as on S3", ("assumed",)),
        Behaviour("a store that cannot be read: 503 `SlowDown`", ("assumed",)),
        Behaviour(
            "redirects to S3 with `FAKE_APIMART_DELIVERY=redirect` alone", ("live", "assumed")
        ),
    ),
    "Generation tasks": (
        Behaviour("the answer to a create, and its versioned form with 202", ("live", "docs")),
        Behaviour("`id` at its top level in the dialect `page`", ("page",)),
        Behaviour("a version header with another value counts as none", ("assumed",)),
        Behaviour("every refusal of a create takes the versioned form too", ("assumed",)),
        Behaviour("`Idempotency-Key`: replay for 24 hours, 409 for another body", ("docs",)),
        Behaviour("the form of that 409", ("assumed",)),
        Behaviour("`prompt is required`, `image_urls exceeds max 16`", ("docs",)),
        Behaviour("the wording of other bad fields, and of malformed JSON", ("assumed",)),
        Behaviour("`build_request_failed` for gpt-image-2's sizes and for moderation", ("docs",)),
        Behaviour("402 with nothing left, 503 `model_not_found`; their texts", ("live", "assumed")),
        Behaviour("base64 in `image_urls` is refused; the wording", ("page", "assumed")),
        Behaviour("a reference of ours that is gone or broken fails the task", ("assumed",)),
        Behaviour("URLs of other hosts are taken on trust and never fetched", ("assumed",)),
    ),
    "Polls": (
        Behaviour("keys and types before the end, and when completed", ("live",)),
        Behaviour(
            "the set of keys of a failed task; its `error` is an object", ("live", "assumed")
        ),
        Behaviour("no URL, no result, no time of completion before the end", ("live",)),
        Behaviour("an unknown id, or another key's: 400 in Chinese, or English", ("docs",)),
        Behaviour("`GET /v1/images/generations/{id}` in the dialect `page` alone", ("page",)),
        Behaviour("the answer to a batch, and at most 100 in one", ("assumed",)),
        Behaviour("results live 24 hours, several images are several objects", ("live", "assumed")),
        Behaviour("callbacks: flat, to `/callback`, again on 5xx and silence", ("docs",)),
    ),
    "Models and balance": (
        Behaviour("`GET /v1/models`, the two schema routes", ("live",)),
        Behaviour("gpt-image-2's ratios, prices and 16 references", ("docs",)),
        Behaviour("what other models allow and cost", ("assumed",)),
        Behaviour(
            "`GET /v1/balance` and its aliases; credits are ten times that", ("docs", "live")
        ),
        Behaviour("each key begins with 100; a completed task costs its `cost`", ("assumed",)),
    ),
}

DIFFERENCES = (
    (
        "With `FAKE_APIMART_DELIVERY=redirect` a file URL answers 302 to a presigned URL of the "
        "store; the real ones answer directly. Unknown and expired files get the same 403."
    ),
    (
        "A request head whose lines end in LF alone, or which has both `Content-Length` and "
        "`Transfer-Encoding`, is refused with 400. Go takes both; our parser refuses them because "
        "request smuggling lives on them, and we do not loosen it. Of the recorded requests in "
        "`tests/data/form_cases` these are `ok-lf-request-head` and `chunked-and-content-length`; "
        "all others are answered as recorded."
    ),
    (
        "Broken quoted-printable in a form part *without a name* is passed over, and a part that "
        "ends in a quoted-printable line of exactly 4,096 bytes is taken, where Go may call its "
        "buffer full: its own answer depends on how its buffers happened to be filled."
    ),
    (
        "The type's name in `unsupported image type` is libmagic's, and other releases of libmagic "
        "have other names for some files. Accepted or refused is the same with all."
    ),
)

NOT_EMULATED = (
    "generated pictures: results show the prompt, the model and the references on a background",
    "video, audio, chat and every other endpoint: those paths answer 404",
    "accounts, real prices, moderation of its own, quotas",
    "callbacks that wait when the server ends: they are not taken up again",
    "one balance over several servers on one storage: each keeps account of what it took itself",
    "TLS: put a proxy in front, and name it in `FAKE_APIMART_PUBLIC_URL`",
    "HTTP/2 and HTTP/3: a wish for them is passed over, and HTTP/1.1 is spoken",
)


def markdown() -> str:
    """Return the fidelity page in Markdown."""
    parts = ["# How true it is", _introduction()]
    for title, behaviours in BEHAVIOURS.items():
        rows = (f"| {each.what} | {', '.join(each.sources)} |" for each in behaviours)
        parts.append("\n".join([f"## {title}\n", "| behaviour | source |", "|---|---|", *rows]))
    parts.append("## Where it differs knowingly\n\n" + _bullets(DIFFERENCES))
    parts.append("## What is not emulated\n\n" + _bullets(NOT_EMULATED))
    return "\n\n".join(parts) + "\n"


def _introduction() -> str:
    sources = "\n".join(f"| {name} | {what} |" for name, what in SOURCES.items())
    return (
        "Each behaviour carries the source that it is known from. Where sources disagree, the "
        f"stronger one wins; this is their order:\n\n| source | what it is |\n|---|---|\n{sources}"
    )


def _bullets(items: tuple[str, ...]) -> str:
    return "\n".join(f"- {item}" for item in items)
