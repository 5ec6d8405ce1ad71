"""docs/control.md: what comes behind its beginning, with the tables of rules and magic keys."""

from __future__ import annotations

from collections.abc import Iterator

from fake_apimart.contract.operations import BY_NAME, JOURNALED
from fake_apimart.control import api
from fake_apimart.control import faults as control_faults
from fake_apimart.http.socket_faults import SOCKET_FAULTS, Dribble
from fake_apimart.state.memory import journal
from fake_apimart.worlds import conditions, faults
from fake_apimart.worlds.entry import MAX_ENTRIES
from fake_apimart.worlds.magic_keys import KEYS as MAGIC_KEYS
from fake_apimart.worlds.pool import MAX_WORLDS
from fastapi.routing import APIRoute

from tools.pages.control_head import CONTROL_HEAD
from tools.pages.table import names

RULES_HEAD = """
Bodies have at most 2 MiB (else 413) and 100,000 values, with finite numbers. A 503 says that the
storage failed and that nothing was changed: a clock or a setting is as it was, also after a reset
that failed. What such a reset has deleted of files and tasks is gone, and the next one deletes the
rest. Lists and resets of very much pause between batches, so that other requests are not held up.

## Rules

`POST /_fake/faults` creates a rule for the requests of one `operation`. Its effect is a named
`error`, or a custom response (`status`, `headers`, `body`), or a `socket` fault. A `delay` in
seconds can come before any of these, or be the only effect. Rules fire in the order of their
creation, those of a world before those of the whole server, and never at random.

The rule is for all requests, or for those that are as `where` says ([below](#conditions)); only
these count. It lets the first `after` of them pass (default 0). Of those that follow it applies to
each `every`-th (default 1), `times` times (default 1, null for ever): with `after` 1, `every` 3 and
`times` 2 to the 4th and the 7th. A request that an earlier rule applies to does not count for later
ones. One that ends before the rule's error arises does not use it up: it is then the next one's.

`headers` stand beside those of a named `error`, or in their place where the name is the same, such
as `Retry-After`. `Content-Length`, `Transfer-Encoding` and `Connection` are the server's own.

A `body` of text is sent as it is, and any other JSON as JSON, with its type where the headers name
none; `body_base64` is for bytes. A request that a rule delays is counted and journaled when it
arrives, whether or not its client waits for the answer.

To a browser that opens such an answer as a page (`Accept` names `text/html`) it also says
`Content-Security-Policy: sandbox`: no script of a rule may run where the page and the control API
are.

A world has at most {rules:,} rules, and those of all worlds take at most {megabytes} MiB of
memory; a rule beyond that is refused with 400.

| operation | errors |
|---|---|
"""

SOCKETS_HEAD = """
`dribble` takes its pace from the rule's `dribble`, such as `{{"bytes": 16, "seconds": 0.1}}`:
pieces of {bytes} to {max_bytes:,} bytes (default {bytes}), each with a pause of {min_seconds} to
{max_seconds:g} seconds behind it (default {seconds}).

| socket fault | when | what the client sees |
|---|---|---|
"""

CONDITIONS_HEAD = """
### Conditions

`where` has conditions, {conditions} at the most, which a request must meet all of:

```json
{{
  "operation": "uploads.create",
  "error": "rate_limited",
  "where": {{"filename": {{"glob": "*.png"}}, "size": {{"at_most": 99}}, "header": {{"X-A": "b"}}}}
}}
```

| subject | what it is | operators |
|---|---|---|
"""

