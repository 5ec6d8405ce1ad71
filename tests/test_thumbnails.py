"""Thumbnails for the gallery: of whatever decodes, each made once, and in no client's way."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fake_apimart.app import Application, create_app
from fake_apimart.common.caches import ByteCache
from fake_apimart.image_workers.decoders import Decoders
from fake_apimart.machine.shortage import Shortage
from fake_apimart.page.thumbnails import SIDE, Thumbnails, thumbnail_response
from fake_apimart.service.service import Service
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.world import World
from PIL import Image

from tests.asgi_calls import ask, head, upload
from tests.generating import PATH
from tests.harness import JPEG, KEY, PNG, RECORDED, form
from tests.pictures import GREY, exif, huge_png, png, saved
from tests.test_images import BROKEN, COLOURS, TURNED, WHOLE, numbered

MIME = RECORDED / "mime"
OTHER_KEY = "sk-fake-another"
JSON_HEAD = head(content_type="application/json")


class Gallery:
    """The thumbnails of a running application, and what a client and a tester do there."""

    def __init__(self, app: Application) -> None:
        assert app.service is not None
        self.app = app
        self.service: Service = app.service
        self.thumbnails = Thumbnails(self.service.storage, self.service.decoders)

    async def world(self, key: str = KEY) -> World:
        return await self.service.worlds.by_key(key)

    async def uploaded(self, content: bytes) -> str:
        """Upload a file, and return the key that it is stored under."""
        answer = await upload(self.app, form(content))
        assert answer.status == 200, answer.body
        return str(answer.json()["url"]).partition("/f/")[2]

    async def of(self, key: str) -> bytes | None:
        return await self.thumbnails.of(await self.world(), key)

    async def picture(self, content: bytes) -> Image.Image:
        made = await self.of(await self.uploaded(content))
        assert made is not None
        return opened(made)

    async def post(self, path: str, value: Any) -> Any:
        body = {"type": "http.request", "body": json.dumps(value).encode()}
        answer = await ask(self.app, [body], method="POST", path=path, headers=JSON_HEAD)
        assert answer.status == 200, answer.body
        return answer.json()


@contextlib.asynccontextmanager
async def gallery(**settings: Any) -> AsyncIterator[Gallery]:
    app = create_app(Settings(**{"storage": "memory://", **settings}))
    async with app.router.lifespan_context(app):
        yield Gallery(app)


def opened(made: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(made))
    assert image.format == "WEBP"
    image.load()
    return image


def near(pixel: Any, colour: tuple[int, ...], by: int = 12) -> bool:
    return all(abs(ours - right) <= by for ours, right in zip(pixel, colour, strict=True))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the numbers of thumbnails under way, one for each as it began."""
    counts: list[int] = []
    under_way: list[int] = []
    decode = Decoders.thumbnail

    async def counted(*args: Any) -> Image.Image:
        under_way.append(1)
        counts.append(len(under_way))
        try:
            await asyncio.sleep(0.01)
            return await decode(*args)
        finally:
            under_way.pop()

    monkeypatch.setattr(Decoders, "thumbnail", counted)
    return counts


