"""What is expected of a value or a text, and what is as expected."""

from __future__ import annotations

from typing import Any

import pytest
from fake_apimart.cases.matching import differences
from fake_apimart.cases.placeholders import filled, is_kind, kinds_in, match_text, match_value

RID = "20260919182056471923385yBRUUrTx"
UUID = "0b6a1f6e-3c1f-4b7e-9d2a-5f0e8c7b6a59"
TASK = "task_01KT48E134GCG3W870HKHPVMNA"
DATE = "Sat, 19 Sep 2026 10:20:56 GMT"


def found(expected: Any, received: Any, names: dict[str, Any] | None = None) -> list[str]:
    """Return where something is not as expected."""
    given = {} if names is None else names
    return [each.place for each in differences(expected, received, given, "body")]


@pytest.mark.parametrize(
    ("expected", "received"),
    [
        (None, None),
        (True, True),
        (1, 1),
        (0.5, 0.5),
        ("a", "a"),
        ("", ""),
        ([], []),
        ({}, {}),
        ([1, "a", None], [1, "a", None]),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ({"a": 1, "<more>": None}, {"a": 1}),
        ({"a": 1, "<more>": None}, {"a": 1, "b": 2, "c": None}),
        ({"<each>": "<integer>"}, [1]),
        ({"<each>": {"id": "<integer>", "<more>": None}}, [{"id": 1}, {"id": 2, "b": 3}]),
        ({"<each>": "<integer n>"}, [1, 2]),
        ({"<some>": 2}, [1, 2, 3]),
        ({"<one of>": ["pending", "processing"]}, "processing"),
        ({"<one of>": [1, {"a": "<list>"}]}, {"a": []}),
        ("<integer>", 0),
        ("<number>", 0),
        ("<number>", 0.5),
        ("<boolean>", False),
        ("<string>", ""),
        ("<list>", []),
        ("<object>", {}),
        ("<value>", None),
        ("<value>", "text"),
    ],
)
def test_what_is_as_expected(expected: Any, received: Any) -> None:
    assert found(expected, received) == []


@pytest.mark.parametrize(
    ("expected", "received", "places"),
    [
        (None, False, ["body"]),
        (None, "null", ["body"]),
        (True, 1, ["body"]),
        (1, True, ["body"]),
        (1, 1.0, ["body"]),
        (1.0, 1, ["body"]),
        (0, -1, ["body"]),
        (1, "1", ["body"]),
        ("1", 1, ["body"]),
        ("a", "A", ["body"]),
        ("a", "a\n", ["body"]),
        ("a", None, ["body"]),
        ([], {}, ["body"]),
        ({}, [], ["body"]),
        ([], None, ["body"]),
        ([1], [], ["body"]),
        ([1], [1, 1], ["body"]),
        ([1, 2], [2, 1], ["body[0]", "body[1]"]),
        ({"a": 1}, {}, ["body.a"]),
        ({"a": None}, {}, ["body.a"]),
        ({}, {"a": None}, ["body.a"]),
        ({"a": 1}, {"A": 1}, ["body.a", "body.A"]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["body.a.b[1]"]),
        ({"a": 1, "<more>": None}, {"b": 2}, ["body.a"]),
        ({"<each>": 1}, [], ["body"]),
        ({"<each>": 1}, {}, ["body"]),
        ({"<each>": 1}, [1, 2, 1, 3], ["body[1]", "body[3]"]),
        ({"<some>": 4}, [1, 2, 3], ["body"]),
        ({"<some>": "<value>"}, [], ["body"]),
        ({"<some>": "a"}, "a", ["body"]),
        ({"<one of>": ["pending", "processing"]}, "running", ["body"]),
        ({"<one of>": []}, "running", ["body"]),
        ("<integer>", True, ["body"]),
        ("<integer>", 1.0, ["body"]),
        ("<integer>", "1", ["body"]),
        ("<integer>", None, ["body"]),
        ("<number>", "0.5", ["body"]),
        ("<number>", False, ["body"]),
        ("<boolean>", 0, ["body"]),
        ("<boolean>", None, ["body"]),
        ("<string>", 1, ["body"]),
        ("<list>", {}, ["body"]),
        ("<object>", [], ["body"]),
        ("<text>", "", ["body"]),
        ("<any>", None, ["body"]),
        ("<digits>", 1, ["body"]),
        ("n: <integer>", "n: 1", ["body"]),
    ],
)
def test_what_is_not_as_expected(expected: Any, received: Any, places: list[str]) -> None:
    assert found(expected, received) == places


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("<any>", ""),
        ("<any>", "a\nb"),
        ("a<text>b", "a\nb"),
        ("<word>", "a-b.c"),
        ("<digits>", "007"),
        ("<digits13>", "9999999999999"),
        ("<digits16>", "9999999999999999"),
        ("<hex8>", "a1b2c3d4"),
        ("<uuid4>", UUID),
        ("<request_id>", RID),
        ("<request_id>", "202609191820560yBRUUrTx"),
        ("<task_id>", TASK),
        ("<date>", DATE),
        ("<decimal>", "0.013570"),
        ("<url>", "https://a/b?c"),
        ("<origin>/x", "http://a:1/x"),
        ("<etag>", '"a"'),
        ("invalid (request id: <request_id>)", f"invalid (request id: {RID})"),
        ("a.b*", "a.b*"),
        ("<b>", "<b>"),
        ('<a href="/">', '<a href="/">'),
        ("{unknown}", "{unknown}"),
    ],
)
def test_texts_of_a_kind(pattern: str, text: str) -> None:
    assert match_text(pattern, text, {})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a.b", "axb"),
        ("a", "a\n"),
        ("a<any>", "A"),
        ("<text>", ""),
        ("<word>", "a b"),
        ("<word>", "a/b"),
        ("<digits>", "1.0"),
        ("<digits>", "-1"),
        ("<digits>", "٣"),
        ("<digits13>", "99999999999999"),
        ("<digits13>", "999999999999"),
        ("<digits16>", "999999999999999"),
        ("<hex8>", "A1B2C3D4"),
        ("<hex8>", "a1b2c3d"),
        ("<uuid4>", UUID.upper()),
        ("<uuid4>", UUID.replace("-", "")),
        ("<uuid4>", UUID.replace("4b7e", "1b7e")),
        ("<request_id>", RID[:-1] + "-"),
        ("<request_id>", RID[2:]),
        ("<request_id>", f"req_{RID}"),
        ("<request_id>", "2026091918205600471923yBRUUrTx"),
        ("<request_id>", "202609191820561234567890yBRUUrTx"),
        ("<task_id>", TASK.lower()),
        ("<task_id>", TASK[:-1]),
        ("<task_id>", f"{TASK}0"),
        ("<task_id>", f"{TASK[:-1]}U"),
        ("<decimal>", "0.01357"),
        ("<url>", "/f/image/x"),
        ("<url>", "https://a"),
        ("<etag>", "a"),
        ("<etag>", 'W/"a"'),
        ("<date>", "Sun, 19 Sep 2026 10:20:56 GMT"),
        ("<date>", "Sat, 19 Spt 2026 10:20:56 GMT"),
        ("<date>", "Sat, 19 Sep 2026 25:20:56 GMT"),
        ("<date>", "Thu, 31 Sep 2026 10:20:56 GMT"),
        ("<date>", "Sat, 19 Sep 2026 10:20:56 UTC"),
        ("<date>", "2026-09-19T10:20:56Z"),
        ("<date>", f"{DATE}, {DATE}"),
    ],
)
def test_texts_of_no_such_kind(pattern: str, text: str) -> None:
    assert not match_text(pattern, text, {})


