"""Actions with uploads: good ones of all sizes, refused and cut ones, and downloads of parts."""

from __future__ import annotations

import random

from soak.http_client import Request
from soak.load.picture import BOUNDARY, KINDS, MAX_BYTES, Picture, form
from soak.load.scene import NoAnswer
from soak.load.tenant import Tenant
from soak.record.ledger import StoredFile

PATH = "/v1/uploads/images"
FORM_TYPE = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
SIZES = {1_000: 0.5, 50_000: 0.25, 1_000_000: 0.17, 8_500_000: 0.05, MAX_BYTES: 0.03}
"""Bounds of sizes in bytes, and how often each is drawn."""
SLOW_PAUSE_SECONDS = 0.1
_PDF = b"%PDF-1.7\n" + bytes(3_000)


def _picture(tenant: Tenant) -> Picture:
    rng, kind = tenant.rng, tenant.rng.choice(KINDS)
    [bound] = rng.choices(list(SIZES), list(SIZES.values()))
    # The very largest size is drawn as it is: it is the last that passes.
    size = bound if bound == MAX_BYTES else rng.randint(bound // 2, bound)
    if size > tenant.room - tenant.world.stored_bytes:
        size = 0
    return Picture(next(tenant.scene.numbers), max(size, Picture.smallest(kind)), kind)


async def upload(tenant: Tenant) -> None:
    """Upload a picture: whole, in chunks, slowly, or through the cutting proxy."""
    picture, rng = _picture(tenant), tenant.rng
    pause = SLOW_PAUSE_SECONDS if rng.random() < 0.1 else 0.0
    body = form(picture.name, picture.content())
    request = Request("POST", PATH, body, FORM_TYPE, chunked=rng.random() < 0.3, pause=pause)
    try:
        answer = await tenant.ask_perhaps_cut("uploads.create", request)
    except NoAnswer as unknown:
        if unknown.may_be_done:
            tenant.world.doubtful_names.add(picture.name)
        return
    _note(tenant, picture, answer.status, answer.json())


def _note(tenant: Tenant, picture: Picture, status: int, said: object) -> None:
    good = isinstance(said, dict) and status == 200
    if not tenant.expect(good, f"upload of {picture}: {status} {said}"):
        return
    assert isinstance(said, dict)
    stated = (said.get("filename"), said.get("content_type"), said.get("bytes"))
    real = (picture.name, picture.content_type, picture.size)
    tenant.expect(stated == real, f"upload of {picture} is said to be {said}")
    path = "/" + str(said["url"]).split("/", 3)[3]
    tenant.world.files.append(StoredFile(picture, path, int(said["created_at"])))
    tenant.scene.tally.acknowledged["uploads"] += 1


async def upload_refused(tenant: Tenant) -> None:
    """Send what must be refused, and compare the refusal. The check of the list comes later."""
    name = f"refused-{next(tenant.scene.numbers)}.png"
    big = MAX_BYTES + tenant.rng.randint(1, 2_000_000)
    too_big = f"file size {big} exceeds maximum {MAX_BYTES} bytes"
    no_file, wrong_type = "http: no such file", "unsupported image type: application/pdf"
    cases = [
        (form(name, _PDF), None, 400, wrong_type),
        (form(name, _PDF, field="image"), None, 400, no_file),
        (form(name, Picture(0, 60_000, "png").content()), 30_000, 400, "unexpected EOF"),
        (b"", None, 400, "multipart: NextPart: EOF"),
    ]
    if tenant.rng.random() < 0.1:
        cases = [(form(name, Picture(0, big, "png").content()), None, 413, too_big)]
    body, sent_bytes, status, text = tenant.rng.choice(cases)
    request = Request("POST", PATH, body, FORM_TYPE, sent_bytes=sent_bytes)
    answer = await tenant.ask("uploads.create", request, status)
    if answer is not None:
        tenant.expect(text.encode() in answer.body, f"refusal {answer.body!r} without {text!r}")
        tenant.scene.tally.acknowledged["refusals"] += 1


async def download_part(tenant: Tenant) -> None:
    """Ask for a part of a file, or for it under a condition, and compare the bytes."""
    if not tenant.world.files:
        return
    file = tenant.rng.choice(tenant.world.files)
    content = file.picture.content()
    for headers, status, body in _conditional_cases(file, content, tenant.rng):
        request = Request("GET", file.path, headers=headers)
        answer = await tenant.ask("files.get", request, status, "lost")
        if answer is not None and body is not None:
            text = f"{file.path} with {headers}: {len(answer.body)} bytes are not its own"
            tenant.expect(answer.body == body, text, "lost")
            tenant.scene.tally.bytes_compared += len(body)


def _conditional_cases(
    file: StoredFile, content: bytes, rng: random.Random
) -> list[tuple[dict[str, str], int, bytes | None]]:
    start = rng.randrange(len(content))
    end = rng.randrange(start, len(content))
    cases: list[tuple[dict[str, str], int, bytes | None]] = [
        ({"Range": "bytes=0-0"}, 206, content[:1]),
        ({"Range": f"bytes={start}-{end}"}, 206, content[start : end + 1]),
        ({"Range": f"bytes=-{end - start + 1}"}, 206, content[-(end - start + 1) :]),
        ({"Range": f"bytes={len(content)}-"}, 416, None),
        ({"If-Match": '"other"'}, 412, None),
    ]
    if file.etag is not None:
        cases += [({"If-None-Match": file.etag}, 304, b""), ({"If-Match": file.etag}, 200, content)]
    return rng.sample(cases, 2)


async def pipeline(tenant: Tenant) -> None:
    """Send several requests in one piece; their answers must come in their order."""
    pictures = [Picture(next(tenant.scene.numbers), 1_500, "png") for _ in range(3)]
    uploads = [
        Request("POST", PATH, form(each.name, each.content()), FORM_TYPE) for each in pictures
    ]
    balance = Request("GET", "/v1/balance")
    requests = [each for upload in uploads for each in (upload, balance)]
    try:
        answers = await tenant.client.ask_pipelined("pipelined", requests)
    except NoAnswer:
        # Some of the uploads may have been answered 200 before the pipeline broke.
        tenant.world.doubtful_names.update(each.name for each in pictures)
        return
    for picture, answer in zip(pictures, answers[::2], strict=True):
        _note(tenant, picture, answer.status, answer.json())
    for answer in answers[1::2]:
        tenant.expect(b"remain_balance" in answer.body, f"not a balance: {answer.body[:100]!r}")


async def read_slowly_or_leave(tenant: Tenant) -> None:
    """Download through the cutting proxy: a client that leaves within an answer."""
    if not tenant.world.files:
        return
    file = tenant.rng.choice(tenant.world.files)
    answer = await tenant.ask_perhaps_cut("files.get", Request("GET", file.path))
    is_same = answer.body == file.picture.content()
    tenant.expect(is_same, f"{file.path} is not what was uploaded", "lost")
