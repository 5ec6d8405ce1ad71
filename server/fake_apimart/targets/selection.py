"""Which cases can be run against a server, and why the others cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fake_apimart.cases.case import Case, Request
from fake_apimart.cases.contents import recorded
from fake_apimart.targets.own_servers import variables_of

MAGIC = ("sk-fake-", "[fake:")
"""What keys and markers begin with that tell a fake what to do."""

_UPLOADS = "/v1/uploads/"
_HARMLESS = ("GET", "HEAD", "OPTIONS")
"""Methods that create nothing, whoever answers."""
_REQUEST_LINE = re.compile(r"^(\S+) +(?:https?://[^/\s]*)?(/\S*)", re.MULTILINE)
_PAID = ("/v1/images/generations", "/v1/videos/generations", "/v1/music/", "/v1/midjourney/")


class Means(NamedTuple):
    """What can be done with a server that was not started here."""

    has_control: bool
    scheme: str
    dialect: str
    receives: bool = False
    """Whether there is a receiver of callbacks that the server can reach."""
    may_store: bool = True
    """Whether files may be uploaded."""
    may_spend: bool = True
    """Whether tasks may be created."""


def reason_not_to_run(case: Case, means: Means) -> str:
    """Return why a case is not run against a server that is there already; empty where it is."""
    for reason in (_of_server(case, means), _of_steps(case, means), _of_costs(case, means)):
        if reason:
            return reason
    return ""


def needs_key(case: Case) -> bool:
    """Return whether any request of a case is sent with the key."""
    return any(each.recorded_key or "{key}" in each.model_dump_json() for each in _requests(case))


def stores(case: Case) -> bool:
    """Return whether a server that takes what we say it refuses would keep a file."""
    return any(_reaches(each, (_UPLOADS,)) for each in _requests(case))


def spends(case: Case) -> bool:
    """Return whether a server that takes what we say it refuses would charge for it."""
    return any(_reaches(each, _PAID) for each in _requests(case))


def _of_server(case: Case, means: Means) -> str:
    if case.settings:
        named = ", ".join(f"{name}={value}" for name, value in variables_of(case.settings).items())
        return f"needs a server with {named}"
    if case.dialect is not None and case.dialect != means.dialect:
        return f"is of the dialect {case.dialect}"
    return ""


def _of_steps(case: Case, means: Means) -> str:
    for step in case.steps:
        if step.terminate:
            return "ends the server"
        if step.control is not None and not means.has_control:
            return "needs a control API"
        if step.callback and not means.receives:
            return "needs --callback-host, by which the server reaches this machine"
    said = "".join(each.model_dump_json() for each in _requests(case))
    if not means.has_control and any(each in said for each in MAGIC):
        return "needs a key or a marker that only a fake understands"
    is_raw = any(each.raw or each.recorded for each in _requests(case))
    return "raw bytes go over plain http alone" if is_raw and means.scheme != "http" else ""


def _of_costs(case: Case, means: Means) -> str:
    if spends(case) and not means.may_spend:
        return "may cost money: --spend"
    if stores(case) and not means.may_store:
        return "uploads a file, which was not agreed to: --yes"
    return ""


def _requests(case: Case) -> Sequence[Request]:
    return [step.request for step in case.steps if step.request is not None]


def _reaches(request: Request, prefixes: Sequence[str]) -> bool:
    """Return whether a request with our key may create something at a path that begins so."""
    text = "\n".join(line.text for line in request.raw)
    if request.recorded:
        text = recorded(request.recorded).decode("latin-1")
    if text:
        return any(_creates(each[1], each[2], prefixes) for each in _REQUEST_LINE.finditer(text))
    said = (request.key or "", request.path, *request.headers.values())
    is_keyed = any("{key}" in each for each in said)
    return is_keyed and _creates(request.method, request.path, prefixes)


def _creates(method: str, path: str, prefixes: Sequence[str]) -> bool:
    # Another server may clean paths up, or take other methods, than we believe.
    cleaned = re.sub("/+", "/", path).lower()
    return method not in _HARMLESS and cleaned.startswith(tuple(prefixes))
