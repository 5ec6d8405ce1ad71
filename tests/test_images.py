"""Image files: the first picture decodes whatever is around it, in its own colours and upright."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from fake_apimart.images.decoding import TooManyPixels, decode
from fake_apimart.images.decoding import read as read_picture
from fake_apimart.images.exif import orientation_of
from fake_apimart.images.picture_file import BrokenPicture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.harness import DATA, JPEG, PNG, RECORDED
from tests.pictures import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    SIDE,
    TRUE_COLOUR,
    TRUE_COLOUR_ALPHA,
    chunk,
    damaged,
    decodes,
    exif,
    jpeg_of_scans,
    lossless_jpeg,
    png,
    saved,
    segment,
    thumbnail,
    upright_size,
    ycck_jpeg,
)

PICTURES = DATA / "pictures"
SAMPLES = RECORDED / "mime"
RED_OR_BLUE = chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255]))


def transparent(*values: int) -> bytes:
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


def webp(**options: Any) -> bytes:
    return saved(Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0)), "WEBP", **options)


def gif(**options: Any) -> bytes:
    image = Image.new("P", (SIDE, SIDE), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    return saved(image, "GIF", **options)


WHITE = (255, 255, 255)
COLOURS = {
    "grey, 1 bit": (png(1, GREY, b"\xff"), WHITE),
    "grey, 1 bit, transparent": (png(1, GREY, b"\0", transparent(0)), WHITE),
    "grey, 2 bits": (png(2, GREY, b"\xaa" * 2), (170, 170, 170)),
    "grey, 2 bits, transparent": (png(2, GREY, b"\x55" * 2, transparent(1)), WHITE),
    "grey, 4 bits": (png(4, GREY, b"\x55" * 4), (85, 85, 85)),
    "grey, 4 bits, transparent": (png(4, GREY, b"\x55" * 4, transparent(5)), WHITE),
    "grey, 4 bits, another is transparent": (png(4, GREY, b"\x55" * 4, transparent(6)), (85,) * 3),
    "grey, 8 bits": (png(8, GREY, b"\x30" * 8), (48, 48, 48)),
    "grey, 8 bits, transparent": (png(8, GREY, b"\x30" * 8, transparent(48)), WHITE),
    "grey, 16 bits": (png(16, GREY, b"\x80\x10" * 8), (128, 128, 128)),
    "grey, 16 bits, transparent": (png(16, GREY, b"\x80\x10" * 8, transparent(0x8010)), WHITE),
    "grey, 16 bits, one beside it": (
        png(16, GREY, b"\x80\x10" * 8, transparent(0x8011)),
        (128,) * 3,
    ),
    "grey and alpha": (png(8, GREY_ALPHA, b"\0\x80" * 8), (127, 127, 127)),
    "grey and alpha, 16 bits": (png(16, GREY_ALPHA, b"\0\0\0\0" * 8), WHITE),
    "colour": (png(8, TRUE_COLOUR, b"\x10\x20\x30" * 8), (16, 32, 48)),
    "colour, transparent": (png(8, TRUE_COLOUR, b"\1\2\3" * 8, transparent(1, 2, 3)), WHITE),
    "colour, 16 bits": (png(16, TRUE_COLOUR, b"\x10\0\x20\0\x30\0" * 8), (16, 32, 48)),
    "colour, 16 bits, transparent": (
        png(16, TRUE_COLOUR, b"\1\0\2\0\3\0" * 8, transparent(256, 512, 768)),
        WHITE,
    ),
    "colour and alpha": (png(8, TRUE_COLOUR_ALPHA, b"\xff\0\0\x80" * 8), (255, 127, 127)),
    "colour and alpha, 16 bits": (png(16, TRUE_COLOUR_ALPHA, b"\0" * 64), WHITE),
    "palette, 1 bit": (png(1, PALETTE, b"\xff", RED_OR_BLUE), (0, 0, 255)),
    "palette, 8 bits": (png(8, PALETTE, b"\1" * 8, RED_OR_BLUE), (0, 0, 255)),
    "palette, transparent": (
        png(8, PALETTE, b"\1" * 8, RED_OR_BLUE, chunk(b"tRNS", b"\xff\0")),
        WHITE,
    ),
    "palette, half transparent": (
        png(4, PALETTE, b"\x11" * 4, RED_OR_BLUE, chunk(b"tRNS", b"\xff\x80")),
        (127, 127, 255),
    ),
    "palette, beyond it": (png(8, PALETTE, b"\xc8" * 8, RED_OR_BLUE), (0, 0, 0)),
    "GIF": (gif(), (0, 0, 255)),
    "GIF, transparent": (gif(transparency=1), WHITE),
    "WebP, transparent": (webp(), WHITE),
    "WebP, lossless, transparent": (webp(lossless=True), WHITE),
    "CMYK": (saved(Image.new("CMYK", (SIDE, SIDE), (255, 0, 0, 0)), "JPEG"), (0, 255, 255)),
    "CMYK, black": (saved(Image.new("CMYK", (SIDE, SIDE), (0, 0, 0, 255)), "JPEG"), (0, 0, 0)),
    "YCCK": (ycck_jpeg((0, 255, 255)), (128, 0, 0)),
}


@pytest.mark.parametrize("name", COLOURS)
def test_picture_has_its_own_colours_and_a_light_ground(name: str) -> None:
    content, colour = COLOURS[name]
    small = thumbnail(content, SIDE)
    assert (small.mode, small.size) == ("RGB", (SIDE, SIDE))
    pixel = small.getpixel((SIDE // 2, SIDE // 2))
    assert isinstance(pixel, tuple)
    assert all(abs(ours - right) <= 3 for ours, right in zip(pixel, colour, strict=True)), pixel


def test_image_that_leaves_its_screen_free_is_seen_on_a_light_ground() -> None:
    content = bytearray(gif())
    descriptor = content.index(b",")
    content[6:10] = struct.pack("<HH", 2 * SIDE, 2 * SIDE)
    content[descriptor + 1 : descriptor + 5] = struct.pack("<HH", SIDE, SIDE)
    small = thumbnail(bytes(content), 2 * SIDE)
    assert (small.getpixel((2, 2)), small.getpixel((12, 12))) == (WHITE, (0, 0, 255))


def test_ramp_of_16_bits_stays_a_ramp() -> None:
    greys = rows(thumbnail((PICTURES / "grey16_ramp.png").read_bytes(), 64))[16]
    assert (greys[0] < 8, greys[-1] > 247) == (True, True)
    assert greys == sorted(set(greys))


def test_disc_on_a_transparent_ground_stays_a_disc() -> None:
    small = thumbnail((PICTURES / "ink_la.png").read_bytes(), 96)
    assert (small.getpixel((2, 2)), small.getpixel((48, 48))) == (WHITE, (0, 0, 0))


def numbered(width: int = 4, height: int = 2) -> Image.Image:
    """Return a picture whose pixels are all different."""
    image = Image.new("L", (width, height))
    image.putdata(range(0, 240, 240 // (width * height)))
    return image


# What the picture above looks like once it is turned, row by row.
TURNED = {
    1: [[0, 30, 60, 90], [120, 150, 180, 210]],
    2: [[90, 60, 30, 0], [210, 180, 150, 120]],
    3: [[210, 180, 150, 120], [90, 60, 30, 0]],
    4: [[120, 150, 180, 210], [0, 30, 60, 90]],
    5: [[0, 120], [30, 150], [60, 180], [90, 210]],
    6: [[120, 0], [150, 30], [180, 60], [210, 90]],
    7: [[210, 90], [180, 60], [150, 30], [120, 0]],
    8: [[90, 210], [60, 180], [30, 150], [0, 120]],
}


def rows(image: Image.Image) -> list[list[int]]:
    data = image.getchannel("R").tobytes()
    return [list(data[at : at + image.width]) for at in range(0, len(data), image.width)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "JPEG"])
def test_orientation_is_honoured(format_name: str, orientation: int, order: str) -> None:
    metadata = exif(orientation, order)
    if format_name == "JPEG":
        metadata = b"Exif\0\0" + metadata
        content = saved(numbered().resize((64, 32), 0), "JPEG", exif=metadata, quality=100)
    else:
        content = saved(numbered().convert("RGB"), format_name, exif=metadata, lossless=True)
    seen = TURNED[orientation]
    scale = 16 if format_name == "JPEG" else 1
    assert upright_size(content) == (len(seen[0]) * scale, len(seen) * scale)
    small = rows(thumbnail(content, 4))
    assert all(
        abs(ours - right) < 25
        for line, seen_line in zip(small, seen, strict=True)
        for ours, right in zip(line, seen_line, strict=True)
    ), small


def test_orientation_behind_the_pixels_is_honoured() -> None:
    behind = chunk(b"eXIf", exif(6))
    assert upright_size(png(8, GREY, b"\0" * 9, size=(9, 5), behind=behind)) == (5, 9)


def test_first_exif_of_a_jpeg_counts() -> None:
    plain = saved(Image.new("RGB", (64, 32)), "JPEG")
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    turned, upright = (segment(0xE1, b"Exif\0\0" + exif(value)) for value in (6, 1))
    for segments, size in (
        (xmp + turned, (32, 64)),
        (turned + upright, (32, 64)),
        (upright + turned, (64, 32)),
    ):
        assert upright_size(plain[:2] + segments + plain[2:]) == size


BROKEN_EXIF = [
    b"",
    b"II*\0",
    b"XX*\0" + exif(6)[4:],
    exif(0),
    exif(9),
    exif(6)[:-9],
    b"II*\0\xff\xff\xff\xff",
    b"II*\0\x08\0\0\0\xff\xff",
]


@pytest.mark.parametrize("metadata", BROKEN_EXIF, ids=range(len(BROKEN_EXIF)))
def test_broken_exif_is_no_error(metadata: bytes) -> None:
    content = png(8, GREY, b"\0" * 9, chunk(b"eXIf", metadata), size=(9, 5))
    assert upright_size(content) == (9, 5)
    behind_start = segment(0xE1, b"Exif\0\0" + metadata)
    assert upright_size(JPEG[:2] + behind_start + JPEG[2:]) == (32, 32)


@given(st.binary(max_size=80) | st.binary(max_size=40).map(lambda data: exif(6)[:10] + data))
def test_any_exif_has_an_orientation(metadata: bytes) -> None:
    assert orientation_of(metadata) in range(1, 9)


def read(name: str) -> bytes:
    return (PICTURES / name).read_bytes()


A_JPEG = saved(Image.new("RGB", (64, 48), "red"), "JPEG")
A_PHOTO = saved(Image.effect_noise((64, 48), 90), "JPEG")
A_PROGRESSIVE = saved(Image.effect_noise((64, 48), 90), "JPEG", progressive=True)
A_RESTARTED = saved(Image.effect_noise((64, 48), 90), "JPEG", restart_marker_blocks=4)
LAST_TABLE = A_JPEG.rindex(b"\xff\xc4")
A_GIF = (SAMPLES / "gif-animated.gif").read_bytes()
A_WEBP = (SAMPLES / "webp-animated.webp").read_bytes()
AN_APNG = (SAMPLES / "apng.png").read_bytes()
LONG_TEXT = chunk(b"tEXt", b"Comment\0" + b"x" * 3 * 2**20)
LONG_PROFILE = chunk(b"iCCP", b"ICC\0\0" + zlib.compress(bytes(2**21)))
TWO_FRAMES = [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("red", "blue")]
WEBP_FRAMES = saved(TWO_FRAMES[0], "WEBP", save_all=True, append_images=TWO_FRAMES[1:])

WHOLE = {
    "compressed text above a megabyte": read("big_ztxt.png"),
    "much text": png(8, GREY, b"\0" * 8, *[LONG_TEXT] * 4),
    "text behind the pixels": png(8, GREY, b"\0" * 8, behind=LONG_TEXT),
    "compressed text that does not unpack": png(8, GREY, b"\0" * 8, chunk(b"zTXt", b"a\0\0xx")),
    "international text without an end": png(8, GREY, b"\0" * 8, chunk(b"iTXt", b"a")),
    "profile above a megabyte": png(8, TRUE_COLOUR, b"\0" * 24, LONG_PROFILE),
    "profile that does not unpack": png(8, GREY, b"\0" * 8, chunk(b"iCCP", b"a\0\0xx")),
    "short ancillary chunks": png(
        8, GREY, b"\0" * 8, *[chunk(name, b"") for name in (b"gAMA", b"cHRM", b"pHYs", b"acTL")]
    ),
    "broken frame of an APNG": png(8, GREY, b"\0" * 8, behind=chunk(b"fdAT", b"\0\0\0\1xx")),
    "67 megapixels": read("pixels_67m.png"),
    "lossless JPEG": lossless_jpeg(600, 400),
    "lossless JPEG of several rows": lossless_jpeg(64, 48),
    "second picture of an MPF cut off": read("mpf_cut.jpg"),
    "junk behind a JPEG": A_JPEG + b"\xff\xd8\xff junk",
    "JPEG with a broken MPF": A_JPEG[:2] + segment(0xE2, b"MPF\0II*\0xx") + A_JPEG[2:],
    "JPEG with a broken profile": A_JPEG[:2] + segment(0xE2, b"ICC_PROFILE\0\2\1") + A_JPEG[2:],
    "JPEG with a broken Photoshop segment": A_JPEG[:2]
    + segment(0xED, b"Photoshop 3.0\0x")
    + A_JPEG[2:],
    "JPEG with empty segments": A_JPEG[:2]
    + b"".join(segment(m, b"") for m in range(0xE0, 0xF0))
    + A_JPEG[2:],
    "JPEG with bytes between segments": A_JPEG[:20] + b"\0ab" + A_JPEG[20:],
    "GIF without a trailer": gif()[:-1],
    "GIF whose second frame is cut off": A_GIF[: A_GIF.rindex(b",") + 12],
    "GIF with junk behind its first frame": gif()[:-1] + b"junk",
    "WebP whose second frame is cut off": WEBP_FRAMES[:-9],
    "WebP with junk": (SAMPLES / "webp-lossy.webp").read_bytes() + b"junk",
    "progressive JPEG": A_PROGRESSIVE,
    "progressive JPEG in colour": saved(
        Image.effect_noise((99, 53), 90).convert("RGB"), "JPEG", progressive=True
    ),
    "progressive JPEG with restart markers": saved(
        Image.new("RGB", (99, 53), "red"), "JPEG", progressive=True, restart_marker_blocks=3
    ),
    "JPEG with restart markers": A_RESTARTED,
    "interlaced GIF": saved(Image.effect_noise((99, 53), 90), "GIF", interlace=1),
    "GIF of many codes": saved(Image.effect_noise((299, 153), 90), "GIF"),
    "PNG with junk": PNG + b"junk",
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_decodes_is_not_called_broken(name: str) -> None:
    assert decodes(WHOLE[name])
    assert max(thumbnail(WHOLE[name], 64).size) <= 64


def without_end(content: bytes) -> bytes:
    return content[: content.rindex(b"IEND") - 4]


BROKEN = {
    "PNG without IEND": without_end(PNG),
    "PNG with a wrong checksum of text": PNG[:33] + LONG_TEXT[:-1] + b"\0" + PNG[33:],
    "PNG of too few pixels": (SAMPLES / "png-too-little-pixel-data.png").read_bytes(),
    "PNG of too many pixels": png(8, GREY, b"\0" * 9),
    "PNG with chunks out of order": png(8, PALETTE, b"\0" * 8),
    "JPEG without an end": A_JPEG[:-2],
    "JPEG cut in half, with an end": A_PHOTO[: len(A_PHOTO) // 2] + b"\xff\xd9",
    "progressive JPEG cut, with an end": A_PROGRESSIVE[: len(A_PROGRESSIVE) - 40] + b"\xff\xd9",
    "JPEG without its restart markers": A_RESTARTED.replace(b"\xff\xd1", b""),
    "JPEG with a restart marker too many": A_RESTARTED.replace(b"\xff\xd1", b"\xff\xd2"),
    "JPEG without a Huffman table": A_JPEG[: A_JPEG.index(b"\xff\xc4")] + A_JPEG[LAST_TABLE:],
    "GIF of too few pixels": gif().replace(b"\x08\x00\x08\x00", b"\x08\x00\x09\x00"),
    "JPEG cut in half": A_JPEG[: len(A_JPEG) // 2],
    "main picture of an MPF cut off": read("mpf_cut.jpg")[:400],
    "lossless JPEG cut in half": lossless_jpeg(64, 48)[:500],
    "GIF cut in its first frame": A_GIF[: A_GIF.index(b",") + 14],
    "GIF without a frame": A_GIF[:13],
    "WebP cut in its first frame": WEBP_FRAMES[:70],
    "APNG cut in its first frame": AN_APNG[: AN_APNG.index(b"IDAT") + 9],
    "nothing": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_cut_or_malformed_first_picture_is_broken(name: str) -> None:
    assert not decodes(BROKEN[name])
    with pytest.raises(BrokenPicture):
        thumbnail(BROKEN[name], 64)


def test_up_to_100_scans_are_decoded() -> None:
    assert decodes(jpeg_of_scans(100))
    with pytest.raises(BrokenPicture, match="more than 100 scans"):
        upright_size(jpeg_of_scans(101))


def test_hundreds_of_frames_are_no_more_than_the_first() -> None:
    frames = [Image.new("P", (SIDE, SIDE), number % 2) for number in range(500)]
    for frame in frames:
        frame.putpalette([255, 0, 0, 0, 0, 255])
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(content) == decode(saved(frames[0], "GIF"))


def test_memory_that_decoding_takes_is_known_before() -> None:
    for content, pixel_bytes in (
        (A_PHOTO, 1),
        (A_PROGRESSIVE, 6),
        (lossless_jpeg(64, 48), 6),
        (PNG, 4),
        (webp(), 16),
        (gif(), 4),
    ):
        file = read_picture(content)
        assert file.memory == file.size[0] * file.size[1] * pixel_bytes


@pytest.mark.parametrize("size", [(20_000, 10_001), (60_000, 60_000)])
def test_more_than_200_megapixels_are_not_decoded_nor_called_broken(size: tuple[int, int]) -> None:
    content = png(1, GREY, b"", size=(size[0], 1)).replace(
        chunk(b"IHDR", struct.pack(">IIBBBBB", size[0], 1, 1, GREY, 0, 0, 0)),
        chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 1, GREY, 0, 0, 0)),
    )
    assert decodes(content)
    with pytest.raises(TooManyPixels, match=f"^{size[0] * size[1]} pixels are more than 200000000"):
        upright_size(content)


def test_200_megapixels_are_decoded() -> None:
    content = png(1, GREY, b"\0" * 2500, size=(20_000, 10_000))
    assert upright_size(content) == (20_000, 10_000)


@pytest.mark.subprocess
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_large_jpeg_takes_little_time_and_memory() -> None:
    large = saved(Image.new("L", (12_000, 9_000), 90), "JPEG")
    program = (
        "import json, re, sys, time\n"
        "from fake_apimart.images.decoding import decode\n"
        "content, start = sys.stdin.buffer.read(), time.process_time()\n"
        "size = decode(content, 200).size, decode(content).size\n"
        "memory = re.search('VmHWM:\\\\s+(\\\\d+)', open('/proc/self/status').read())[1]\n"
        "print(json.dumps([size, time.process_time() - start, int(memory)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=large, capture_output=True, check=True
    )
    size, seconds, kilobytes = json.loads(done.stdout)
    assert size == [[200, 150], [12_000, 9_000]]
    assert seconds < 4
    assert kilobytes < 300_000


@given(damaged())
def test_damage_raises_nothing_but_what_is_said(content: bytes) -> None:
    try:
        size = upright_size(content)
    except BrokenPicture:
        assert not decodes(content)
    except TooManyPixels:
        assert decodes(content)
    else:
        assert min(size) > 0
        assert min(thumbnail(content, 16).size) > 0
