"""Writes the pages that are made from the code: `python docs/generate.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from fake_apimart import fidelity
from fake_apimart.common.settings import Settings, flag_of, variable_of
from fake_apimart.contract.operations import JOURNALED
from fake_apimart.control.api import ROUTED
from fake_apimart.flags import default_value
from fake_apimart.generation.models import MODELS, Model
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.tasks.state import STATES, TRANSITIONS
from fake_apimart.worlds import journal
from fake_apimart.worlds.faults import errors_of
from fake_apimart.worlds.magic_keys import NAMES as MAGIC_NAMES
from fake_apimart.worlds.outcome import MARKERS
from fake_apimart.worlds.registry import MAX_WORLDS
from fastapi.routing import APIRoute

FOLDER = Path(__file__).parent

SETTINGS_HEAD = """\
# Settings

Each setting is an environment variable, and a flag of `fake-apimart serve`; a flag wins. An empty
variable counts as none. A variable that begins with `FAKE_APIMART_` and is none of these, or a
value that cannot be, refuses the start with one line and exit status 2.

| variable | flag | default | meaning |
|---|---|---|---|
"""

SETTINGS_TAIL = """
Two notes:

- In a Kubernetes namespace with a service called `fake-apimart`, pods are given variables such as
  `FAKE_APIMART_SERVICE_HOST`, which this server refuses as unknown. Set `enableServiceLinks: false`
  in the pod's specification.
- `FAKE_APIMART_DECODE_CHECK` keeps each picture in memory while it arrives, up to the largest file.
"""


def settings_page() -> str:
    """docs/settings.md."""
    rows = (
        f"| `{variable_of(name)}` | `{flag_of(name)}` | {_default(name)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )
    return SETTINGS_HEAD + "".join(rows) + SETTINGS_TAIL


def _default(name: str) -> str:
    default = default_value(name)
    if name == "storage":
        return default.replace("dir:", "`dir:`")
    return default if default in ("on", "off", "none") else f"`{default}`"


TASKS_HEAD = """\
# How a task goes

A task is planned when it is created, and stored once. Its state is then a function of the plan, the
time and the number of polls: nothing moves it in the background, and any server on the same storage
gives the same answer. Results are drawn when a poll first sees them completed, and live 24 hours.
"""

TASKS_TAIL = """
A request may also say so in its metadata, `{"fake_apimart": {"outcome": "failed", "message": "…",
"seconds": 5, "polls": 3}}`. A marker wins over metadata, and that over the server's settings
(`FAKE_APIMART_TASK_SECONDS`, `_TASK_POLLS`, `_TASK_FAILURE`). Of `seconds` and `polls` the slower
decides. What does not parse is refused with 400 and says what was expected.

## What results look like

| a reference, 16:9 | 9:16 |
|---|---|
| ![a result with a reference](result-16x9.png) | ![a tall result](result-9x16.png) |

The same request and `seed` give the same bytes. Fonts for Latin, Greek, Cyrillic, Chinese, Japanese
and Korean are part of the package.
"""


def tasks_page() -> str:
    """docs/tasks.md."""
    states = (
        f"| `{word}` | {when} | {', '.join(TRANSITIONS[word]) or 'nothing'} |"
        for word, when in STATES.items()
    )
    markers = (f"- {form}" for form, _ in MARKERS.values())
    models = (
        f"| `{model.id}` | {', '.join(model.ratios)} | {_prices(model)} |" for model in MODELS
    )
    return "\n".join(
        [
            TASKS_HEAD,
            "| status | when | may become |\n|---|---|---|",
            *states,
            "\n## Markers\n\nIn a prompt, `[fake: PART; PART]` with any of these parts:\n",
            *markers,
            TASKS_TAIL,
            "## Models\n\nAny other name is taken too, unless `FAKE_APIMART_MODELS` lists some.\n",
            "| model | ratios | price of 1k, 2k, 4k |\n|---|---|---|",
            *models,
            "",
        ]
    )


def _prices(model: Model) -> str:
    return ", ".join(str(price) for price in model.prices.values())


CONTROL_HEAD = """\
# The control API

