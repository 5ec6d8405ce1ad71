"""All screens: for everybody to use, on any width, in both colours and languages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fake_apimart_testing import FakeAPIMart

from tests.browser.sync_api import expect
from tests.harness import PNG
from tests.worlds import created, upload

pytestmark = pytest.mark.subprocess

SCREENS = {
    "live": "/_fake/",
    "playground": "/_fake/page/playground",
    "control": "/_fake/page/control",
    "reference": "/_fake/page/reference",
}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"light": STANDARDS, "dark": ["color-contrast"]}
"""By the colours: nothing else depends on them."""
EXAMINED = {"exclude": [[".operation:nth-of-type(n+3)"], [".described tr:nth-child(n+9)"]]}
"""All but what is the same again: axe-core takes seconds for the docs of all operations."""
PHONE = {"width": 320, "height": 640}
"""The narrowest there is: also what a window of 1,280 pixels shows at four times the size."""


@pytest.fixture(autouse=True)
def _filled(alice: FakeAPIMart) -> None:
    """Fill a world with what stands on the screens, long names and failures too."""
    upload(alice, PNG, "a-very-long-name-of-a-picture-without-any-blank-" * 3 + ".png")
    upload(alice, b"no picture", "notes.txt")
    created(alice, prompt="word" * 200, surprise=1)
    dead = alice.uploads.add(PNG, "dead.png")
    dead.expire()
    alice.fail("files.get", error="access_denied", times=None)
    httpx.get(dead.url)


def problems_of(page: Any, colours: str) -> list[str]:
    """Return what axe-core finds that hinders people, each with the elements it is about."""
    options = {"runOnly": RULES[colours], "resultTypes": ["violations"]}
    # Imported here since it needs Playwright.
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, EXAMINED, options).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {[node['html'][:150] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical", "moderate")
    ]


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("name", SCREENS)
def test_nothing_hinders_anybody(open_page: Any, name: str, colours: str) -> None:
    page = open_page(SCREENS[name], color_scheme=colours)
    assert problems_of(page, colours) == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_hinders_anybody_in_the_details(open_page: Any, colours: str) -> None:
    page = open_page("/_fake/", color_scheme=colours)
    for link in (".requests a", ".gallery a", ".tasks a"):
        page.locator(link).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        expect(page.locator("#detail-content h2")).to_be_visible()
        assert problems_of(page, colours) == [], link
        page.keyboard.press("Escape")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("name", SCREENS)
def test_screen_fits_a_phone(open_page: Any, name: str, language: str) -> None:
    page = open_page(SCREENS[name], viewport=PHONE, locale=language)
    wide = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((each) => each.getBoundingClientRect().right > innerWidth + 1
                            && !each.closest("pre, .unseen, .skip"))
          .map((each) => each.outerHTML.slice(0, 120))"""
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_language_is_switched_and_stays(open_page: Any) -> None:
    page = open_page("/_fake/")
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.get_by_role("navigation").get_by_role("link").nth(1).click()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator("h1")).not_to_contain_text("Upload")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_contain_text("Upload")


def test_colours_are_switched_and_stay(open_page: Any) -> None:
    page = open_page("/_fake/", color_scheme="light")
    light = page.locator("body").evaluate("each => getComputedStyle(each).backgroundColor")
    page.get_by_role("link", name="Dark").click()
    page.goto("/_fake/page/control")
    dark = page.locator("body").evaluate("each => getComputedStyle(each).backgroundColor")
    assert dark != light


def test_page_is_used_by_keyboard(open_page: Any) -> None:
    page = open_page("/_fake/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.locator(".requests a").first.focus()
    page.keyboard.press("Enter")
    detail = page.get_by_role("dialog")
    expect(detail).to_be_visible()
    page.keyboard.press("Escape")
    expect(detail).to_be_hidden()
    expect(page.locator(".requests a").first).to_be_focused()


def test_upload_that_lives_is_ended_by_hand(open_page: Any, alice: FakeAPIMart) -> None:
    page = open_page("/_fake/")
    page.locator(".gallery .alive a").click()
    page.get_by_role("button", name="Let the URL die now").click()
    expect(page.locator("#detail-content")).to_contain_text("The URL is dead.")
    assert not any(each.alive for each in alice.uploads)


@pytest.mark.parametrize(
    ("button", "status"), [("Complete it now", "completed"), ("Let it fail now", "failed")]
)
def test_task_is_ended_by_hand(
    open_page: Any, alice: FakeAPIMart, button: str, status: str
) -> None:
    alice.pace(seconds=3600)
    task = created(alice)
    page = open_page("/_fake/")
    page.locator(f"#{task} a").click()
    page.get_by_role("button", name=button).click()
    expect(page.locator("#detail-content .chip").first).to_have_text(status)
    assert {each.id: each.status for each in alice.tasks}[task] == status