@pytest.mark.parametrize(
    ("pattern", "text", "names"),
    [
        ("<digits n>", "007", {"n": "007"}),
        ("<digits a>-<hex8 b>-x", "1-a1b2c3d4-x", {"a": "1", "b": "a1b2c3d4"}),
        ("<digits a>/<digits a>", "12/12", {"a": "12"}),
        ("<origin o>/f/<text rest>", "http://h/f/a/b", {"o": "http://h", "rest": "a/b"}),
    ],
)
def test_texts_get_their_names(pattern: str, text: str, names: dict[str, str]) -> None:
    given: dict[str, Any] = {}
    assert match_text(pattern, text, given)
    assert given == names


def test_the_same_name_is_the_same_text() -> None:
    assert not match_text("<digits a>/<digits a>", "12/13", {})
    assert not match_text("<request_id rid>", RID, {"rid": "another"})
    assert match_text("{base}/<digits>", "http://h/1", {"base": "http://h"})
    assert not match_text("{base}/<digits>", "http://i/1", {"base": "http://h"})


@pytest.mark.parametrize(("known", "received"), [(1, 1.0), (1, True), (0, False), ("1", 1)])
def test_the_same_name_is_the_same_type(known: object, received: object) -> None:
    assert not match_value("<value x>", received, {"x": known})
    assert match_value("<value x>", known, {"x": known})


def test_what_a_server_said_is_no_pattern() -> None:
    assert not match_text("{url}", "http://a/b", {"url": "http://a/<any>"})
    assert match_text("{url}", "http://a/<any>", {"url": "http://a/<any>"})
    assert not match_text("{a}", "x", {"a": "{b}", "b": "x"})


def test_names_are_given_by_what_is_taken_alone() -> None:
    names: dict[str, Any] = {}
    pattern = {"<one of>": [{"a": "<integer x>", "b": 1}, {"a": "<integer x>", "b": 2}]}
    assert found(pattern, {"a": 5, "b": 2}, names) == []
    assert names == {"x": 5}
    assert found({"<each>": {"id": "<text id>"}}, [{"id": "a"}, {"id": "b"}], names) == []
    assert "id" not in names


def test_differences_say_both_values() -> None:
    (each,) = differences({"a": "<integer>"}, {"a": "无"}, {}, "body")
    assert each == ("body.a", '"<integer>"', '"无"')


def test_names_stand_in_texts() -> None:
    assert filled("{a}/{b}/{A}", {"a": 1, "A": 2}) == "1/{b}/{A}"
    assert kinds_in("a <digits n> <nothing> <A>") == ["digits", "nothing"]
    assert [is_kind(each) for each in ("digits", "integer", "nothing")] == [True, True, False]