FORMATS = {
    "JPEG": saved(Image.new("RGB", (1024, 512), "red"), "JPEG"),
    "progressive JPEG": saved(Image.new("RGB", (1024, 512), "red"), "JPEG", progressive=True),
    "CMYK JPEG": saved(Image.new("CMYK", (1024, 512), (0, 255, 255, 0)), "JPEG"),
    "PNG": saved(Image.new("RGB", (1024, 512), "red"), "PNG"),
    "PNG with a palette": saved(Image.new("RGB", (1024, 512), "red").quantize(), "PNG"),
    "GIF": saved(Image.new("RGB", (1024, 512), "red"), "GIF"),
    "WebP": saved(Image.new("RGB", (1024, 512), "red"), "WEBP"),
    "lossless WebP": saved(Image.new("RGB", (1024, 512), "red"), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.asyncio
async def test_each_format_has_a_thumbnail_that_keeps_its_aspect(name: str) -> None:
    async with gallery() as there:
        small = await there.picture(FORMATS[name])
    assert small.size == (SIDE, SIDE // 2)
    assert near(small.convert("RGB").getpixel((9, 9)), (255, 0, 0))


@pytest.mark.parametrize("name", ["gif-animated.gif", "apng.png", "webp-animated.webp"])
@pytest.mark.asyncio
async def test_animation_shows_its_first_frame(name: str) -> None:
    content = (MIME / name).read_bytes()
    first = Image.open(io.BytesIO(content)).convert("RGBA")
    async with gallery() as there:
        small = await there.picture(content)
    assert (getattr(small, "n_frames", 1), small.size) == (1, first.size)
    middle = (first.width // 2, first.height // 2)
    assert near(small.convert("RGBA").getpixel(middle), first.getpixel(middle))  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.asyncio
async def test_thumbnail_is_upright(orientation: int) -> None:
    metadata = b"Exif\0\0" + exif(orientation)
    content = saved(numbered().resize((64, 32), 0), "JPEG", exif=metadata, quality=100)
    seen = TURNED[orientation]
    async with gallery() as there:
        small = (await there.picture(content)).convert("L")
    assert small.size == (16 * len(seen[0]), 16 * len(seen))
    assert all(
        abs(int(small.getpixel((16 * x + 8, 16 * y + 8))) - value) < 25  # type: ignore[arg-type]
        for y, line in enumerate(seen)
        for x, value in enumerate(line)
    )


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
@pytest.mark.asyncio
async def test_transparency_is_kept(format_name: str) -> None:
    image = Image.new("RGBA", (1024, 1024), (0, 0, 0, 0))
    image.paste((0, 200, 0, 255), (0, 0, 512, 1024))
    image.paste((0, 0, 200, 128), (512, 512, 1024, 1024))
    async with gallery() as there:
        small = await there.picture(saved(image, format_name, lossless=True))
    assert (small.mode, small.size) == ("RGBA", (SIDE, SIDE))
    assert near(small.getpixel((64, 128)), (0, 200, 0, 255))
    assert near(small.getpixel((192, 192)), (0, 0, 200, 128))
    assert small.getchannel("A").getpixel((192, 64)) == 0


TRANSPARENT = [name for name in COLOURS if name.endswith(" transparent") and "another" not in name]


@pytest.mark.parametrize("name", TRANSPARENT)
@pytest.mark.asyncio
async def test_every_kind_of_transparency_is_kept(name: str) -> None:
    async with gallery() as there:
        small = await there.picture(COLOURS[name][0])
    expected = 128 if "half" in name else 0
    assert near(small.getchannel("A").getextrema(), (expected, expected), 2)


@pytest.mark.asyncio
async def test_small_picture_stays_as_small_as_it_is() -> None:
    async with gallery() as there:
        assert (await there.picture(png(8, GREY, b"\x40" * 8))).size == (8, 8)


@pytest.mark.asyncio
async def test_picture_of_one_line_has_a_thumbnail() -> None:
    async with gallery() as there:
        content = saved(Image.new("RGB", (5000, 1), "red"), "PNG")
        assert (await there.picture(content)).size == (SIDE, 1)


@pytest.mark.subprocess
@pytest.mark.asyncio
async def test_whatever_decodes_has_a_thumbnail() -> None:
    async with gallery() as there:
        for name, content in WHOLE.items():
            assert max((await there.picture(content)).size) <= SIDE, name


def taken(content: bytes) -> bool:
    """Return whether an upload of this content is taken by its signature."""
    return content.startswith((b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff", b"GIF8", b"RIFF"))


@pytest.mark.subprocess
@pytest.mark.asyncio
async def test_what_does_not_decode_has_none_and_is_tried_once(decoded: list[int]) -> None:
    broken = {name: content for name, content in BROKEN.items() if taken(content)}
    assert len(broken) > 10
    async with gallery() as there:
        for name, content in broken.items():
            key = await there.uploaded(content)
            assert await there.of(key) is None, name
            assert await there.of(key) is None, name
    assert len(decoded) == len(broken)


@pytest.mark.asyncio
async def test_bomb_has_none_and_is_tried_once(decoded: list[int]) -> None:
    async with gallery() as there:
        key = await there.uploaded(huge_png(60_000, 60_000))
        assert [await there.of(key) for _ in range(3)] == [None] * 3
    assert len(decoded) == 1


@pytest.mark.subprocess
@pytest.mark.asyncio
async def test_picture_that_takes_too_long_has_none_and_is_tried_once(decoded: list[int]) -> None:
    async with gallery(decode_seconds=0.1) as there:
        # Eighty million pixels take longer than a tenth of a second anywhere.
        key = await there.uploaded(huge_png(12_000, 12_000))
        assert [await there.of(key) for _ in range(2)] == [None] * 2
    assert len(decoded) == 1


@pytest.mark.asyncio
async def test_shortage_is_none_of_the_pictures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Shortage("not enough memory")

    async with gallery() as there:
        key = await there.uploaded(PNG)
        with monkeypatch.context() as patch:
            patch.setattr(Decoders, "thumbnail", fail)
            with pytest.raises(Shortage):
                await there.of(key)
        assert await there.of(key) is not None


@pytest.mark.parametrize("error", [OSError(28, "No space left"), MemoryError()])
@pytest.mark.asyncio
async def test_thumbnail_that_cannot_be_written_is_a_shortage(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    async with gallery() as there:
        key = await there.uploaded(PNG)
        monkeypatch.setattr(Image.Image, "save", fail)
        with pytest.raises(Shortage):
            await there.of(key)


# Whose files they are, and how long.


@pytest.mark.asyncio
async def test_file_whose_url_is_dead_still_has_a_thumbnail() -> None:
    async with gallery() as there:
        key = await there.uploaded(PNG)
        await there.post("/_fake/clock", {"advance": 300_000})
        assert (await ask(there.app, path=f"/f/{key}")).status == 403
        assert await there.of(key) is not None


@pytest.mark.asyncio
async def test_file_of_another_world_has_none_even_if_it_is_cached() -> None:
    async with gallery() as there:
        key = await there.uploaded(PNG)
        assert await there.of(key) is not None
        assert await there.thumbnails.of(await there.world(OTHER_KEY), key) is None
        assert await there.of(key) is not None


@pytest.mark.asyncio
async def test_nothing_is_left_after_a_reset() -> None:
    async with gallery() as there:
        key, before = await there.uploaded(PNG), await there.world()
        assert await there.of(key) is not None
        await there.post("/_fake/reset", {})
        assert await there.of(key) is None
        assert await there.thumbnails.of(before, key) is None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "image/",
        "image/..",
        "image/../tasks/a",
        "image/1-12345678-a/b",
        "image/1-12345678-\0",
        "image/1-12345678-" + "a" * 5000,
        "task/task_01",
        "state/world",
        "image/9999999999999-12345678-a.png",
    ],
)
@pytest.mark.asyncio
async def test_key_of_no_file_has_none(key: str, tmp_path: Path) -> None:
    async with gallery(storage=f"dir:{tmp_path}") as there:
        assert await there.of(key) is None


@pytest.mark.subprocess
@pytest.mark.asyncio
async def test_results_of_tasks_have_thumbnails() -> None:
    async with gallery() as there:
        asked = {
            "model": "gpt-image-2",
            "prompt": "a cat",
            "size": "16:9",
            "metadata": {"fake_apimart": {"seconds": 0, "polls": 0}},
        }
        (created,) = (await there.post(PATH, asked))["data"]
        polled = (await ask(there.app, path=f"/v1/tasks/{created['task_id']}")).json()["data"]
        (url,) = polled["result"]["images"][0]["url"]
        made = await there.of(str(url).partition("/f/")[2])
    assert made is not None
    width, height = opened(made).size
    assert (width, abs(height - SIDE * 9 // 16) <= 2) == (SIDE, True)


# Once, and a few at a time.


@pytest.mark.asyncio
async def test_picture_that_eight_tabs_ask_for_at_once_is_made_once(decoded: list[int]) -> None:
    async with gallery() as there:
        key = await there.uploaded(PNG)
        made = await asyncio.gather(*(there.of(key) for _ in range(8)))
        again = await there.of(key)
    assert len(decoded) == 1
    assert {*made, again} == {again}
    assert again is not None


@pytest.mark.subprocess
@pytest.mark.asyncio
async def test_gallery_of_many_leaves_workers_to_clients(decoded: list[int]) -> None:
    async with gallery() as there:
        large = [JPEG + bytes(40_000) + bytes([number]) for number in range(6)]
        small = [png(8, GREY, bytes([number] * 8)) for number in range(30)]
        keys = [await there.uploaded(each) for each in (*small, *large)]
        made = await asyncio.gather(*map(there.of, keys))
    assert None not in made
    assert (len(decoded), max(decoded)) == (36, 2)


@pytest.mark.asyncio
async def test_tab_that_goes_away_does_not_keep_the_others_from_the_picture() -> None:
    async with gallery() as there:
        key = await there.uploaded(PNG)
        first, second = (asyncio.create_task(there.of(key)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second is not None


@pytest.mark.asyncio
async def test_cache_holds_no_more_than_its_bytes(decoded: list[int]) -> None:
    async with gallery() as there:
        cache: ByteCache[bytes] = ByteCache(3000)
        there.thumbnails._cache = cache
        keys = [await there.uploaded(png(8, GREY, bytes([number] * 8))) for number in range(40)]
        for key in keys:
            assert await there.of(key) is not None
        assert 0 < cache.bytes <= 3000
        await there.of(keys[-1])
        assert len(decoded) == 40
        await there.of(keys[0])
        assert len(decoded) == 41


@pytest.mark.asyncio
async def test_failures_take_bounded_memory_too() -> None:
    async with gallery() as there:
        cache: ByteCache[bytes] = ByteCache(2000)
        there.thumbnails._cache = cache
        for number in range(20):
            await there.of(await there.uploaded(PNG[:60] + bytes([number])))
        assert 0 < cache.bytes <= 2000


# The answer.


def test_answer_with_a_thumbnail_is_a_picture_and_nothing_else() -> None:
    answer = thumbnail_response(b"RIFF")
    assert (answer.status_code, answer.body) == (200, b"RIFF")
    assert dict(answer.headers) == {
        "cache-control": "private, max-age=86400, immutable",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'",
        "content-length": "4",
        "content-type": "image/webp",
    }


def test_answer_without_a_thumbnail_has_no_body_and_is_not_kept() -> None:
    answer = thumbnail_response(None)
    assert (answer.status_code, answer.body) == (404, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-type" not in answer.headers
