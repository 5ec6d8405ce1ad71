"""docs/tasks.md: its text, with the tables of states, markers and models."""

from __future__ import annotations

from fake_apimart.generation.models import MODELS, Model
from fake_apimart.tasks.state import STATES, TRANSITIONS
from fake_apimart.worlds.outcome import MARKERS

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

| | |
|---|---|
| ![abstract, dunes](results/abstract.webp) | ![the second of four, lights](results/numbered.webp) |
| ![of a reference](results/reference.webp) | ![of three references](results/references.webp) |

- **With references**, the first fills the frame, cropped to the ratio, upright, and where it is
  transparent over a light ground; up to eight others are a strip. All are toned by a palette that
  the seed chooses.
- **Without**, the result is an abstract composition. Its style says which family of models was
  asked: dunes for GPT, lights for Gemini, ribbons for Seedream, facets for Flux, tiles for Qwen,
  rings for others.
- **The caption** has the model, the picture's number where there are several, the prompt in at most
  three lines, and the size. Latin, Greek, Cyrillic, Chinese, Japanese, Korean, Arabic, Hebrew, Thai
  and emoji are written with fonts of the package; any other character is a box with its code.
- The same request with the same `seed` gives the same bytes, whatever machine it is drawn on, with
  the same version of Pillow.
"""


def page() -> str:
    """Return docs/tasks.md."""
    states = (
        f"| `{status}` | {when} | {', '.join(TRANSITIONS[status]) or 'none'} |"
        for status, when in STATES.items()
    )
    markers = (f"| `{each.form}` | {each.meaning} |" for each in MARKERS.values())
    models = (
        f"| `{model.id}` | {', '.join(model.ratios)} | {_prices(model)} |" for model in MODELS
    )
    return "\n".join(
        [
            TASKS_HEAD,
            "| status | when | possible next statuses |\n|---|---|---|",
            *states,
            "\n## Markers\n\n`[fake: PART; PART]` in a prompt sets the outcome. The parts are:\n",
            "| part | what it does |\n|---|---|",
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
