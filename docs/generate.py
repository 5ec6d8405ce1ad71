"""Generate the documentation pages that come from tables in the code.

Run `make docs` or `python docs/generate.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from fake_apimart.contract.operations import JOURNALED
from fake_apimart.control import api
from fake_apimart.fidelity import page as fidelity_page
from fake_apimart.flags import default_value
from fake_apimart.generation.models import MODELS, Model
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.settings.names import flag_of, variable_of
from fake_apimart.settings.settings import Settings
from fake_apimart.state.memory import journal
from fake_apimart.tasks.state import STATES, TRANSITIONS
from fake_apimart.telemetry.metrics_table import TABLE
from fake_apimart.worlds import faults
from fake_apimart.worlds.entry import MAX_ENTRIES
from fake_apimart.worlds.faults import errors_of
from fake_apimart.worlds.magic_keys import NAMES as MAGIC_NAMES
from fake_apimart.worlds.outcome import MARKERS
from fake_apimart.worlds.pool import MAX_WORLDS
from fastapi.routing import APIRoute

FOLDER = Path(__file__).parent

SETTINGS_HEAD = """\
# Settings

Each setting is an environment variable and a flag of `fake-apimart serve`. If both are given, the
flag wins. An empty variable counts as unset. An unknown variable that begins with `FAKE_APIMART_`,
or an invalid value, stops the server at startup with a one-line error and exit status 2.

| variable | flag | default | meaning |
|---|---|---|---|
"""

SETTINGS_TAIL = """
SIGTERM or Ctrl+C stops the server within 8 seconds. Requests under way get 5 seconds to end; those
that need longer are answered 503, or their connection is closed. The exit status is 0, or 143 where
the store did not answer in time. A second Ctrl+C ends the server at once.

Two notes:

- In a Kubernetes namespace with a service called `fake-apimart`, Kubernetes sets variables such as
  `FAKE_APIMART_SERVICE_HOST` in every pod, which this server rejects as unknown. Set
  `enableServiceLinks: false` in the pod specification.
- With `FAKE_APIMART_DECODE_CHECK`, each picture is held in memory while it arrives, up to the
  maximum file size. Decoding a reference or a checked upload takes up to 4 bytes of memory for each
  pixel of a PNG, about 16 for a WebP and 3 to 6 for a progressive JPEG; other JPEGs are decoded in
  reduced size. Pictures above 16 megapixels are decoded one at a time.
"""


def settings_page() -> str:
    """Return docs/settings.md."""
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
# Generation tasks

A task is planned when it is created, and its plan is stored once. Its state is then a function of
the plan, the time and the number of polls. No background job changes it, and every server on the
same storage gives the same answer. Results are drawn when a poll first sees the task completed.
They are available for 24 hours.
"""

