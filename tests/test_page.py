"""The page without a browser: who may look, what answers say, what others still get."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart.page.rendering import TEMPLATES
from fake_apimart.page.screens import actions
from fake_apimart.page.wording import took
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import PNG, ServerThread, exchange, parse_head
from tests.worlds import created, upload, upload_url

HTML = {"Accept": "text/html,application/xhtml+xml"}
ELSEWHERE = {"Host": "fake.example"}
"""What makes a request one that may have come from another machine."""
SCREENS = ("", "page/playground", "page/control", "page/reference")
URLENCODED = "application/x-www-form-urlencoded"
TOKEN = "let me in"
WORLD = "0123456789abcdef"


def look(server: ServerThread, path: str = "", **options: Any) -> httpx.Response:
    return httpx.get(f"{server.url}/_fake/{path}", timeout=30, **options)


EVERYWHERE = [
    *(("GET", f"/_fake/{path}") for path in SCREENS),
    *(("GET", path) for path in ("/", "/_fake", "/_fake/page", "/_fake/page/", "/_fake/page/none")),
    *(("GET", f"/_fake/page/static/{name}") for name in ("page.js", "icon.svg", "none", "", "%00")),
    *(("GET", f"/_fake/page/static/{name}") for name in ("..%2faccess.py", "%2e%2e/access.py")),
    ("GET", f"/_fake/page/static/{'long' * 1000}"),
    ("HEAD", "/_fake/page/static/page.js"),
    ("HEAD", "/_fake/page/events"),
    ("GET", f"/_fake/page/thumbnail?name=none&world={'0' * 32}"),
    ("POST", "/_fake/page/control"),
    ("POST", "/_fake/page/static/page.js"),
    ("GET", "/_fake/page/do/reset"),
    ("PUT", "/_fake/page/do/clock"),
    ("OPTIONS", "/_fake/page/control"),
    ("ODD", "/_fake/page/control"),
    ("POST", "/_fake/page/sign-in"),
    ("POST", "/_fake/page/sign-out"),
    ("GET", f"/_fake/page/request?id={'9' * 5000}"),
]


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
@pytest.mark.parametrize("sender", [{}, {**ELSEWHERE}, {"Origin": "http://evil.example"}])
def test_every_answer_lets_browsers_do_nothing_else(
    server: ServerThread, method: str, path: str, sender: dict[str, str]
) -> None:
    answer = httpx.request(method, server.url + path, headers={**HTML, **sender})
    assert answer.status_code < 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_no_file_outside_of_the_static_ones_is_served(server: ServerThread) -> None:
    for path in (b"../access.py", b"..%2faccess.py", b"%2e%2e%2faccess.py", b"//etc/passwd"):
        request = b"GET /_fake/page/static/%b HTTP/1.0\r\nHost: localhost\r\n\r\n" % path
        assert parse_head(exchange(server.address, request))[0] == 404


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


@pytest.mark.parametrize("key", ["schlüssel", "密钥", "a;b,c", "%41", "k" * 3000])
def test_key_signs_in_to_the_world_that_clients_have_by_it(server: ServerThread, key: str) -> None:
    name = f"of-{abs(hash(key))}.png"
    httpx.post(
        f"{server.url}/v1/uploads/images",
        headers={b"Authorization": f"Bearer {key}".encode()},
        files={"file": (name, PNG)},
    )
    assert name in look(server, headers=ELSEWHERE, cookies=signed_in(server, key)).text


@pytest.mark.parametrize("key", ["", "a b", "a\r\nb", "\0", "k" * 4000, "ü" * 1000])
def test_key_that_no_client_or_cookie_can_have_is_refused(server: ServerThread, key: str) -> None:
    answer = httpx.post(f"{server.url}/_fake/page/sign-in", headers=ELSEWHERE, data={"key": key})
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


def signed_in(server: ServerThread, key: str) -> dict[str, str]:
    """Sign in by a key, and return the cookies."""
    answer = httpx.post(f"{server.url}/_fake/page/sign-in", headers=ELSEWHERE, data={"key": key})
    return {"fake_apimart_key": answer.headers["set-cookie"].partition("=")[2].split(";")[0]}


@pytest.mark.parametrize(("stated", "is_secure"), [("https", True), ("http", False), ("", False)])
def test_cookie_is_for_tls_alone_where_a_proxy_ends_it(
    start_server: StartServer, stated: str, is_secure: bool
) -> None:
    server = start_server(trusted_proxies="127.0.0.1")
    answer = httpx.post(
        f"{server.url}/_fake/page/sign-in",
        headers={"X-Forwarded-Proto": stated, "X-Forwarded-Prefix": "/a"},
        data={"key": "k"},
    )
    assert ("Secure" in answer.headers["set-cookie"]) is is_secure
    assert "Path=/a/_fake/" in answer.headers["set-cookie"]


def test_page_of_another_site_changes_nothing(server: ServerThread) -> None:
    headers = {"Origin": "http://evil.example"}
    answer = httpx.post(
        f"{server.url}/_fake/page/do/clock", headers=headers, data={"advance": "1h"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["page/events", "page/now", "requests", "page/static/page.js"])
def test_page_of_another_site_loads_nothing(server: ServerThread, site: str, path: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert look(server, path, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Mode": "cors"},
    ],
)
def test_link_from_another_site_leads_to_the_page(
    server: ServerThread, headers: dict[str, str]
) -> None:
    assert look(server, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (
            {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<script>1</script>"},
            200,
        ),
        ({"error": "access_denied", "headers": {"Content-Type": "text/html"}}, 403),
    ],
)
def test_script_of_a_rule_runs_at_no_origin_of_the_page(
    server: ServerThread, rule: dict[str, Any], status: int
) -> None:
    with FakeAPIMart(server.url) as world:
        url = upload_url(world)
        world.fail("files.get", times=None, **rule)
        opened = httpx.get(url, headers=HTML)
        assert (opened.status_code, opened.headers["content-security-policy"]) == (
            status,
            "sandbox",
        )
        assert "content-security-policy" not in httpx.get(url).headers


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b'{"label": "x"}', 415),
        ("text/plain", b"label=x", 415),
        ("", b"label=x", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=a", b"x", 400),
        (URLENCODED, b"a=1&" * 5000, 400),
        (URLENCODED, b"label=" + b"x" * 3_000_000, 413),
        (URLENCODED, b"label=%00&token=%00&key=%00", 400),
        (URLENCODED, b"max_file_bytes=" + b"9" * 4000, 400),
        (URLENCODED, b"label=%ff\xff", 200),
        (f"{URLENCODED}; charset=odd", b"label=x", 200),
    ],
)
@pytest.mark.parametrize("path", ["page/do/settings", "page/sign-in"])
def test_body_that_is_no_form_is_refused(
    start_server: StartServer, path: str, content_type: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    server = start_server()
    answer = httpx.post(f"{server.url}/_fake/{path}", content=body, headers=headers)
    is_form = content_type.startswith(URLENCODED) and len(body) < 5000
    # A form that is read signs nobody in here.
    expected = 401 if path == "page/sign-in" and is_form else status
    assert answer.status_code == expected
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("folder", ["swagger-ui", "page/static"])
@pytest.mark.parametrize("name", ["%00", "none", "..%2f__init__.py"])
def test_file_that_is_not_there_is_a_404(server: ServerThread, folder: str, name: str) -> None:
    assert look(server, f"{folder}/{name}").status_code == 404


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


def test_picture_of_a_long_name_is_shown_after_a_restart(
    start_server: StartServer, tmp_path: Path
) -> None:
    for restarted in (False, True):
        server = start_server(storage=f"dir:{tmp_path}")
        if not restarted:
            upload(FakeAPIMart(server.url, api_key="k"), PNG, "long-" * 40 + ".png")
        path = re.search(r'src="(/_fake/page/thumbnail[^"]*)"', look(server).text)
        assert path is not None
        assert httpx.get(server.url + html.unescape(path[1])).status_code == 200, restarted


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0000738, "0.07 ms"), (0.00112, "1.12 ms"), (0.0123, "12.3 ms"), (1.26, "1.26 s")],
)
def test_durations_are_short(seconds: float, said: str) -> None:
    assert took(seconds) == said


def test_code_to_copy_does_not_label_the_world_of_who_copies_it(start_server: StartServer) -> None:
    server = start_server()
    headers = {"Authorization": "Bearer k", "X-Fake-Label": "of-the-sender", "X-Other": "kept"}
    httpx.get(f"{server.url}/v1/balance", headers=headers)
    entry = httpx.get(f"{server.url}/_fake/requests", headers=headers).json()["requests"][0]
    shown = look(server, f"page/request?id={entry['id']}").text
    snippets = shown.partition('class="snippets"')[2]
    assert "kept" in snippets
    assert "of-the-sender" not in snippets


def test_language_is_switched_where_a_form_was_refused(start_server: StartServer) -> None:
    server = start_server()
    refused = httpx.post(f"{server.url}/_fake/page/do/clock", data={"advance": "soon"})
    assert refused.status_code == 400
    assert 'value="soon"' in refused.text
    link = re.search(r'href="([^"]*language=zh[^"]*)"', refused.text)
    assert link is not None
    assert httpx.get(server.url + html.unescape(link[1])).status_code == 200
