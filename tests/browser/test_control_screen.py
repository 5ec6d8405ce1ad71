"""The control screen: what is changed there holds for clients."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fake_apimart_testing import FakeAPIMart

from tests.browser.sync_api import expect
from tests.harness import ServerThread
from tests.worlds import upload, upload_url

pytestmark = pytest.mark.subprocess

CONTROL = "/_fake/page/control"


def choose_world(page: Any, world: FakeAPIMart) -> None:
    option = page.locator("#world option", has_text=world.label)
    page.get_by_label("World").select_option(label=option.inner_text())
    expect(page.get_by_role("button", name="Reset this world")).to_be_visible()


def test_scripted_429_meets_a_client_of_that_world_alone(
    open_page: Any, alice: FakeAPIMart, bob: FakeAPIMart
) -> None:
    upload(alice), upload(bob)
    page = open_page(CONTROL)
    choose_world(page, alice)
    page.get_by_label("Operation").select_option("uploads.create")
    page.get_by_label("What happens").select_option("error rate_limited")
    page.get_by_role("button", name="Add the rule").click()
    expect(page.locator("#panel")).to_contain_text("it waits for its requests")
    assert [upload(each).status_code for each in (bob, alice, alice)] == [200, 429, 200]


def test_errors_are_those_of_the_operation(open_page: Any) -> None:
    page = open_page(CONTROL)
    page.get_by_label("Operation").select_option("files.get")
    shown = page.locator("#effect optgroup:not([disabled])").first
    assert shown.get_attribute("label") == "files.get"
    expect(page.get_by_label("What happens")).to_have_value("error service_unavailable")


def test_clock_moves_72_hours_and_urls_die(open_page: Any, alice: FakeAPIMart) -> None:
    url = upload_url(alice)
    page = open_page(CONTROL)
    choose_world(page, alice)
    page.get_by_role("button", name="+ 72h").click()
    expect(page.locator("#panel")).to_contain_text("The clock was changed.")
    expect(page.locator("#panel")).to_contain_text("moved")
    assert httpx.get(url).status_code == 403
    page.get_by_role("button", name="Back to the present").click()
    expect(page.locator("#panel")).not_to_contain_text("moved")
    assert httpx.get(url).status_code == 200


def test_wrong_input_says_what_is_expected(open_page: Any) -> None:
    page = open_page(CONTROL)
    page.get_by_label("Ahead by").fill("soon")
    page.get_by_role("button", name="Advance").click()
    expect(page.get_by_role("alert")).to_contain_text("expected seconds, or a duration")
    page.get_by_label("Seconds until a task ends").fill("many")
    page.get_by_role("button", name="Set").first.click()
    expect(page.get_by_role("alert")).to_contain_text("task_seconds: many is no number")


def test_settings_hold_until_they_are_left_empty(open_page: Any, alice: FakeAPIMart) -> None:
    upload(alice)
    page = open_page(CONTROL)
    choose_world(page, alice)
    page.get_by_label("Balance").fill("0")
    page.get_by_role("button", name="Set").nth(1).click()
    expect(page.locator("#panel")).to_contain_text("The settings were changed.")
    assert upload(alice).status_code == 402
    page.get_by_label("Balance").fill("")
    page.get_by_role("button", name="Set").nth(1).click()
    expect(page.get_by_label("Balance")).to_have_value("100")
    assert upload(alice).status_code == 200


def test_reset_asks_first_and_forgets_one_world(
    open_page: Any, alice: FakeAPIMart, bob: FakeAPIMart, server: ServerThread
) -> None:
    upload(alice), upload(bob)
    page = open_page(CONTROL)
    choose_world(page, alice)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Reset this world").click()
    expect(page.locator("#panel")).to_contain_text("All is forgotten.")
    assert [len(each.uploads) for each in (alice, bob)] == [0, 1]


def test_refused_input_stays_to_be_mended(open_page: Any, alice: FakeAPIMart) -> None:
    upload(alice)
    page = open_page(CONTROL)
    choose_world(page, alice)
    page.get_by_label("Balance").fill("plenty")
    page.get_by_label("Rate limit").fill("5/minute")
    button = page.get_by_role("button", name="Set").nth(1)
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("balance: plenty is no number")
    # Longer than it takes to look again.
    page.wait_for_timeout(2500)
    expect(page.get_by_label("Balance")).to_have_value("plenty")
    expect(page.get_by_label("Rate limit")).to_have_value("5/minute")
    expect(button).to_be_focused()


def test_what_is_not_changed_does_not_become_the_worlds_own(
    open_page: Any, alice: FakeAPIMart, server: ServerThread
) -> None:
    upload(alice)
    page = open_page(CONTROL)
    choose_world(page, alice)
    page.get_by_label("Balance").fill("7")
    page.get_by_role("button", name="Set").nth(1).click()
    expect(page.locator("#panel .chip")).to_have_text(["own"])
    httpx.patch(f"{server.url}/_fake/world", json={"max_file_bytes": 1}).raise_for_status()
    assert upload(alice).status_code == 413


def test_changes_made_elsewhere_show_by_themselves(open_page: Any, alice: FakeAPIMart) -> None:
    upload(alice)
    page = open_page(CONTROL)
    choose_world(page, alice)
    alice.fail("uploads.create", error="rate_limited", times=3)
    alice.pace(seconds=77)
    alice.clock.advance(hours=5)
    expect(page.locator(".rules")).to_contain_text("rate_limited")
    expect(page.get_by_label("Seconds until a task ends")).to_have_value("77")
    expect(page.locator(".big")).to_contain_text("moved")
    upload(alice)
    expect(page.locator(".rules")).to_contain_text("1 / 3")


def test_large_numbers_are_shown_whole(open_page: Any, alice: FakeAPIMart) -> None:
    upload(alice)
    page = open_page(CONTROL)
    choose_world(page, alice)
    page.get_by_label("Balance").fill("123456789.25")
    page.get_by_role("button", name="Set").nth(1).click()
    expect(page.locator("#panel .note")).to_contain_text("The settings were changed.")
    expect(page.get_by_label("Balance")).to_have_value("123456789.25")