TASKS_TAIL = """
The metadata of a request can set the outcome too: `{"fake_apimart": {"outcome": "failed",
"message": "…", "seconds": 5, "polls": 3}}`. Markers take precedence over metadata, and metadata
over the server's settings (`FAKE_APIMART_TASK_SECONDS`, `_TASK_POLLS`, `_TASK_FAILURE`). A task
ends when both its `seconds` and its `polls` have passed. Markers or metadata that do not parse are
rejected with a 400 that states what was expected. Markers are looked for in the first 100,000
characters of a prompt, and the first 100 of them count; the rest is text like any other. A task
keeps the first 8 KB of its prompt and of its `fail=MESSAGE`.

## Callbacks

A task with a `webhook` posts its end, completed or failed, to that URL with `/callback` behind its
path. The body is the `data` of a poll. It comes when the clock of the world reaches the end of the
task, also when a test moves that clock, or when a poll has ended the task.

| what the receiver does | what follows |
|---|---|
| answers 2xx, 3xx or 4xx | nothing: it counts as delivered, and redirects are not followed |
| answers 5xx, or nothing within 10 seconds | other tries after 10, 30 and 60 seconds, not more |
| cannot be reached, or sends no HTTP | the same |

- The 10 seconds are for a whole try: looking up the name, connecting, sending, and reading the head
  of the answer. Its body is never read. A head above 64 KiB is a try that failed.
- The pauses end in real time, or earlier if the clock of the world is moved ahead.
- For each API key 100 callbacks may wait, and 4 run at the same time. In the whole server 5,000 may
  wait, and 64 be sent. A task beyond that is created without a callback, and the log says so. Two
  days after its creation a task that has not ended loses its callback.
- **At least once**: what is pending when the server ends, also by `kill -9`, is delivered by the
  next one on the same folder or bucket, and the number of tries is kept. Where several servers
  share a storage, each that starts also takes over what the others have pending, and a receiver may
  get a callback twice. A reset deletes what is pending.
- Callbacks are sent directly: variables such as `HTTP_PROXY` do not count for them. User and
  password in the URL become `Authorization: Basic`. `https` needs a certificate that the system or
  certifi knows, or that `SSL_CERT_FILE` names.
- Each carries the header `X-Fake-Callback` with the task's id. The control API refuses requests
  with this header, so that no webhook can reach it. Other services of the same machine can be
  reached, as by any client that runs there.
- The log shows scheme, host, port and path of a webhook, neither its user nor its query.

## What results look like

| with a reference, 16:9 | 9:16 |
|---|---|
| ![a result with a reference](result-16x9.png) | ![a tall result](result-9x16.png) |

The same request with the same `seed` gives the same bytes. Fonts for Latin, Greek, Cyrillic,
Chinese, Japanese and Korean are included in the package.
"""


def tasks_page() -> str:
    """Return docs/tasks.md."""
    states = (
        f"| `{status}` | {when} | {', '.join(TRANSITIONS[status]) or 'none'} |"
        for status, when in STATES.items()
    )
    markers = (f"- {form}" for form, _ in MARKERS.values())
    models = (
        f"| `{model.id}` | {', '.join(model.ratios)} | {_prices(model)} |" for model in MODELS
    )
    return "\n".join(
        [
            TASKS_HEAD,
            "| status | when | possible next statuses |\n|---|---|---|",
            *states,
            "\n## Markers\n\n`[fake: PART; PART]` in a prompt sets the outcome. The parts are:\n",
            *markers,
            TASKS_TAIL,
            "## Models\n\nOther names are accepted too, unless `FAKE_APIMART_MODELS` is set.\n",
            "| model | aspect ratios | price at 1k, 2k, 4k |\n|---|---|---|",
            *models,
            "",
        ]
    )


def _prices(model: Model) -> str:
    return ", ".join(str(price) for price in model.prices.values())


