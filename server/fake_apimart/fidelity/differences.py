"""Where the emulation differs from the service on purpose or of necessity, and where it ends."""

from __future__ import annotations

DIFFERENCES = (
    (
        "With `FAKE_APIMART_DELIVERY=redirect`, a file URL redirects (302) to a presigned URL of "
        "the store. Real file URLs send the file directly. Unknown and expired files still get "
        "the same 403."
    ),
    (
        "`GET` and `HEAD` of `/docs` and `/openapi.json` return this server's own documentation, "
        "where the vendor's API returns 404. With `FAKE_APIMART_CONTROL=off` they are 404 too."
    ),
    (
        "A request head whose lines end in LF alone, or that has both `Content-Length` and "
        "`Transfer-Encoding`, is rejected with 400. Go accepts both. They allow request smuggling, "
        "and this is not relaxed. Of the recorded requests about forms, this "
        "affects `ok-lf-request-head` and `chunked-and-content-length`; all others are answered as "
        "recorded. For the same reason a trailer with an empty line that ends in LF alone is "
        "`malformed chunked encoding`, and `Transfer-Encoding` in HTTP/1.0, which Go ignores, ends "
        "the connection with the response."
    ),
    (
        "A client that begins with bytes that are no text, such as TLS, gets the 400 at once. Go "
        "waits for a line end."
    ),
    (
        "Bodies with `Content-Encoding: br` are not decoded. The open-source gateway decodes them. "
        "The error for corrupt gzip data, `flate: corrupt input before offset N`, names the byte "
        "at which zlib knows it. For a broken table of codes Go may name an earlier one."
    ),
    (
        "The URL of a reference has at most 8,192 characters. Of a prompt and a model's "
        "name the first 8 KB are kept and drawn. Markers are looked for "
        "in the first 100,000 characters of a prompt, and the first 100 of them count. Of bytes "
        "that are not UTF-8 in a JSON body the first 100,000 are read as U+FFFD each, as in Go, "
        "and further ones as question marks."
    ),
    ("Responses above 2,048 bytes have a `Content-Length`. Go sends them in chunks."),
    (
        "What Go answers to malformed quoted-printable in a form part *without a name*, to a "
        "quoted-printable line of 4,096 bytes, and to a boundary of 4,091 bytes or more depends on "
        "where the reads of its buffer end. This server answers as Go does to a body that is there "
        "as a whole, and follows Go's buffer through the first 256 KiB. Go's own answer may differ "
        "with the packets in which a larger form arrives, and the length of the head before it."
    ),
    (
        "The type in the error `unsupported image type` is named by libmagic, and its releases "
        "name some types differently. Which files are accepted does not depend on the release."
    ),
    (
        "Whether a JPEG decodes: above 262,144 bytes or 2,097,152 pixels its compressed pixels are "
        "not read code by code. What is damaged within them, but not cut off, is then taken, as "
        "most viewers take it. A progressive JPEG with restart markers is taken, although Go "
        "refuses some; a Huffman table that libjpeg refuses is refused, although Go may not use it."
    ),
    (
        "A picture that takes more than `FAKE_APIMART_DECODE_SECONDS` to decode, a JPEG of more "
        "than 100 scans, and one for which 4 GiB of memory are too little do not decode. Go has "
        "no such limits."
    ),
)

NOT_EMULATED = (
    "image generation by a model: results show the prompt, model and references on a background",
    "chat and all other endpoints: their paths answer 404",
    "accounts, real prices, content moderation (only a prompt's marker simulates it), quotas",
    "one balance across servers on the same storage: each counts only the tasks that it accepted",
    "TLS: use a reverse proxy, and set `FAKE_APIMART_PUBLIC_URL` or `FAKE_APIMART_TRUSTED_PROXIES`",
    "HTTP/2 and HTTP/3: requests to upgrade are ignored, and the server speaks HTTP/1.1",
)

OTHER_OPERATIONS = {
    "POST /v1/videos/generations": "video tasks, with the checks and prices of each model",
    "GET /v1/videos/generations/{task_id}": "their state in the form of the dialect `page`",
    "GET /f/video/{name}": "their results, and the alias `/video/{name}`",
    "POST /v1/videos/{task_id}/remix": "a video from another one",
    "GET /v1/models?category=video": "the catalogue of video models",
    "GET /v1/model-schema?operation=video_generation": "the schemas of video models",
    "GET /api/marketplace/models": "the catalogue of the vendor's shop",
    "POST /v1/images/edits": "image tasks of Grok models",
    "POST /v1/audio/speech": "speech, as raw bytes",
    "POST /v1/music/generations": "music tasks",
    "POST /v1/midjourney/generations": "Midjourney tasks and their actions",
    "GET /v1/midjourney/{task_id}": "the state of one",
}
"""What the vendor offers besides, by route."""
