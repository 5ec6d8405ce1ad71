"""The page without a browser: who may look, what answers say, what others still get."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any

import httpx
import pytest
from fake_apimart.page.rendering import TEMPLATES
from fake_apimart.page.screens import actions
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import PNG, ServerThread
from tests.worlds import created, upload

HTML = {"Accept": "text/html,application/xhtml+xml"}
ELSEWHERE = {"Host": "fake.example"}
"""What makes a request one that may have come from another machine."""
SCREENS = ("", "page/playground", "page/control", "page/reference")
TOKEN = "let me in"
WORLD = "0123456789abcdef"


def look(server: ServerThread, path: str = "", **options: Any) -> httpx.Response:
    return httpx.get(f"{server.url}/_fake/{path}", timeout=30, **options)


@pytest.mark.parametrize("path", SCREENS)
def test_screen_is_html_that_may_load_nothing_from_elsewhere(
    server: ServerThread, path: str
) -> None:
    answer = look(server, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"""\s(?:style|on[a-z]+|hx-on[^=]*)=""", answer.text)
    assert not re.search(r"<script(?![^>]* src=)|<style", answer.text)


def test_what_others_have_published_is_unchanged_and_served(server: ServerThread) -> None:
    folder = TEMPLATES.parent / "static" / "htmx"
    told = re.findall("([0-9a-f]{64})  (.+)", (folder / "SOURCE").read_text("utf-8"))
    assert {each.name for each in folder.iterdir()} == {"SOURCE", *(name for _, name in told)}
    for digest, name in told:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
        assert look(server, f"page/static/htmx/{name}").status_code == 200


def test_browser_at_the_root_is_sent_to_the_page(server: ServerThread) -> None:
    answer = httpx.get(f"{server.url}/", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (307, "/_fake/")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("GET", {"Accept": "*/*"}),
        ("GET", {**HTML, "Authorization": "Bearer k"}),
        ("POST", HTML),
        ("HEAD", HTML),
    ],
)
def test_all_others_at_the_root_get_the_vendors_404(
    server: ServerThread, method: str, headers: dict[str, str]
) -> None:
    answer = httpx.request(method, f"{server.url}/", headers=headers)
    assert answer.status_code == 404
    assert method == "HEAD" or answer.json()["error"]["message"] == f"Invalid URL ({method} /)"


def test_without_the_control_api_there_is_no_page(start_server: StartServer) -> None:
    server = start_server(control=False)
    for path in ("/", "/_fake/", "/_fake/page/control", "/_fake/page/static/page.js"):
        assert httpx.get(server.url + path, headers=HTML).status_code == 404


# Who may look


@pytest.mark.parametrize(
    "path", [*SCREENS, "page/events", "page/now", f"page/request?id=1&world={WORLD}"]
)
@pytest.mark.parametrize("headers", [ELSEWHERE, {"X-Forwarded-For": "10.0.0.1"}])
def test_who_may_be_elsewhere_is_asked_who_they_are(
    server: ServerThread, path: str, headers: dict[str, str]
) -> None:
    answer = look(server, path, headers=headers)
    assert answer.status_code == 401
    assert "Who is there?" in answer.text


@pytest.mark.parametrize("path", ["page/do/reset", "page/do/clock"])
def test_who_may_be_elsewhere_changes_nothing(server: ServerThread, path: str) -> None:
    answer = httpx.post(f"{server.url}/_fake/{path}", headers=ELSEWHERE, data={"advance": "1h"})
    assert answer.status_code == 401


def test_admin_token_signs_in_and_out(start_server: StartServer) -> None:
    server = start_server(admin_token=TOKEN)
    with httpx.Client(base_url=server.url, headers=ELSEWHERE) as browser:
        signed = browser.post("/_fake/page/sign-in", data={"token": TOKEN})
        cookie = signed.headers["set-cookie"]
        assert TOKEN not in cookie
        for said in ("HttpOnly", "SameSite=strict", "Path=/_fake/"):
            assert said in cookie
        cookies = {"fake_apimart_operator": cookie.partition("=")[2].partition(";")[0]}
        assert look(server, headers=ELSEWHERE, cookies=cookies).status_code == 200
        out = browser.post("/_fake/page/sign-out")
        assert 'fake_apimart_operator=""' in out.headers["set-cookie"]


@pytest.mark.parametrize("token", ["wrong", "", "é", TOKEN.upper()])
def test_wrong_token_is_refused(start_server: StartServer, token: str) -> None:
    server = start_server(admin_token=TOKEN)
    answer = httpx.post(
        f"{server.url}/_fake/page/sign-in", headers=ELSEWHERE, data={"token": token}
    )
    assert answer.status_code == 401
    assert "not the token of this server" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("cookie", ["", TOKEN, "0" * 64])
def test_cookie_that_proves_nothing_opens_nothing(start_server: StartServer, cookie: str) -> None:
    for token in (TOKEN, ""):
        server = start_server(admin_token=token)
        cookies = {"fake_apimart_operator": cookie}
        assert look(server, headers=ELSEWHERE, cookies=cookies).status_code == 401


def test_key_signs_in_to_its_own_world_alone(start_server: StartServer) -> None:
    server = start_server()
    mine, other = (FakeAPIMart(server.url, api_key=key) for key in ("mine", "other"))
    upload(mine, name="of-mine.jpg")
    upload(other, name="of-other.jpg")
    signed = httpx.post(f"{server.url}/_fake/page/sign-in", headers=ELSEWHERE, data={"key": "mine"})
    cookies = {"fake_apimart_key": signed.headers["set-cookie"].partition("=")[2].split(";")[0]}
    worlds = httpx.get(f"{server.url}/_fake/worlds").json()["worlds"]
    for query in ("", *(f"?world={each['world']}" for each in worlds)):
        seen = look(server, query, headers=ELSEWHERE, cookies=cookies).text
        assert "of-mine.jpg" in seen
        assert "of-other.jpg" not in seen
    assert "of-other.jpg" in look(server).text


def test_page_of_another_site_changes_nothing(server: ServerThread) -> None:
    headers = {"Origin": "http://evil.example"}
    answer = httpx.post(
        f"{server.url}/_fake/page/do/clock", headers=headers, data={"advance": "1h"}
    )
    assert answer.status_code == 403


def test_callback_of_a_fake_changes_nothing(server: ServerThread) -> None:
    headers = {"X-Fake-Callback": "1"}
    answer = httpx.post(f"{server.url}/_fake/page/do/reset", headers=headers)
    assert answer.status_code == 403


# What is shown has no secrets


def test_secrets_of_a_task_and_a_label_are_not_shown(start_server: StartServer) -> None:
    server = start_server(task_seconds=3600)
    webhook = "https://me:s3cret-of-user@hooks.example/in?token=s3cret-of-query"
    with FakeAPIMart(server.url, api_key="k", label="by Bearer s3cret-of-label") as world:
        upload(world)
        task = created(world, prompt="a https://me:s3cret-of-prompt@a.example", webhook=webhook)
        name = httpx.get(f"{server.url}/_fake/worlds").json()["worlds"][0]["world"]
        query = f"world={name}"
        paths = ("", f"?{query}", f"page/control?{query}", f"page/task?{query}&id={task}")
        seen = [look(server, path).text for path in paths]
    assert "by Bearer ***" in seen[0]
    assert "https://***@hooks.example/in?token=***" in seen[-1]
    assert [text for text in seen if "s3cret" in text] == []


# What is wrong is said


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("page/request?id=999999", 404),
        ("page/request?id=x", 404),
        ("page/request", 404),
        ("page/exchange?id=none", 404),
        (f"page/upload?world={WORLD}&name=x", 404),
        ("page/upload?name=x", 401),
        ("page/task?id=task_x", 401),
        ("page/thumbnail?name=x", 401),
        ("?world=0123456", 404),
        ("?world=xyz", 400),
        ("page/control?world=..%2F..", 400),
    ],
)
def test_what_is_not_there_is_said_in_html(server: ServerThread, path: str, status: int) -> None:
    answer = look(server, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    ("action", "fields", "said"),
    [
        ("clock", {"advance": "soon"}, "advance: expected seconds"),
        ("clock", {"advance": "99999d"}, "the clock ends at"),
        ("clock", {}, "expected one of"),
        ("rule", {}, "operation"),
        ("rule", {"operation": "uploads.create"}, "expected one of error"),
        ("rule", {"operation": "uploads.create", "effect": "error nonsense"}, "unknown error"),
        ("rule", {"operation": "uploads.create", "effect": "odd x"}, "unknown field odd"),
        ("rule", {"operation": "x", "effect": "error invalid_key"}, "unknown operation"),
        ("rule", {"operation": "uploads.create", "delay": "x"}, "delay: x is no number"),
        ("remove-rule", {"id": "77"}, "there is no rule 77"),
        ("remove-rule", {}, "id:  is no number"),
        ("settings", {"task_polls": "1.5"}, "task_polls: 1.5 is no number"),
        ("settings", {"balance": "nan"}, "balance"),
        ("settings", {"rate_limit": "often"}, "rate_limit: expected a rate"),
        ("settings", {"label": "x" * 201}, "label: expected at most"),
    ],
)
def test_form_that_is_wrong_says_what_is_expected(
    server: ServerThread, action: str, fields: dict[str, str], said: str
) -> None:
    answer = httpx.post(
        f"{server.url}/_fake/page/do/{action}",
        data=fields,
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 400
    assert said in re.sub("&#3[49];", "'", answer.text.partition("</p>")[0])


def test_each_setting_of_a_world_has_a_field(server: ServerThread) -> None:
    shown = look(server, "page/control").text
    names = {field.name for field in dataclasses.fields(WorldSettings)}
    assert {*actions.SETTINGS} == names
    assert [name for name in names if f' name="{name}"' not in shown] == []


def test_action_that_is_none_is_said(server: ServerThread) -> None:
    answer = httpx.post(f"{server.url}/_fake/page/do/explode")
    assert (answer.status_code, "there is no action explode" in answer.text) == (404, True)


def test_form_without_scripts_shows_the_screen_again(server: ServerThread) -> None:
    answer = httpx.post(f"{server.url}/_fake/page/do/clock", data={"reset": "1"})
    assert answer.status_code == 200
    assert "<html" in answer.text
    assert "The clock was changed." in answer.text


# Languages and colours


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.1", "en"),
        ("de, zh;q=0.5", "zh"),
        ("zh;q=0", "en"),
        ("fr;q=x, zh-Hant;q=oops", "en"),
        ("*", "en"),
    ],
)
def test_language_is_the_browsers(server: ServerThread, accepted: str, language: str) -> None:
    answer = look(server, headers={"Accept-Language": accepted})
    assert f'<html lang="{language}">' in answer.text


def test_choices_are_remembered(server: ServerThread) -> None:
    with httpx.Client(base_url=server.url) as browser:
        browser.get("/_fake/?language=zh&theme=dark")
        assert '<html lang="zh" data-theme="dark">' in browser.get("/_fake/page/control").text
        browser.get("/_fake/?language=en&theme=system")
        assert '<html lang="en">' in browser.get("/_fake/page/control").text


@pytest.mark.parametrize(
    "value", ["<script>", "../../etc/passwd", "x" * 5000, "zh\r\nSet-Cookie: a"]
)
def test_choice_that_is_none_is_left_out(server: ServerThread, value: str) -> None:
    answer = look(server, params={"language": value, "theme": value})
    assert '<html lang="en">' in answer.text
    assert value not in str(answer.headers)


# The stream


def events_of(lines: Any, count: int) -> list[str]:
    """Read so many messages of a stream."""
    found: list[str] = []
    data: list[str] = []
    for line in lines:
        if line.startswith("data: "):
            data.append(line.removeprefix("data: "))
        elif not line and data:
            found.append("\n".join(data))
            data = []
        if len(found) == count:
            break
    return found


def test_stream_tells_what_has_changed(places: tuple[FakeAPIMart, FakeAPIMart]) -> None:
    here, there = places
    with httpx.stream("GET", f"{here.base_url}/_fake/page/events", timeout=20) as answer:
        lines = answer.iter_lines()
        first = events_of(lines, 1)[0]
        assert {*re.findall(r'hx-target="#([a-z]+)"', first)} == {
            "summary",
            "uploads",
            "tasks",
            "requests",
        }
        upload(there, PNG, "news.png")
        second = events_of(lines, 1)[0]
        assert "news.png" in second
        assert 'hx-target="#tasks"' not in second


def test_name_with_line_ends_stays_one_message(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        created(world, prompt="a\r\n\r\ndata: forged\n\nid: 7\u2028x")
        worlds = httpx.get(f"{server.url}/_fake/worlds").json()["worlds"]
        query = f"world={worlds[0]['world']}"
        with httpx.stream("GET", f"{server.url}/_fake/page/events?{query}", timeout=20) as answer:
            message = events_of(answer.iter_lines(), 1)[0]
    assert "forged" in message
    assert "hx-partial" in message
