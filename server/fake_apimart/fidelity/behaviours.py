"""The table of emulated behaviours, each with the sources that it is known from."""

from __future__ import annotations

from typing import NamedTuple

SOURCES = {
    "page": "the vendor's upload page, which this project treats as binding",
    "live": "real exchanges with the service, published by third parties (June to September 2026)",
    "docs": "other pages of the vendor's documentation",
    "go": (
        "measured on Go's own net/http, which the vendor's error texts show to be in use; "
        "the texts are those of Go 1.25"
    ),
    "base": "measured on the open-source gateway that the vendor's is a fork of",
    "assumed": "our choice, because nothing has been published",
}


class Behaviour(NamedTuple):
    """A behaviour of the server and its sources, strongest first."""

    what: str
    sources: tuple[str, ...]


BEHAVIOURS: dict[str, tuple[Behaviour, ...]] = {
    "Every API response": (
        Behaviour("JSON in UTF-8, with the escapes of Go's `encoding/json`", ("live", "go")),
        Behaviour(
            "`X-Oneapi-Request-Id`: time in UTC+8, unpadded nanoseconds, 8 alphanumeric characters",
            ("live",),
        ),
        Behaviour("unknown path or wrong method: 404 `Invalid URL (METHOD /path)`", ("live", "go")),
        Behaviour(
            "the path in that message is the requested one, decoded, without the query", ("go",)
        ),
        Behaviour(
            "a slash too many behind a route: 301 with a link for GET, else 307, before all "
            "checks, without request id and CORS headers; two slashes too many: 404",
            ("go",),
        ),
        Behaviour("doubled slashes elsewhere are merged into one", ("assumed",)),
        Behaviour(
            "CORS headers where `Origin` is not the request's own host, and 204 to each `OPTIONS` "
            "from there",
            ("go", "base"),
        ),
        Behaviour("a preflight's answer names the headers that it asks for", ("assumed",)),
        Behaviour("internal error: the documented 500", ("docs",)),
        Behaviour("403 and 502, only when a rule asks for them", ("docs",)),
        Behaviour("503 `service_unavailable`: its status and type; its text", ("docs", "assumed")),
        Behaviour(
            "request that is unfinished 5 seconds after the server was told to stop: the same 503",
            ("assumed",),
        ),
        Behaviour("500 `get_channel_failed`, only when a rule asks for it", ("live",)),
        Behaviour(
            "response before the body is read: a body of less than 262,144 bytes is read and "
            "discarded; where `Content-Length` announces more, or more chunks come, the response "
            "comes at once with `Connection: close`, without a reset",
            ("go",),
        ),
        Behaviour(
            "request heads as Go reads them: any token is a method, raw UTF-8 is a path, folded "
            "header lines, equal repeated lengths",
            ("go",),
        ),
        Behaviour(
            "malformed head, bad escape in the path, missing, repeated or malformed `Host`: "
            "plain-text 400; oversized head: 431",
            ("go",),
        ),
        Behaviour(
            "unknown transfer coding: 501; HTTP/2.0 and HTTP/0.9: 505; unknown `Expect`: 417; "
            "`OPTIONS *`: empty 200",
            ("go",),
        ),
        Behaviour(
            "chunked bodies as Go reads them: blanks and any extension behind a size are accepted, "
            "trailers are ignored, errors have Go's texts",
            ("go",),
        ),
        Behaviour(
            "HTTP/1.0: the connection ends with the response, unless `Connection: keep-alive` asks "
            "otherwise",
            ("go",),
        ),
        Behaviour(
            "closed without a word: a head that takes 60 seconds, a body whose client pauses for 5 "
            "minutes, a response of which nothing is read for 5 minutes",
            ("assumed",),
        ),
        Behaviour(
            "request bodies with `Content-Encoding: gzip` are decoded as they stream; a body "
            "without a gzip header: empty 400 before the key is checked",
            ("base",),
        ),
    ),
    "API keys and rate limits": (
        Behaviour("`Authorization: Bearer <key>`", ("page",)),
        Behaviour("without `Bearer `, exactly so, the whole value is the key", ("base",)),
        Behaviour(
            "a key with a blank, and so each other scheme, is unknown unless it is configured",
            ("assumed",),
        ),
        Behaviour(
            "on `/v1/models/…` the parameter `key` stands in for a missing `Authorization`",
            ("base",),
        ),
        Behaviour("every invalid key: 401 `invalid API key (request id: …)`", ("live",)),
        Behaviour(
            "402 `[token_id=…] insufficient balance …` with less than 0.05 left, before the rate",
            ("live",),
        ),
        Behaviour("its shape, and that it names the request", ("assumed",)),
        Behaviour(
            "with nothing left, only the balance and the poll of a task are answered", ("assumed",)
        ),
        Behaviour("429 `Rate limit exceeded. Please try again later`", ("page",)),
        Behaviour("`Retry-After`; a sliding window; rejected requests do not count", ("assumed",)),
    ),
    "Uploads": (
        Behaviour("the five fields of the response and their types", ("page", "live")),
        Behaviour("order of checks: key, balance, rate, form, size, type, storage", ("assumed",)),
        Behaviour(
            "`missing or invalid file field: `, followed by Go's own error text",
            ("page", "live", "go"),
        ),
        Behaviour(
            "forms are parsed exactly as Go does: preambles, LF line ends, folded headers, "
            "quoted-printable, limits of 1000 parts and 10,000 headers",
            ("go",),
        ),
        Behaviour(
            "20,971,520 bytes are accepted; one byte more: 413 that states the actual size",
            ("page",),
        ),
        Behaviour(
            "body above 1 GiB: 400 `http: request body too large`, connection closed", ("go",)
        ),
        Behaviour("storage failure: 500 `failed to upload image`", ("page",)),
        Behaviour("an empty file has the type `application/x-empty`", ("assumed",)),
        Behaviour(
            "picture that does not decode: `invalid image content`; off by default", ("live",)
        ),
        Behaviour(
            "a picture decodes as in Go's `image.Decode`: the first picture of the file, with all "
            "checksums of a PNG and the end marker of a JPEG; what follows may be missing",
            ("go", "assumed"),
        ),
        Behaviour(
            "so does what is whole but unknown to Go: lossless JPEG, CMYK without Adobe's "
            "marker, animated WebP; not so what takes too long or has above 100 scans",
            ("assumed",),
        ),
        Behaviour("a picture of more than 200,000,000 pixels is not checked", ("assumed",)),
    ),
    "File types": (
        Behaviour("jpeg, png, gif and webp are detected by content alone", ("page",)),
        Behaviour("libmagic determines the type from the first 4,096 bytes", ("assumed",)),
        Behaviour("the signature of the format must be present too", ("assumed",)),
    ),
    "File names and URLs": (
        Behaviour("file name: Go's `filepath.Base` of the decoded parameter", ("go",)),
        Behaviour("each invalid byte of a name becomes one U+FFFD", ("go",)),
        Behaviour("`{base}/f/image/{13 digits}-{8 hex digits}-{name}` (dialect `page`)", ("page",)),
        Behaviour("16 digits and a UUID4 instead (dialect `live`)", ("live",)),
        Behaviour("the digits decrease with time, so the newest file sorts first", ("live",)),
        Behaviour("names are percent-encoded like Go's `url.PathEscape`", ("go",)),
        Behaviour("the names `/`, `.` and `..` become `file` in the URL", ("assumed",)),
        Behaviour("the base is the upload's host, or as configured", ("assumed",)),
        Behaviour("what reverse proxies state counts where they are trusted", ("assumed",)),
    ),
    "Files": (
        Behaviour("public, available immediately, exact bytes, detected type", ("page",)),
        Behaviour("available for 72 hours", ("page",)),
        Behaviour("afterwards: 403, S3-style XML `AccessDenied`", ("live",)),
        Behaviour("the same 403 for a name that never existed", ("assumed",)),
        Behaviour("`/image/…` is an alias", ("live",)),
        Behaviour("no CORS headers, unless configured", ("live",)),
        Behaviour("`Range` and `ETag`", ("live",)),
        Behaviour(
            "`Last-Modified` is the real time, also where a world's clock is changed", ("go",)
        ),
        Behaviour(
            "`If-Match`, `If-Unmodified-Since` (412), `If-None-Match`, `If-Modified-Since` (304) "
            "and `If-Range`, in Go's order and with its dates, before `Range`",
            ("go",),
        ),
        Behaviour("the XML of that 412, as on S3", ("assumed",)),
        Behaviour("a request for several ranges gets the whole file, as on S3", ("assumed",)),
        Behaviour("disk that fails: 503 `SlowDown`; damaged file: 403, as if gone", ("assumed",)),
        Behaviour(
            "redirects to S3 only with `FAKE_APIMART_DELIVERY=redirect`", ("live", "assumed")
        ),
    ),
    "Generation tasks": (
        Behaviour(
            "the response to a create request, and its versioned format with 202", ("live", "docs")
        ),
        Behaviour("`id` at the top level of that response (dialect `page`)", ("page",)),
        Behaviour("a version header with another value is ignored", ("assumed",)),
        Behaviour("errors of create requests use the versioned format too", ("assumed",)),
        Behaviour("`Idempotency-Key`: replay for 24 hours, 409 for a different body", ("docs",)),
        Behaviour("the format of that 409", ("assumed",)),
        Behaviour(
            "`prompt is required`, `image_urls exceeds max 15` (16 for models but gpt-image-2)",
            ("docs",),
        ),
        Behaviour("`n` up to 10 for gpt-image-2, up to 15 for other models", ("docs",)),
        Behaviour(
            "malformed or cut JSON, in a batch too: 400 with Go's text, and no task; nesting to a "
            "depth of 10,000 is accepted",
            ("go",),
        ),
        Behaviour(
            "names of fields match in any case, nested ones too; the last of equal ones counts; "
            "null and empty text count as absent",
            ("go",),
        ),
        Behaviour("the error texts for other invalid fields", ("assumed",)),
        Behaviour("the largest JSON body: 64 MiB, and 100,000 values", ("assumed",)),
        Behaviour(
            "a size that gpt-image-2 does not have, and moderation: 500 `build_request_failed: …`",
            ("docs",),
        ),
        Behaviour(
            "`adaptive` and `match_input_image` as sizes, `1.5K` and `3K` as resolutions, `jpg` as "
            "output format, and any name of a model are accepted",
            ("live",),
        ),
        Behaviour("503 `model_not_found`: its status and code; its text", ("live", "base")),
        Behaviour("base64 in `image_urls` is rejected; the error text", ("page", "assumed")),
        Behaviour(
            "a reference or a mask that is a missing, expired or broken file of this server, or "
            "one of more than 200,000,000 pixels, fails the task; its error says which and why",
            ("assumed",),
        ),
        Behaviour(
            "a URL whose path names a file of this server refers to it, whatever its host; hosts "
            "are compared as hosts (case, default port, IPv6 forms, internationalized names)",
            ("assumed",),
        ),
        Behaviour(
            "`size: auto` and the results follow the EXIF orientation of a reference; transparent "
            "pixels are shown over white",
            ("assumed",),
        ),
        Behaviour("what Go's `url.Parse` refuses is a 400 that names the field", ("assumed",)),
        Behaviour("URLs of other hosts are accepted unchecked and never fetched", ("assumed",)),
    ),
    "Polls": (
        Behaviour("fields and their types, for unfinished and completed tasks", ("live",)),
        Behaviour("the fields of a failed task; its `error` is an object", ("live", "assumed")),
        Behaviour("unfinished tasks have no URL, no result and no completion time", ("live",)),
        Behaviour(
            "unknown task id, or a task of another key: 400 in Chinese or English", ("docs",)
        ),
        Behaviour("`GET /v1/images/generations/{id}` (dialect `page` only)", ("page",)),
        Behaviour("the response to a batch query, and its limit of 100 tasks", ("assumed",)),
        Behaviour(
            "results are available for 24 hours; several images are several objects",
            ("live", "assumed"),
        ),
        Behaviour(
            "callbacks: flat JSON, posted to `/callback`, retried on 5xx and without a response",
            ("docs",),
        ),
        Behaviour(
            "`/callback` is put behind the path of a webhook, which needs a host and a valid port; "
            "callbacks have the headers of Go's client; no redirect is followed; 100 wait per key",
            ("assumed",),
        ),
    ),
    "Models and balance": (
        Behaviour("`GET /v1/models`, `?expand=parameters`, and the two schema routes", ("live",)),
        Behaviour("endpoint types of other models than the recorded ones", ("assumed",)),
        Behaviour(
            "schemas allow more than is taken, as the recorded one does; any model that is taken "
            "has one",
            ("live", "assumed"),
        ),
        Behaviour("`x-fake` in a schema: the further rules of this server", ("assumed",)),
        Behaviour("`GET /v1/model-docs`: its fields; the text of its pages", ("live", "assumed")),
        Behaviour("`GET /v1/models/{id}`; an unknown model is an error with status 200", ("base",)),
        Behaviour("gpt-image-2: aspect ratios, prices, and at most 16 references", ("docs",)),
        Behaviour("limits and prices of other models", ("assumed",)),
        Behaviour(
            "`GET /v1/balance` and its aliases; credits are ten times the balance", ("docs", "live")
        ),
        Behaviour(
            "each key starts with a balance of 100; a completed task deducts its `cost`",
            ("assumed",),
        ),
    ),
}
