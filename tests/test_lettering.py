"""Text in pictures: every script as it is written, or a box with the code point; bounded."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from fake_apimart.pictures import scripts
from fake_apimart.pictures.lettering import Lettering
from fake_apimart.pictures.scripts import EAST_ASIAN, EMOJI, FONTS, LATIN, NAMES, THAI, font_of
from fake_apimart.pictures.shaping import clusters, is_right_to_left, readable, shaped, visual
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from tests.steps import steps_of

BOX_WIDTH = 600
SCRIPTS = {
    LATIN: "A cat, été, Việt Nam, Привет, Ωμέγα ἀρχή, שלום, مرحبا, © ™ → ★",
    EAST_ASIAN: "将这张照片转换为吉卜力动画风格着物の猫が傘をさす한글，。！「」",  # noqa: RUF001
    THAI: "แมวนั่งอยู่ที่ไหน",
    EMOJI: "😀🐈👍❤🚀🫠",
}


def line_of(text: str) -> str:
    """Return what is drawn of a text, from the left to the right."""
    lettering = Lettering.fitting(text, size=20, width=10_000, max_lines=1)
    return "".join(each.base + each.marks for line in lettering.lines for each in line)


def lines_of(text: str, width: float, max_lines: int = 3, size: int = 20) -> list[str]:
    lettering = Lettering.fitting(text, size=size, width=width, max_lines=max_lines)
    return ["".join(each.base + each.marks for each in line) for line in lettering.lines]


def drawn(text: str, size: int = 40) -> Image.Image:
    image = Image.new("L", (BOX_WIDTH, 3 * size))
    lettering = Lettering.fitting(text, size=size, width=BOX_WIDTH, max_lines=1)
    lettering.draw(ImageDraw.Draw(image), size, size, 255)
    return image


def ink(text: str, size: int = 40) -> tuple[int, int, int, int]:
    box = drawn(text, size).getbbox()
    assert box is not None, ascii(text)
    return box


@pytest.mark.parametrize(
    ("name", "character"),
    [(name, each) for name, text in SCRIPTS.items() for each in text.replace(" ", "")],
)
def test_character_is_drawn_by_the_font_of_its_script(name: str, character: str) -> None:
    assert font_of(character) == name


def test_listed_coverage_is_what_the_fonts_draw() -> None:
    pytest.importorskip("fontTools")
    from tools.font_coverage import coverage

    assert coverage() == scripts.COVERAGE.read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_font_stands_beside_its_licence(name: str) -> None:
    assert "Copyright" in (FONTS / f"{name}-LICENSE.txt").read_text("utf-8") or (
        "Apache License" in (FONTS / f"{name}-LICENSE.txt").read_text("utf-8")
    )


ASSIGNED = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Cn", "Zs", "Zl", "Zp"))


@settings(deadline=None)
@given(ASSIGNED)
def test_character_has_a_glyph_or_a_box_of_its_own(character: str) -> None:
    shown, _ = readable(character, 9)
    for each in shaped(shown).replace(" ", ""):
        name = font_of(each)
        if name is None:
            assert drawn(each).tobytes() != drawn("\U000f0000").tobytes() or each == "\U000f0000"
            continue
        face = ImageFont.truetype(FONTS / f"{name}.ttf", 40, layout_engine=ImageFont.Layout.BASIC)
        glyph, notdef = face.getmask(each), face.getmask("\U000f1234")
        assert glyph.getbbox() is not None, ascii(each)
        assert (glyph.size, bytes(glyph)) != (notdef.size, bytes(notdef)), ascii(each)


@pytest.mark.parametrize(
    "character", ["\u0939", "\U00020000", "\ue000", "\ud800", "\u0378", "\uffff", "\U0010ffff"]
)
def test_character_without_a_font_is_a_box_with_its_code_point(character: str) -> None:
    left, top, right, bottom = ink(character)
    image = drawn(character)
    edge = [image.getpixel((across, top)) for across in range(left, right)]
    assert edge == [255] * (right - left)
    assert image.getpixel((left, (top + bottom) // 2)) == 255
    inside = image.crop((left + 3, top + 3, right - 3, bottom - 3))
    assert inside.getbbox() is not None
    assert right < ink(character + character)[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("חתול", "לותח"),
        ("חתול (abc)", "(abc) לותח"),
        ("חתול (לבן) 12", "12 (ןבל) לותח"),
        ("חתול עם gpt-4 [x]", "gpt-4 [x] םע לותח"),
        ("abc (אבג) def", "abc (גבא) def"),
        ("Hello עולם 12", "Hello 12 םלוע"),
        ("שָׁלוֹם", "םוֹלשָׁ"),
        ("لا", "\ufefb"),
        ("مرحبا", "\ufe8e\ufe92\ufea3\ufeae\ufee3"),
        ("مرحبا (abc) 123", "123 (abc) \ufe8e\ufe92\ufea3\ufeae\ufee3"),
        ("بُ", "\ufe8f\u064f"),
        ("می\u200cخ", "\ufea5\ufbfd\ufee3"),
        ("a\u0301\u05d0", "\u00e1\u05d0"),
        ("q\u0301\u05d0", "q\u0301\u05d0"),
    ],
)
def test_text_written_from_the_right_is_in_the_order_of_sight(text: str, shown: str) -> None:
    assert line_of(text) == unicodedata.normalize("NFC", shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" a\n\n b\t\u3000c\u2028d ", "a b c d"),
        ("a\x00b\x7f\u200bc\u202ed\u2066e\ufeff", "abcde"),
        ("a\U00013430b\U0001343fc", "abc"),
        ("👍🏽❤️", "👍❤"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("🇩🇪", "DE"),
        ("1️⃣#️⃣", "1#"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4"),
        ("\u1112\u1161\u11ab", "한"),
        ("e\u0301", "é"),
        ("\u0301 x", "◌\u0301 x"),
        ("Z" + "\u0300" * 9, "Z" + "\u0300" * 3),
        ("น้ำ", "น\u0e4d\u0e49\u0e32"),
        ("น\u200b้\u200b", "น้"),
    ],
)
def test_what_shows_of_a_text_is_drawn(text: str, shown: str) -> None:
    assert line_of(text) == shown


@pytest.mark.parametrize(
    ("lower", "upper"), [("ที", "ที่"), ("ทั", "ทั้"), ("ทํ", "ทํ้"), ("ทึ", "ทึ๊"), ("é", "é\u0301")]
)
def test_mark_stands_above_the_mark_before_it(lower: str, upper: str) -> None:
    assert ink(upper)[1] < ink(lower)[1] - 4
    assert ink(upper)[3] == ink(lower)[3]


@pytest.mark.parametrize("base", "bXqאب")
def test_mark_touches_no_base(base: str) -> None:
    image = drawn(f"{base}\u0307")
    top = ink(f"{base}\u0307")[1]
    rows = [image.crop((0, row, BOX_WIDTH, row + 1)).getbbox() for row in range(top, 120)]
    first_blank = rows.index(None)
    assert 0 < first_blank < 12
    assert any(rows[first_blank:])


def test_lines_break_at_blanks() -> None:
    assert lines_of("one two three", 80) == ["one two", "three"]


def test_line_begins_with_no_closing_punctuation_and_ends_with_no_opening_one() -> None:
    assert lines_of("猫猫猫猫。犬", 80, size=20) == ["猫猫猫", "猫。犬"]
    assert lines_of("猫猫猫「犬」", 80, size=20) == ["猫猫猫", "「犬」"]


def test_thai_breaks_between_clusters() -> None:
    text = "กำลังทำอะไรอยู่ที่นี่ผู้ใหญ่" * 3
    lines = lines_of(text, 60, 99)
    assert len(lines) > 5
    assert not any(unicodedata.category(line[0]) == "Mn" or line[0] in "ะาๆ" for line in lines)
    assert not any(line[-1] in "เแโใไ" for line in lines)


def test_long_word_is_split() -> None:
    lines = lines_of("x" * 30, 100, 9)
    assert len(lines) > 2
    assert "".join(lines) == "x" * 30


@pytest.mark.parametrize("text", ["a b c d", "猫 犬 猫 犬", "א ב ג ד"])
def test_line_has_one_character_however_narrow_it_is(text: str) -> None:
    assert len(lines_of(text, 1, 9)) == 4


def test_cut_text_ends_with_an_ellipsis() -> None:
    lines = lines_of("word and more " * 99, 200)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert not any("…" in line for line in lines[:-1])
    assert lines_of("שלום עולם " * 99, 200)[-1].startswith("…")
    assert "…" not in "".join(lines_of("word and more", 200))


def test_text_that_begins_from_the_right_is_aligned_right_in_its_box() -> None:
    def edges(text: str, **where: object) -> tuple[int, int]:
        image = Image.new("L", (400, 60))
        lettering = Lettering.fitting(text, size=20, width=380, max_lines=2)
        lettering.draw(ImageDraw.Draw(image), 10, 10, 255, **where)  # type: ignore[arg-type]
        box = image.getbbox()
        assert box is not None
        return box[0], box[2]

    assert edges("abc", box_width=380)[0] < 14
    assert edges("abc", align="right", box_width=380)[1] > 385
    assert edges("שלום abc", box_width=380)[1] > 385
    assert edges("שלום abc")[0] < 14


def test_nothing_to_show_is_no_line() -> None:
    for text in ("", " \n", "\u200b\u200d", "x"):
        lettering = Lettering.fitting(text, size=20, width=100, max_lines=3 if text != "x" else 0)
        assert (lettering.lines, lettering.height, lettering.width) == ((), 0, 0)


MAX_STEPS = 20_000
HOSTILE = [
    "x" * 10_000,
    "word and more " * 720,
    "\u0301" * 10_000,
    "a" + "\u0301\u0316" * 5000,
    "\u200b" * 9_999 + "x",
    "\n" * 10_000,
    "مرحبا بالعالم " * 720,
    "שלום (abc) " * 900,
    "[" * 5000 + "א" + "]" * 5000,
    "ที่นี่" * 1700,
    "हि" * 5000,
    "👨‍👩‍👧" * 2000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:4]))
@pytest.mark.parametrize("size", [8, 28, 200])
def test_hostile_text_is_laid_out_in_bounds_and_few_steps(text: str, size: int) -> None:
    width = 40.0 * size
    lettering = Lettering.fitting(text, size=size, width=width, max_lines=3)

    def fit() -> None:
        Lettering.fitting(text, size=size, width=width, max_lines=3)

    # What grows with the square of a text would take a hundred times as many.
    assert steps_of(fit) < MAX_STEPS
    assert len(lettering.lines) <= 3
    assert lettering.width <= width
    assert lettering.height <= 3 * 1.35 * size


@settings(deadline=None)
@given(
    text=st.text(
        st.characters() | st.sampled_from(" \n([)]אבمرلا12ab\u0301\u05b8\u064e\u0e33\u0e48ก。「")  # noqa: RUF001
    ),
    size=st.integers(8, 60),
    width=st.integers(1, 500),
)
def test_any_text_is_drawn_within_its_width(text: str, size: int, width: int) -> None:
    lettering = Lettering.fitting(text, size=size, width=width, max_lines=3)
    assert len(lettering.lines) <= 3
    # One letter stands in a line that is narrower, and in the last with the ellipsis.
    long = [line for line in lettering.lines if len(line) > 2]
    assert all(dataclasses.replace(lettering, lines=(line,)).width <= width for line in long)
    assert lettering == Lettering.fitting(text, size=size, width=width, max_lines=3)
    lettering.draw(ImageDraw.Draw(Image.new("L", (600, 300))), 5, 5, 255, box_width=width)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab אבجم12([])\u0301\u05b8\u064e\u0378")))
def test_order_of_sight_loses_no_cluster(text: str) -> None:
    shown, _ = readable(text, 99)
    line = clusters(shown)
    seen = visual(line, is_right_to_left(shown))
    mirrored = str.maketrans(")]", "([")
    bases = (
        "".join(sorted("".join(each.base for each in one).translate(mirrored)))
        for one in (line, seen)
    )
    assert len(set(bases)) == 1
    assert sum(len(each.marks) for each in line) == sum(len(each.marks) for each in seen)


def test_what_few_texts_need_is_imported_for_them_alone() -> None:
    code = (
        "import sys; from fake_apimart.pictures.lettering import Lettering;"
        "Lettering.fitting('猫 cat ที่', size=9, width=99, max_lines=2);"
        "print(*(name for name in ('bidi', 'arabic_reshaper') if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == ""


def test_emoji_newer_than_python_is_ordered_as_any_other() -> None:
    # Both are of Unicode 15, which Python 3.11 does not know.
    line = clusters("\u05d0\U0001fae8\U0001fa75\u05d1")
    shown = "".join(each.base for each in visual(line, right_to_left=True))
    assert shown == "\u05d1\U0001fa75\U0001fae8\u05d0"
