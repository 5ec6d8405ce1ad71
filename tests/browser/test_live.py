"""The first screen: what clients do is seen as they do it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fake_apimart_testing import FakeAPIMart

from tests.browser.sync_api import expect
from tests.harness import PNG, ServerProcess, ServerThread, wait_until
from tests.worlds import authorized, created, upload, upload_url

pytestmark = pytest.mark.subprocess


def test_newcomer_reads_where_to_point_a_client(open_page: Any, server: ServerThread) -> None:
    page = open_page("/_fake/")
    expect(page.locator("#base-url")).to_have_text(server.url)
    expect(page.locator("#requests")).to_contain_text("with any API key")


def test_browser_that_opens_the_root_comes_to_the_page(open_page: Any) -> None:
    assert open_page("/").url.endswith("/_fake/")


def test_upload_appears_without_a_reload(open_page: Any, alice: FakeAPIMart) -> None:
    page = open_page("/_fake/")
    expect(page.locator("#connection")).to_have_text("live")
    upload(alice, PNG, "cat.png")
    card = page.locator(".gallery li", has_text="cat.png")
    expect(card).to_contain_text("png")
    expect(card.locator("img")).not_to_have_js_property("naturalWidth", 0)
    expect(page.locator(".requests tr", has_text="cat.png")).to_contain_text("200")


def test_task_is_followed_to_its_picture(open_page: Any, alice: FakeAPIMart) -> None:
    alice.pace(seconds=3600)
    page = open_page("/_fake/")
    task = created(alice, prompt="A lighthouse", size="1:1")
    row = page.locator(f"#{task}")
    expect(row.locator("progress")).to_be_visible()
    alice.clock.advance(hours=1)
    expect(row).to_contain_text("completed")
    expect(row.locator("img")).to_have_js_property("naturalWidth", 256)


def test_url_is_seen_to_die_when_the_clock_moves(open_page: Any, alice: FakeAPIMart) -> None:
    url = upload_url(alice)
    page = open_page("/_fake/")
    expect(page.locator(".gallery .alive")).to_have_count(1)
    alice.clock.advance(hours=73)
    expect(page.locator(".gallery .dead")).to_contain_text("URL is dead")
    assert httpx.get(url).status_code == 403


def test_two_worlds_are_seen_side_by_side(
    open_page: Any, alice: FakeAPIMart, bob: FakeAPIMart
) -> None:
    upload(alice, name="of-alice.jpg")
    upload(bob, name="of-bob.jpg")
    left, right = open_page("/_fake/"), open_page("/_fake/")
    for page, who in ((left, alice), (right, bob)):
        page.get_by_label("World").select_option(label=_option(page, who.label))
        expect(page.locator(".gallery li")).to_have_count(1)
    upload(bob, name="again.jpg")
    expect(right.locator(".gallery li")).to_have_count(2)
    expect(left.locator(".gallery")).to_contain_text("of-alice.jpg")
    expect(left.locator(".gallery li")).to_have_count(1)


def _option(page: Any, label: str) -> str:
    return str(page.locator("#world option", has_text=label).inner_text())


def test_requests_are_found_by_operation_status_and_text(
    open_page: Any, alice: FakeAPIMart
) -> None:
    upload(alice, b"no picture", "needle.txt")
    upload(alice, PNG, "hay.png")
    page = open_page("/_fake/")
    rows = page.locator(".requests tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Status").select_option("4xx")
    expect(rows).to_have_count(1)
    page.get_by_label("Text").fill("NEEDLE")
    page.get_by_role("button", name="Find").click()
    expect(rows).to_have_count(1)
    page.get_by_label("Operation").select_option("files.get")
    expect(page.locator("#requests")).to_contain_text("No request is like that.")


def test_request_opens_with_all_that_is_known_of_it(open_page: Any, alice: FakeAPIMart) -> None:
    created(alice, prompt="A cat", surprise=1)
    page = open_page("/_fake/")
    page.locator(".requests a").click()
    detail = page.get_by_role("dialog")
    for said in ("generations.create", "surprise", "A cat", "task_id", "Headers"):
        expect(detail).to_contain_text(said)
    page.keyboard.press("Escape")
    expect(detail).to_be_hidden()


@pytest.mark.parametrize("language", ["cURL", "Python", "JavaScript", "pytest"])
def test_request_is_copied_as_code(open_page: Any, alice: FakeAPIMart, language: str) -> None:
    upload(alice, PNG, "cat.png")
    permissions = ["clipboard-read", "clipboard-write"]
    page = open_page("/_fake/", permissions=permissions)
    page.locator(".requests a").click()
    section = page.locator(".snippets details", has_text=language)
    if section.get_attribute("open") is None:
        section.locator("summary").click()
    section.get_by_role("button", name="Copy").click()
    expect(section.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "/v1/uploads/images" in copied
    assert "cat.png" in copied


HOSTILE = "<img src=x onerror=alert(1)>\"'&.png"


def test_hostile_names_prompts_and_headers_are_only_ever_text(
    open_page: Any, alice: FakeAPIMart, server: ServerThread
) -> None:
    upload(alice, PNG, HOSTILE)
    created(alice, prompt="<script>alert(2)</script>", headers={"X-Odd": "<b onclick=alert(3)>"})
    httpx.get(f"{server.url}/<svg onload=alert(4)>", headers=authorized(alice))
    page = open_page("/_fake/")
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    expect(page.locator(".gallery .name")).to_contain_text("<img src=x")
    expect(page.locator(".tasks .name")).to_contain_text("<script>alert(2)</script>")
    for number in range(page.locator(".requests a").count()):
        page.locator(".requests a").nth(number).click()
        expect(page.locator("#detail-content h2")).to_be_visible()
        page.keyboard.press("Escape")
    assert page.locator("main [onerror], main [onload], main [onclick], main script").count() == 0
    assert alerts == []


def test_page_asks_no_other_host_and_breaks_no_policy(
    browser: Any, server: ServerThread, alice: FakeAPIMart
) -> None:
    upload(alice)
    context = browser.new_context(base_url=server.url)
    asked, said = [], []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    for path in ("", "page/playground", "page/control", "page/reference"):
        page.goto(f"/_fake/{path}", wait_until="load")
        if not path:
            expect(page.locator("#connection")).to_have_text("live")
    context.close()
    assert {url.split("/")[2] for url in asked} == {server.url.removeprefix("http://")}
    assert said == []


def streams_of(server: ServerThread) -> int:
    """Return how many connections the server has that wait for news."""
    application: Any = server.application
    journals = application.service.worlds.state.journals
    return int(journals.waiting)


def test_tab_that_nobody_sees_lets_its_stream_go(open_page: Any, server: ServerThread) -> None:
    page = open_page("/_fake/")
    wait_until(lambda: streams_of(server) == 1, "the stream begins")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    expect(page.locator("#connection")).to_have_text("paused")
    wait_until(lambda: streams_of(server) == 0, "the stream ends")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: false, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    wait_until(lambda: streams_of(server) == 1, "the stream begins again")


def test_eight_tabs_that_are_all_seen_are_up_to_date(
    open_page: Any, server: ServerThread, alice: FakeAPIMart
) -> None:
    first = open_page("/_fake/")
    pages = [first, *(first.context.new_page() for _ in range(7))]
    for page in pages[1:]:
        page.goto("/_fake/")
    upload(alice, PNG, "for-all.png")
    for page in pages:
        expect(page.locator(".gallery")).to_contain_text("for-all.png")
    assert streams_of(server) <= 4


def test_page_goes_on_after_the_server_was_away(browser: Any, tmp_path: Any) -> None:
    flags = ("--storage", f"dir:{tmp_path}")
    with ServerProcess(*flags) as server:
        port, context = server.url.rpartition(":")[2], browser.new_context(base_url=server.url)
        page = context.new_page()
        page.goto("/_fake/")
        expect(page.locator("#connection")).to_have_text("live")
        server.end()
        expect(page.locator("#connection")).to_have_text("reconnecting")
    with ServerProcess("--port", port, *flags) as server:
        expect(page.locator("#connection")).to_have_text("live")
        upload(FakeAPIMart(server.url, api_key="k"), PNG, "later.png")
        expect(page.locator(".gallery")).to_contain_text("later.png")
        context.close()


def test_new_world_can_be_chosen_without_a_reload(open_page: Any, alice: FakeAPIMart) -> None:
    page = open_page("/_fake/")
    upload(alice, name="first.png")
    choice = page.locator("#world option", has_text=alice.label)
    expect(choice).to_have_count(1)
    page.get_by_label("World").select_option(label=choice.inner_text())
    expect(page.locator(".gallery")).to_contain_text("first.png")


def test_more_uploads_are_shown_to_who_asks(open_page: Any, alice: FakeAPIMart) -> None:
    for number in range(14):
        upload(alice, name=f"{number}.png")
    page = open_page("/_fake/")
    expect(page.locator(".gallery li")).to_have_count(12)
    page.locator("#uploads").get_by_role("link", name="Show more").click()
    expect(page.locator(".gallery li")).to_have_count(14)
    upload(alice, name="another.png")
    expect(page.locator(".gallery li")).to_have_count(15)


def test_task_that_is_open_is_followed_to_its_picture(open_page: Any, alice: FakeAPIMart) -> None:
    alice.pace(seconds=4)
    task = created(alice, prompt="A lighthouse", size="1:1")
    page = open_page("/_fake/")
    page.locator(f"#{task} a").click()
    detail = page.get_by_role("dialog")
    expect(detail.locator("progress")).to_be_visible()
    expect(detail.locator(".chip").first).to_have_text("completed")
    expect(detail.locator(".pictures img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#detail-content > *")).to_have_count(0)


def test_opening_without_an_answer_says_so(open_page: Any, alice: FakeAPIMart) -> None:
    upload(alice)
    page = open_page("/_fake/")
    page.route("**/page/request?*", lambda route: route.fulfill(status=204))
    page.locator(".requests a").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("The server does not answer.")


def test_address_keeps_the_filter_and_not_the_colours(open_page: Any, alice: FakeAPIMart) -> None:
    upload(alice)
    page = open_page("/_fake/?status=4xx&theme=dark&language=en")
    page.wait_for_url(lambda url: url.endswith("/_fake/?status=4xx"))
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_label("Status")).to_have_value("4xx")


def test_delay_is_not_told_as_an_answer_of_a_rule(open_page: Any, alice: FakeAPIMart) -> None:
    alice.fail("uploads.create", delay=0.1)
    upload(alice)
    page = open_page("/_fake/")
    page.locator(".requests a").click()
    expect(page.get_by_role("dialog")).to_contain_text("delayed this answer")