CONDITIONS_TAIL = """
| operation | subjects |
|---|---|
{operations}
- A plain value stands for `equal`. `contains` is for a part of a text, or for an element of a
  JSON array. `glob` is a shell's pattern for the whole of a text, with `*`, `?` and `[abc]`.
  `at_least` and `at_most` are for numbers. Case counts, but in the names of headers and of JSON
  fields; of a header that is repeated the first counts.
- What is missing, null or of another kind meets no condition, so `{{"glob": "*"}}` asks whether a
  text is there. In a path, numbers stand for elements of arrays, from 0.
- Of a text the first {text:,} characters count. A JSON body of more than 1 MiB is not looked
  into, and meets no condition on it. Texts that are asked for have at most {wanted:,} characters,
  patterns {glob}.
- **When.** A rule that asks of the headers alone, or of a file that is fetched, fires where a
  rule without conditions would. One that asks of a body fires where its error arises in reality,
  but not before what it asks for is known: an upload's file name and type as soon as they have
  arrived, its size at the end of the form, JSON once it is read, before it is checked. So a
  `rate_limited` by file name may be answered while the file still arrives. `close_before_reading`
  with such a condition is refused.
- A request whose form or JSON does not parse is answered 400 as ever, unless the rule needs to
  know nothing of that. A later rule waits until it is known whether an earlier one applies. A
  request that is refused before its body is read (401, 402, 429) meets no rule that asks of a
  body.
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
## Setting a world up

`PATCH /_fake/world` gives the world settings of its own, by the names that
[settings.md](settings.md) has: `task_seconds`, `task_polls`, `task_failure`, `balance`,
`rate_limit`, `dialect`, `max_file_bytes` and `url_ttl_seconds`. `null` returns to the server's, and
so does a reset. A call without a key sets them for all worlds that have none of their own.

- `dialect`: all answers follow it once the key is known, so that a route of the page alone is there
  too. What is answered before, such as a 401 or a redirect of a slash, follows the server's.
- `max_file_bytes`: a larger upload gets the vendor's 413, which states this limit.
- `url_ttl_seconds`: for files that are uploaded from then on; others keep theirs. A bucket on S3
  deletes old files by a rule that the server sets at its start, so that there a lifetime which is
  longer than the server's own (at least a day) is refused. Do not start the server with a shorter
  one while worlds have this setting.
- `label`: what the world is called in its answers, in the [log](observability.md) and in traces,
  such as the name of a test: at most 200 characters that print, on one line. A reset removes it.
  The header `X-Fake-Label` of any request [sets it too](#worlds-without-their-keys).

## Uploads and tasks

`POST /_fake/uploads` puts a file into the world as an upload does: the same checks of size and type
with the same errors, the same URL. It meets no rule, no rate and no 402, and is not in the journal.
`POST /_fake/uploads/{{name}}/expire` makes the URL of a file dead, as if its time were over; the
clock stays as it is, the bytes can still be read by the control API, and a redirect to the store
that was given before stays good for as long as it says. A clock that is set back to before then
shows the file again.

`POST /_fake/tasks/{{task_id}}/complete` and `…/fail` (`{{"message": "no cats today"}}`) end a task
now, whatever was planned for it: with its pictures and its cost, or with its message and without.
Its callback is sent. A task that has ended, and a file that has expired, are 409.

## The life of a world

- A world is created when its key is first used. A file belongs to the world that uploaded it: a
  download uses that world's clock and rules and is recorded in its journal, whatever key is sent.
  Requests without a key, and requests for unknown files, belong to the whole server.
- The clock, the settings and the label of a world are in the storage, next to its files and tasks,
  and survive a restart. Rules and journal are in memory. With `FAKE_APIMART_STATE=redis://…` all of
  that is in Redis, for any number of servers ([scaling.md](scaling.md)).
- A server keeps at most {worlds:,} worlds in memory, {entries:,} requests of each, and in total
  {megabytes} MiB of requests. Beyond that, the data that was unused longest is evicted first; an
  evicted world loses its rules and journal.
- A call whose body is cut off, or whose chunks are malformed, does nothing and is a 400. So is a
  body of more than 100,000 values.
- Of a request the journal keeps the first 8 KiB of its JSON body, path, query and file name, its
  headers and those of the file's part where these have no more than 8 KiB, and the first 100 bytes
  of the names of 20 unread fields in the body and 20 in the query. Bodies that clients could not
  parse, such as `1e999`, are shown as text.
- Of the `answer` it keeps the head, where that has no more than 8 KiB, without `Date` and
  `Connection`, the first 8 KiB of a body that is JSON or another text (JSON that is longer is shown
  as text), and how many `bytes` the body has. That is the answer as it was made, also where a fault
  of the connection cuts it. It is null where there was none: after `close_before_reading`,
  `reset_after_reading` and `never_answer`, while a rule's `delay` lasts, and where the client went
  away.
- Setting a clock back makes expired files available again, because files are deleted from the
  storage by real time only.
- The `sha256` of an upload is computed from the stored file when it is requested.
"""


def page() -> str:
    """Return docs/control.md."""
    rules = (f"| `{name}` | {names(faults.errors_of(name))} |\n" for name in JOURNALED)
    sockets = (
        f"| `{name}` | {fault.when} | {fault.meaning} |\n" for name, fault in SOCKET_FAULTS.items()
    )
    subjects = (
        f"| `{name}` | {subject.meaning} | {names(subject.operators)} |\n"
        for name, subject in conditions.SUBJECTS.items()
    )
    asked = (f"| `{name}` | {names(BY_NAME[name].subjects)} |\n" for name in JOURNALED)
    magic = (f"| `{key}` | {magic.meaning} |\n" for key, magic in MAGIC_KEYS.items())
    return "".join(
        [
            CONTROL_HEAD,
            *_calls(),
            RULES_HEAD.format(rules=faults.MAX_RULES, megabytes=faults.MAX_BYTES // 1024**2),
            *rules,
            SOCKETS_HEAD.format(
                bytes=Dribble().bytes,
                seconds=Dribble().seconds,
                max_bytes=control_faults.MAX_DRIBBLE_BYTES,
                min_seconds=control_faults.MIN_PAUSE_SECONDS,
                max_seconds=control_faults.MAX_PAUSE_SECONDS,
            ),
            *sockets,
            CONDITIONS_HEAD.format(conditions=conditions.MAX_CONDITIONS),
            *subjects,
            CONDITIONS_TAIL.format(
                operations="".join(asked),
                text=conditions.MAX_TEXT,
                wanted=conditions.MAX_WANTED,
                glob=conditions.MAX_GLOB,
            ),
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
            yield f"| `{' '.join(route.methods or ())} {route.path_format}` | {summary} |\n"
