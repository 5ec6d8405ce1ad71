"""What the page's forms do: each calls what the control API calls, and says what came of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fake_apimart_storage import InvalidKey, ObjectNotFound
from pydantic import ValidationError
from starlette.responses import Response

from fake_apimart.contract import file_url
from fake_apimart.contract.api_error import ApiError
from fake_apimart.control import clock, contents, faults, refusals, world
from fake_apimart.files.expire import FileHasExpired, expire
from fake_apimart.go.json import MAX_INTEGER_DIGITS
from fake_apimart.page.forms import fields_of
from fake_apimart.page.screens import control, detail
from fake_apimart.page.visit import PREFIX, Visit

DO = f"{PREFIX}do/"
SETTINGS: Mapping[str, Callable[[str], Any]] = {
    "task_seconds": float,
    "task_polls": int,
    "task_failure": str,
    "balance": float,
    "rate_limit": str,
    "dialect": str,
    "max_file_bytes": int,
    "url_ttl_seconds": int,
}
"""The settings of a world, and what the text of a form is read as."""
Form = Mapping[str, str]
Action = Callable[[Visit, Form], Awaitable[str]]
Show = Callable[..., Awaitable[Response]]
"""Answers with a screen; it is given a status, and what is `done`, or the `problem` and what was
`typed`."""


async def do(visit: Visit) -> Response:
    """Do what a form asks for, and answer with the screen that shows it."""
    name = visit.request.path_params["action"]
    if name not in ACTIONS:
        raise refusals.unknown(f"action {name}")
    action, shown = ACTIONS[name]
    form = await fields_of(visit.request)
    try:
        done = await action(visit, form)
    except ApiError as error:
        problem = error.message
    except ValidationError as error:
        problem = "; ".join(map(_problem, error.errors()))
    else:
        return await shown(await _after(visit), done=done)
    return await shown(await _after(visit), 400, problem=problem, typed=form)


async def _after(visit: Visit) -> Visit:
    """Return the visit to what has replaced its world, where that was begun anew."""
    if visit.world is None:
        return visit
    return dataclasses.replace(visit, world=await visit.service.worlds.up_to_date(visit.world))


def _problem(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason


async def _change_clock(visit: Visit, form: Form) -> str:
    fields: dict[str, Any] = {"reset": True} if "reset" in form else {}
    if "freeze" in form:
        fields["freeze"] = form["freeze"] == "on"
    if form.get("advance"):
        fields["advance"] = form["advance"]
    await clock.change_clock(clock.ClockChange.model_validate(fields), visit.target)
    return visit.texts.gettext("The clock was changed.")


async def _add_rule(visit: Visit, form: Form) -> str:
    """Add a rule. The field `effect` is `error NAME`, `socket NAME` or empty for a delay alone."""
    kind, _, name = form.get("effect", "").partition(" ")
    fields: dict[str, Any] = {"operation": form.get("operation", "")}
    if kind:
        fields[kind] = name
    if form.get("delay"):
        fields["delay"] = _read(form["delay"], float, "delay")
    fields["times"] = _read(form["times"], int, "times") if form.get("times") else None
    body = faults.RuleBody.model_validate(fields)
    await faults.add_fault(body, visit.target, visit.request)
    return visit.texts.gettext("The rule is there: it waits for its requests.")


async def _remove_rule(visit: Visit, form: Form) -> str:
    await faults.remove_faults(visit.target, _read(form.get("id", ""), int, "id"))
    return visit.texts.gettext("The rule is gone.")


async def _change_settings(visit: Visit, form: Form) -> str:
    """Change what the form has otherwise; what is empty is the server's again."""
    given = {name: form[name] for name in SETTINGS if name in form}
    read = {name: _read(text, SETTINGS[name], name) for name, text in given.items() if text}
    # What is only repeated does not become the world's own.
    known = visit.target.world_or_server.settings
    changed = {name: value for name, value in read.items() if value != getattr(known, name)}
    fields: dict[str, Any] = {**dict.fromkeys(given.keys() - read.keys()), **changed}
    if "label" in form:
        fields["label"] = form["label"] or None
    await world.change_world(world.WorldChanges.model_validate(fields), visit.target)
    return visit.texts.gettext("The settings were changed.")


def _read(text: str, kind: Callable[[str], Any], name: str) -> Any:
    """Return the text of a form as a value. Raises `invalid_call`."""
    try:
        if kind is int and len(text) > MAX_INTEGER_DIGITS:
            raise ValueError
        return kind(text)
    except ValueError:
        raise refusals.invalid_call(f"{name}: {text[:100]} is no number") from None


async def _reset(visit: Visit, form: Form) -> str:
    await world.reset(visit.target)
    return visit.texts.gettext("All is forgotten.")


async def _reset_journal(visit: Visit, form: Form) -> str:
    await world.reset_journal(visit.target)
    return visit.texts.gettext("The journal is empty.")


async def _expire_upload(visit: Visit, form: Form) -> str:
    name, owner = visit.asked("name"), visit.target.world_alone
    try:
        key = file_url.key_of(name)
        await expire(visit.service.storage, visit.target.state, owner, key)
    except (ObjectNotFound, InvalidKey):
        raise refusals.unknown(f"upload {name}") from None
    except FileHasExpired:
        raise refusals.over("the upload has expired already") from None
    return visit.texts.gettext("The URL is dead.")


async def _complete_task(visit: Visit, form: Form) -> str:
    await contents.complete_task(visit.asked("id"), visit.target)
    return visit.texts.gettext("The task is completed.")


async def _fail_task(visit: Visit, form: Form) -> str:
    fields = {"message": form["message"]} if form.get("message") else {}
    failing = contents.Failing.model_validate(fields)
    await contents.fail_task(visit.asked("id"), failing, visit.target)
    return visit.texts.gettext("The task has failed.")


ACTIONS: Mapping[str, tuple[Action, Show]] = {
    "clock": (_change_clock, control.show),
    "rule": (_add_rule, control.show),
    "remove-rule": (_remove_rule, control.show),
    "settings": (_change_settings, control.show),
    "reset": (_reset, control.show),
    "reset-journal": (_reset_journal, control.show),
    "expire": (_expire_upload, detail.show_upload),
    "complete": (_complete_task, detail.show_task),
    "fail": (_fail_task, detail.show_task),
}
"""What can be done, by the last segment of the path, and what shows it afterwards."""
