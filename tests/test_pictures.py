"""Results are real pictures: readable, of the requested size, and reproducible."""

from __future__ import annotations

import io
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fake_apimart.generation.models import MODELS, find_model
from fake_apimart.pictures.caption import Caption, draw_caption
from fake_apimart.pictures.compositions import style_of
from fake_apimart.pictures.drawing import Picture, draw
from fake_apimart.pictures.photos import filled, paste_strip, reference_sides
from fake_apimart.pictures.seeded import PALETTES, Colour, Palette, Seeded
from fake_apimart.pictures.sizes import InvalidSize, picture_size
from fake_apimart_storage import ObjectInfo
from fake_apimart_storage.memory import MemoryStorage, MemoryWriter
from PIL import Image, ImageDraw

from tests.conftest import StartServer
from tests.generating import create, picture_at, poll, task_id_of, upload
from tests.harness import JPEG, ServerThread
from tests.pictures import thumbnail
from tests.steps import steps_of

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


def photo(width: int, height: int, noise: int = 30) -> Image.Image:
    """Return a picture with as much noise as a photo has in bad light."""
    grain = Image.frombytes("L", (width, height), random.Random(1).randbytes(width * height))
    colours = Image.linear_gradient("L").resize((width, height))
    scene = Image.merge("RGB", (colours, colours.rotate(180), colours))
    return Image.blend(scene, Image.merge("RGB", [grain] * 3), noise / 255)


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
    "change", [{"seed": 1}, {"prompt": "other"}, {"model": "n"}, {"number": 1}, {"total": 2}]
)
def test_other_request_gives_another_picture(change: dict[str, Any]) -> None:
    assert draw(picture(**change)) != draw(picture())


def test_first_reference_fills_the_frame() -> None:
    halves = Image.new("RGB", (400, 400), "white")
    halves.paste((0, 0, 0), (0, 0, 200, 400))
    drawn = decoded(draw(picture(width=400, height=400, references=[halves]))).convert("L")
    left, right = drawn.crop((0, 0, 180, 200)), drawn.crop((220, 0, 400, 200))
    assert mean(left) < 110 < 145 < mean(right)


def test_reference_is_cropped_to_the_ratio_and_not_distorted() -> None:
    circle = Image.new("RGB", (900, 300), "black")
    ImageDraw.Draw(circle).ellipse((350, 50, 550, 250), fill="white")
    drawn = decoded(draw(picture(width=600, height=600, prompt="", references=[circle])))
    bright = drawn.convert("L").point([255 * (value > 128) for value in range(256)])
    # The caption is below.
    left, top, right, _ = bright.crop((0, 0, 600, 400)).getbbox() or (0, 0, 0, 0)
    assert (left, top, right) == pytest.approx((100, 100, 500), abs=12)


def test_further_references_are_a_strip() -> None:
    first, other = Image.new("RGB", (400, 400), "black"), Image.new("RGB", (64, 64), "gray")
    frames = [
        decoded(draw(picture(width=800, height=800, references=[first, *[other] * count])))
        for count in range(4)
    ]
    whites = [frame.convert("L").crop((0, 0, 800, 200)).histogram()[-20:] for frame in frames]
    assert [sum(each) for each in whites] == sorted(sum(each) for each in whites)
    assert sum(whites[0]) == 0 < sum(whites[1])


def test_references_are_read_no_larger_than_they_are_seen() -> None:
    assert reference_sides(1024, 1024, 1) == [1024]
    assert reference_sides(4096, 4096, 3) == [1280, 655, 655]
    assert reference_sides(20, 20, 2) == [20, 0]
    assert reference_sides(1024, 1024, 16)[9:] == [0] * 7


def mean(image: Image.Image) -> float:
    return sum(value * count for value, count in enumerate(image.histogram())) / (
        image.width * image.height
    )


STYLES = {
    "gpt-image-2": "dunes",
    "gemini-3-pro-image-preview": "orbs",
    "Nano-Banana": "orbs",
    "doubao-seedream-4-0": "ribbons",
    "flux-kontext-pro": "facets",
    "qwen-image-edit": "tiles",
    "some-model": "rings",
}


