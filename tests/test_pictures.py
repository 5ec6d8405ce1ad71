"""Results are real pictures: readable, of the requested size, and reproducible."""

from __future__ import annotations

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fake_apimart.generation.models import MODELS, find_model
from fake_apimart.pictures.drawing import Picture, draw
from fake_apimart.pictures.sizes import InvalidSize, picture_size
from fake_apimart_storage import ObjectInfo
from fake_apimart_storage.memory import MemoryStorage, MemoryWriter
from PIL import Image

from tests.conftest import StartServer
from tests.generating import create, picture_at, poll, task_id_of, upload
from tests.harness import JPEG, ServerThread
from tests.pictures import thumbnail

GEMINI = MODELS[0]
ANY = find_model("some-model", ())
THUMBNAIL = thumbnail(JPEG, 36)
CHINESE = "将这张照片转换为吉卜力动画风格"


def decoded(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def picture(**changes: Any) -> Picture:
    return Picture(320, 200, "m", CHINESE, "png", None, 0)._replace(**changes)


SIZES = [
    ("1:1", "1k", (1024, 1024)),
    ("1:1", "2k", (2048, 2048)),
    ("1:1", "4k", (4096, 4096)),
    ("16:9", "1k", (1360, 768)),
    ("9:16", "1k", (768, 1360)),
    ("16:9", "4k", (5456, 3072)),
    ("21:9", "1k", (1568, 672)),
    ("auto", "1k", (1024, 1024)),
    ("1024x1024", "4k", (1024, 1024)),
    ("1x4096", "1k", (1, 4096)),
    ("333x777", "2k", (333, 777)),
]


@pytest.mark.parametrize(("size", "resolution", "pixels"), SIZES)
def test_size_is_the_one_asked_for(size: str, resolution: str, pixels: tuple[int, int]) -> None:
    assert picture_size(size, resolution, GEMINI.ratios, None) == pixels


@pytest.mark.parametrize(
    ("reference", "pixels"),
    [((400, 400), (1024, 1024)), ((1600, 900), (1360, 768)), ((10_000, 1), (2896, 368))],
)
def test_auto_follows_the_first_reference(
    reference: tuple[int, int], pixels: tuple[int, int]
) -> None:
    assert picture_size("auto", "1k", GEMINI.ratios, reference) == pixels


@pytest.mark.parametrize("ratio", ["1:8", "8:1", "7:9", "13:11"])
def test_unknown_model_takes_any_ratio_within_reason(ratio: str) -> None:
    width, height = picture_size(ratio, "1k", ANY.ratios, None)
    assert abs(width * height / 2**20 - 1) < 0.05


@pytest.mark.parametrize(
    "size", ["1:9", "9:1", "0:1", "1:0", "4097x1", "x", "1:1:1", "", "\u0661:\u0661"]
)
def test_invalid_size_is_refused(size: str) -> None:
    with pytest.raises(InvalidSize, match="size"):
        picture_size(size, "1k", ANY.ratios, None)


@pytest.mark.parametrize(
    ("output_format", "name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")]
)
def test_picture_decodes_in_every_format(output_format: str, name: str) -> None:
    image = decoded(draw(picture(output_format=output_format)))
    assert (image.format, image.size) == (name, (320, 200))


@pytest.mark.parametrize("size", [(1, 1), (1, 4096), (4096, 1), (16, 16), (40, 300)])
def test_tiny_picture_is_drawn_all_the_same(size: tuple[int, int]) -> None:
    content = draw(picture(width=size[0], height=size[1], references=[THUMBNAIL]))
    assert decoded(content).size == size


def test_same_request_gives_the_same_bytes() -> None:
    assert draw(picture(seed=7, references=[THUMBNAIL])) == draw(
        picture(seed=7, references=[THUMBNAIL])
    )


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"prompt": "other"}, {"model": "n"}, {"variation": 1}]
)
def test_other_request_gives_another_picture(change: dict[str, Any]) -> None:
    assert draw(picture(**change)) != draw(picture())


def test_references_are_seen_in_the_picture() -> None:
    red = Image.new("RGB", (36, 36), (255, 0, 0))
    with_reference = decoded(draw(picture(references=[red]))).convert("RGB")
    reds = [
        count for count, colour in with_reference.getcolors(1 << 20) or [] if colour == (255, 0, 0)
    ]
    assert sum(reds) > 500


def test_prompt_is_written_in_the_picture() -> None:
    def white(prompt: str) -> int:
        colours = decoded(draw(picture(prompt=prompt))).convert("RGB").getcolors(1 << 20) or []
        return sum(count for count, colour in colours if colour == (255, 255, 255))

    assert white("") < white("one") < white("one two three four")


def test_result_is_of_the_size_format_and_number_asked_for(start_server: StartServer) -> None:
    server = start_server(task_seconds=0)
    task_id = task_id_of(create(server, size="3:2", n=3, output_format="webp"))
    urls = [image["url"][0] for image in poll(server, task_id)["result"]["images"]]
    pictures = [picture_at(url) for url in urls]
    assert [(each.format, each.size) for each in pictures] == [("WEBP", (1248, 832))] * 3
    assert len({each.tobytes() for each in pictures}) == 3


def test_result_of_auto_follows_the_uploaded_reference(server: ServerThread) -> None:
    wide = io.BytesIO()
    Image.new("RGB", (1600, 900), "teal").save(wide, "PNG")
    url = upload(server, wide.getvalue())
    task_id = task_id_of(create(server, prompt="[fake: seconds=0]", image_urls=[{"url": url}]))
    result = poll(server, task_id)["result"]["images"][0]["url"][0]
    assert picture_at(result).size == (1360, 768)


class CountingStorage(MemoryStorage):
    """A storage that counts how often each object is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Counter[str] = Counter()

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        self.written[info.key] += 1
        return super().writer(info)


def test_picture_is_drawn_once_for_concurrent_polls(start_server: StartServer) -> None:
    storage = CountingStorage()
    server = start_server(on=storage, task_seconds=0)
    task_id = task_id_of(create(server, n=2))
    assert not any(key.startswith("image/") for key in storage.written)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: poll(server, task_id), range(24)))
    assert all(data == results[0] for data in results)
    drawn = {key: count for key, count in storage.written.items() if key.startswith("image/")}
    assert list(drawn.values()) == [1, 1]