CONTROL_HEAD = """\
# The control API

The control API is served below `/_fake/`, next to the vendor's own paths. Requests and responses
are JSON. From Python, the fixture of [testing.md](testing.md) is shorter.

A running server documents itself: [`/docs`](http://127.0.0.1:8080/docs) is an interactive page to
try each operation, the upload of a file too, and each call of the control API; `/openapi.json` is
the OpenAPI 3.1 document behind it, for clients, generators and Postman. Its examples are the bodies
that the server really sends. `/_fake/docs` and `/_fake/openapi.json` are the same.

A call with an API key (`Authorization: Bearer KEY`) concerns **the world of that key**: its files,
tasks, rules, clock, settings and journal. The key is the secret, so such a call needs nothing else,
on any address. A call without a key concerns **the whole server**, and
[has a rule of its own](#calls-about-the-whole-server).

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

Calls that change something need `Content-Type: application/json`, even with an empty body, and
calls with a foreign `Origin` are rejected, so no web page can use the control API. Requests with
the header `X-Fake-Callback` are rejected too: the server's own callbacks carry it, and whoever
creates a task chooses where these go. Unknown fields,
unknown names and invalid combinations are rejected immediately, with a message that lists what is
valid. Errors have the format of the upload API: `{"error": {"message", "type"}}`.
`FAKE_APIMART_CONTROL=off` removes everything except `/_fake/health`, and `/docs` with its document.
For scripts, the command `fake-apimart reset` calls `POST /_fake/reset`; with `--key` it resets one
world.

## Calls about the whole server

They need the header `X-Fake-Admin-Token` with the value of `FAKE_APIMART_ADMIN_TOKEN`, unless the
request can only come from this machine. That is so where all of this holds:

- Both ends of its connection are loopback: the peer's address, and our own address on the accepted
  connection. The address that the server listens on does not matter: a call from inside a container
  needs no token, and one through a published port does.
- Its only `Host` is loopback, and so is the host of a target that is a whole URL. Loopback are
  `localhost`, `127.0.0.0/8` as four decimal numbers, `[::1]` and IPv4-mapped addresses, with any
  port. Other forms such as `127.1` are not, since systems differ on them.
- No header says that a proxy has passed it on: `Forwarded`, `X-Forwarded-*`, `Via`, `X-Real-IP`.
- The peer is none of `FAKE_APIMART_TRUSTED_PROXIES`, and neither `FAKE_APIMART_PUBLIC_URL` nor
  `FAKE_APIMART_PUBLIC_HOSTS` names another host than loopback.

[servers.md](servers.md#behind-a-reverse-proxy) says what to set behind a reverse proxy. The pages
`/docs` and `/openapi.json` say nothing of what the server holds, and are open to everybody.

## Secrets

The journal, the log, errors and all answers of the control API show `***` in place of secrets.
Names decide, in any case and with any dashes: of headers (`Authorization`, `Cookie`, `X-Api-Key`),
of parameters of a query (`key`, `token`, `X-Amz-Signature`) and of fields of JSON at any depth
(`password`, `api_key`, `client_secret`), and whatever else ends with the word `key`, but for some
such as `Idempotency-Key`. Names stay, and so do all other values. URLs lose their
`user:password@`, and a `webhook` each value of its query. A secret without such a name is not
recognized, as in the path of a webhook, in a prompt or in the name of a file. A stored task keeps
the whole webhook, since it is delivered.

Each record of the log is one line: what does not print is escaped, and the lines of a traceback are
indented. Of a path or a message the first 8192 characters are shown, of a longer query nothing.
[observability.md](observability.md) says what is in it.

## Calls

| call | what it does |
|---|---|
"""

RULES_HEAD = """
Bodies have at most 2 MiB (else 413) and 100,000 values, with finite numbers. A 503 says that the
storage failed and that nothing was changed: a clock or a setting is as it was, also after a reset
that failed. What such a reset has deleted of files and tasks is gone, and the next one deletes the
rest. Lists and resets of very much pause between batches, so that other requests are not held up.

## Rules

`POST /_fake/faults` creates a rule for the requests of one `operation`. Its effect is a named
`error`, or a custom response (`status`, `headers`, `body`), or a `socket` fault. A `delay` in
seconds can come before any of these, or be the only effect. The rule lets the first `after`
requests pass (default 0) and then applies to `times` requests (default 1, null for all). Rules fire
in the order of their creation, those of a world before those of the whole server, and never at
random.

A `body` of text is sent as it is, and any other JSON as JSON, with its type where the headers name
none; `body_base64` is for bytes. A request that a rule delays is counted and journaled when it
arrives, whether or not its client waits for the answer.

A world has at most {rules:,} rules, and those of all worlds take at most {megabytes} MiB of
memory; a rule beyond that is refused with 400.

| operation | errors |
|---|---|
"""

SOCKETS_HEAD = """
| socket fault | when | what the client sees |
|---|---|---|
"""

MAGIC_HEAD = """
## Magic keys: keys that configure their world

The name of a magic key configures its world, so a client in any language needs no control call. The
form is `sk-fake-NAME`, or `sk-fake-NAME--anything` for a separate world. A reset restores what the
name says. Keys with other names are ordinary keys. Keys that begin with `sk-fake-` are accepted
even if `FAKE_APIMART_API_KEYS` lists other keys.

| key | effect |
|---|---|
"""