@pytest.mark.parametrize(("model", "style"), STYLES.items())
def test_family_of_the_model_is_seen(model: str, style: str) -> None:
    assert style_of(model).name == style


@pytest.mark.parametrize("model", STYLES)
def test_abstract_picture_is_smooth_in_24_bits_and_below_a_megabyte(model: str) -> None:
    for seed in range(3):
        content = draw(picture(width=1024, height=1024, model=model, seed=seed))
        assert len(content) < 1_000_000
        drawn = decoded(content)
        assert drawn.mode == "RGB"
        assert len(drawn.getcolors(1 << 20) or []) > 2000


def test_large_picture_of_a_noisy_photo_is_below_four_megabytes() -> None:
    references = [photo(1280, 1280)]
    content = draw(picture(width=4096, height=4096, references=references))
    assert len(content) < 4_000_000
    assert decoded(content).size == (4096, 4096)


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.colours[2])
def test_palette_goes_from_dark_to_light_so_that_text_can_be_read(palette: Palette) -> None:
    tones = [luminance(palette.tone(value)) for value in range(256)]
    assert tones == sorted(tones)
    # What a caption in tones is written with, on the lightest bar that there can be.
    ground, muted, ink = tones[80], tones[212], tones[255]
    assert (muted + 0.05) / (ground + 0.05) > 4
    assert (ink + 0.05) / (ground + 0.05) > 4.5


def luminance(colour: Colour) -> float:
    """Return the relative luminance, as WCAG defines it."""
    linear = [
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


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


def test_seed_of_a_text_does_not_depend_on_what_python_can_print() -> None:
    # Assigned by Unicode 15, which Python 3.11 does not know: `repr` escapes it there only.
    assert Seeded("\U0001fae8").number(0, 10**6) == 274_638


def test_even_photo_does_not_become_noise() -> None:
    grains = random.Random(1).choices((200, 201, 202), k=400 * 400)
    even = Image.frombytes("L", (400, 400), bytes(grains)).convert("RGB")
    tones = filled((400, 400), even, even, is_smooth=False).tobytes()
    assert max(tones) - min(tones) < 16


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1)])
def test_style_is_seen_through_a_photo_of_a_pixel(size: tuple[int, int]) -> None:
    content = draw(picture(references=[Image.new("RGB", size, "red")]))
    shown = decoded(content).convert("L").crop((0, 0, 320, 60))
    assert len(shown.getcolors() or ()) > 8


def test_white_frames_are_seen_on_a_white_photo() -> None:
    canvas = Image.new("L", (1024, 1024), 255)
    paste_strip(canvas, [Image.new("RGB", (160, 160), "white")], 2)
    assert min(canvas.tobytes()) < 200


def test_name_written_from_the_right_stays_left_of_the_number() -> None:
    def near_the_number(model: str) -> bytes:
        canvas = Image.new("RGB", (1024, 1024), "white")
        draw_caption(canvas, Caption(model, "", 15, 15))
        return canvas.crop((850, 900, 1024, 1024)).tobytes()

    assert near_the_number("\u05e9\u05dc\u05d5\u05dd") == near_the_number("m")


@pytest.mark.parametrize("text", ["\u0e33", "i", "\u05d0(", "a\u0301"])
def test_long_name_is_laid_out_in_steps_that_grow_no_faster_than_it(text: str) -> None:
    canvas = Image.new("RGB", (4096, 128), "white")

    def steps(length: int) -> int:
        caption = Caption(text * length, "", 15, 15)
        return steps_of(lambda: draw_caption(canvas, caption))

    assert steps(10_000) < 10 * steps(1000)


@pytest.mark.parametrize("model", ["gpt", "gemini", "seedream", "flux", "qwen", "m"])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300), (300, 1), (16, 16)])
def test_each_style_ends_in_a_tiny_picture(model: str, size: tuple[int, int]) -> None:
    content = draw(picture(model=model, width=size[0], height=size[1]))
    assert decoded(content).size == size