Below `/_fake/`, next to the vendor's own paths: JSON in and out. Its own page, with a form to try
each call, is at [`/_fake/docs`](http://127.0.0.1:8080/_fake/docs) of a running server; the
description for tools is `/_fake/openapi.json`. From Python, [testing.md](testing.md) is shorter.

A call with an API key (`Authorization: Bearer KEY`) is about **the world of that key**: its files,
tasks, rules, clock, settings and journal. The key is the secret, so nothing more is needed, on any
address. One without a key is about **the whole server**. It is free where the server listens on
loopback and is called by a loopback name; on any other address it needs the header
`X-Fake-Admin-Token`, with what `FAKE_APIMART_ADMIN_TOKEN` was set to.

```sh
fake=http://127.0.0.1:8080/_fake
key='Authorization: Bearer my-test' json='Content-Type: application/json'
rule='{"operation":"uploads.create","error":"rate_limited","times":2}'
curl -s -X POST $fake/faults -H "$key" -H "$json" -d "$rule"
curl -s -X POST $fake/clock -H "$key" -H "$json" -d '{"advance":"72h"}'
curl -s -X PATCH $fake/world -H "$key" -H "$json" -d '{"task_seconds":0,"balance":5}'
curl -s "$fake/requests?operation=uploads.create" -H "$key"
curl -s -X POST $fake/reset -H "$key" -H "$json"
```

What changes something must say `Content-Type: application/json`, with an empty body too, and a
foreign `Origin` is refused: no web page can drive it. Unknown fields and names, and combinations
that cannot be, are refused where they are written, with what is valid. Refusals look like the
upload page's: `{"error": {"message", "type"}}`. `FAKE_APIMART_CONTROL=off` removes all but
`/_fake/health`. The command `fake-apimart reset` is `POST /_fake/reset` for scripts, with `--key`
for one world.

## Calls

| call | what it does |
|---|---|
"""

RULES_HEAD = """
## Rules

`POST /_fake/faults` writes a rule: an `operation`, and what its requests meet. That is an `error`
by name, or an answer of your own (`status`, `headers`, `body`), or a fault of the `socket`; `delay`
(seconds) alone or before any of these. `times` (1, null for all) requests meet it, after the first
`after` (0) were let through. Rules fire in the order in which they were written, those of a world
before those of the whole server, and never by chance.

| operation | errors |
|---|---|
"""

SOCKETS_HEAD = """
| socket fault | when | what the client meets |
|---|---|---|
"""

MAGIC_HEAD = """
## Keys that set up their world

For clients in any language, without a call to set anything up: `sk-fake-NAME`, or
`sk-fake-NAME--anything` for a world of one's own. A reset returns to what the name says. Other
names are ordinary keys. Keys that begin with `sk-fake-` are taken even where
`FAKE_APIMART_API_KEYS` lists others.

| key | what it stands for |
|---|---|
"""

CONTROL_TAIL = """
## What a world is, and what becomes of it

- A world comes into being when its key is first used. A file belongs to the world that uploaded it:
  reading it goes by that world's clock and rules, and into its journal, whatever key is sent along.
  Requests without a key, and for files that nobody has, are the server's own.
- Clock and settings of a world lie in the storage, beside its files and tasks: a restart changes
  nothing. Rules and journal are in memory.
- A server keeps {worlds:,} worlds in memory, {entries:,} requests of each, and {megabytes} MiB of
  requests in all. What lay idle longest goes first: its rules and journal are then forgotten.
- Setting a clock back shows files again that had expired by it: from the storage they are deleted
  by real time alone.
- `sha256` of an upload is computed when it is asked for, from what is stored.
"""


def control_page() -> str:
    """docs/control.md."""
    rules = (f"| `{name}` | {_names(errors_of(name))} |\n" for name in JOURNALED)
    sockets = (
        f"| `{name}` | {fault.when} | {fault.meaning} |\n" for name, fault in SOCKET_FAULTS.items()
    )
    magic = (f"| `sk-fake-{name}` | {magic.meaning} |\n" for name, magic in MAGIC_NAMES.items())
    return "".join(
        [
            CONTROL_HEAD,
            *_calls(),
            RULES_HEAD,
            *rules,
            SOCKETS_HEAD,
            *sockets,
            MAGIC_HEAD,
            *magic,
            CONTROL_TAIL.format(
                worlds=MAX_WORLDS,
                entries=journal.MAX_ENTRIES,
                megabytes=journal.MAX_BYTES // 1024**2,
            ),
        ]
    )


def _calls() -> Iterator[str]:
    for module in ROUTED:
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            summary = (route.description or "").replace("\n", " ")
            yield f"| `{' '.join(route.methods)} {route.path}` | {summary} |\n"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


PAGES = {
    "control.md": control_page,
    "fidelity.md": fidelity.markdown,
    "settings.md": settings_page,
    "tasks.md": tasks_page,
}


def main() -> None:
    """Write every page anew."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