CONTROL_TAIL = """
## The life of a world

- A world is created when its key is first used. A file belongs to the world that uploaded it: a
  download uses that world's clock and rules and is recorded in its journal, whatever key is sent.
  Requests without a key, and requests for unknown files, belong to the whole server.
- The clock and settings of a world are in the storage, next to its files and tasks, and survive a
  restart. Rules and journal are in memory.
- A server keeps at most {worlds:,} worlds in memory, {entries:,} requests of each, and in total
  {megabytes} MiB of requests. Beyond that, the data that was unused longest is evicted first; an
  evicted world loses its rules and journal.
- A call whose body is cut off, or whose chunks are malformed, does nothing and is a 400. So is a
  body of more than 100,000 values.
- Of a request the journal keeps the first 8 KiB of its JSON body, path, query and file name, its
  headers and those of the file's part where these have no more than 8 KiB, and the first 100 bytes
  of the names of 20 unread fields in the body and 20 in the query. Bodies that clients could not
  parse, such as `1e999`, are shown as text.
- Setting a clock back makes expired files available again, because files are deleted from the
  storage by real time only.
- The `sha256` of an upload is computed from the stored file when it is requested.
"""


def control_page() -> str:
    """Return docs/control.md."""
    rules = (f"| `{name}` | {_names(errors_of(name))} |\n" for name in JOURNALED)
    sockets = (
        f"| `{name}` | {fault.when} | {fault.meaning} |\n" for name, fault in SOCKET_FAULTS.items()
    )
    magic = (f"| `sk-fake-{name}` | {magic.meaning} |\n" for name, magic in MAGIC_NAMES.items())
    return "".join(
        [
            CONTROL_HEAD,
            *_calls(),
            RULES_HEAD.format(rules=faults.MAX_RULES, megabytes=faults.MAX_BYTES // 1024**2),
            *rules,
            SOCKETS_HEAD,
            *sockets,
            MAGIC_HEAD,
            *magic,
            CONTROL_TAIL.format(
                worlds=MAX_WORLDS,
                entries=MAX_ENTRIES,
                megabytes=journal.MAX_BYTES // 1024**2,
            ),
        ]
    )


def _calls() -> Iterator[str]:
    for module in (*api.ROUTED, api):
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            summary = (route.description or "").replace("\n", " ")
            yield f"| `{' '.join(route.methods)} {route.path_format}` | {summary} |\n"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


METRICS_HEAD = "| metric | type | labels | what it is |\n|---|---|---|---|\n"


def observability_page() -> str:
    """Return docs/observability.md: its own text, with the table of metrics in it."""
    text = (FOLDER / "observability.md").read_text("utf-8")
    before, head, after = text.partition(METRICS_HEAD)
    rows = (
        f"| `{each.shown_name}` | {each.kind.value} | {_names(each.labels)} | {each.meaning} |\n"
        for each in TABLE
    )
    return "".join([before, head, *rows, "\n", after.partition("\n\n")[2]])


ROOMS_MARK = "<!-- What follows is generated by `make docs` from the modules' docstrings. -->\n"
PACKAGE = FOLDER.parent / "server" / "fake_apimart"


def architecture_page() -> str:
    """Return docs/architecture.md: its own beginning, then a table of modules for each room."""
    beginning, _, _ = (FOLDER / "architecture.md").read_text("utf-8").partition(ROOMS_MARK)
    rooms = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
    return "\n".join([beginning + ROOMS_MARK, *map(_room, rooms)])


def _room(room: Path) -> str:
    rows = (
        f"| `{path.stem}` | {_docstring(path)[0]} |\n"
        for path in sorted(room.glob("*.py"))
        if path.name != "__init__.py"
    )
    description = "\n".join(_docstring(room / "__init__.py")).replace("\n\n", " ", 1)
    head = f"## `{room.name}/`\n\n{description}\n\n| module | what it is |\n|---|---|\n"
    return head + "".join(rows)


def _docstring(path: Path) -> list[str]:
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()


PAGES = {
    "architecture.md": architecture_page,
    "control.md": control_page,
    "observability.md": observability_page,
    "fidelity.md": fidelity_page.markdown,
    "settings.md": settings_page,
    "tasks.md": tasks_page,
}


def main() -> None:
    """Generate all pages."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
