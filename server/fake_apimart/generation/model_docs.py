"""The documentation of a model, as a page in Markdown for clients that read it (live client)."""

from __future__ import annotations

import json
from typing import Any

from fake_apimart.contract.operations import BY_NAME
from fake_apimart.generation.models import Model
from fake_apimart.generation.published_schema import MORE, published_schema
from fake_apimart.go.url import path_escape

CACHE_SECONDS = 7 * 86_400
"""How long a client may keep a page (live client)."""
_PAGES = "https://docs.apimart.ai/en/api-reference/images"


def docs_answer(name: str, model: Model | None, now_s: int) -> dict[str, Any]:
    """Return the page of the model called `name`, None where it is not listed (assumed).

    `now_s` is in Unix seconds.
    """
    url = f"{_PAGES}/{path_escape(name.encode('utf-8', 'surrogateescape'))}/generation"
    return {
        "object": "model.documentation",
        "model": name,
        "doc_url": url,
        "markdown_url": f"{url}.md",
        "markdown": _page(model) if model else _page_of_unlisted(name),
        "fetched_at": now_s,
        "cache_ttl_seconds": CACHE_SECONDS,
        "stale": False,
    }


def _page(model: Model) -> str:
    schema = published_schema(model)
    rules = {**schema["properties"]}
    for name, more in schema[MORE].items():
        rules[name] = {**rules.get(name, {}), **more}
    create = BY_NAME["generations.create"]
    rows = "".join(
        f"| `{name}` | `{json.dumps(rule, ensure_ascii=False)}` |\n" for name, rule in rules.items()
    )
    return (
        f"# {model.id}\n\n"
        "This page is fake-apimart's own: it tells what this server takes.\n\n"
        f"`{create.methods[0]} {create.paths[0]}` with a JSON body creates a task, which "
        f"`GET /v1/tasks/{{task_id}}` polls.\n\n"
        f"| field | rules, as JSON Schema |\n|---|---|\n{rows}"
    )


def _page_of_unlisted(name: str) -> str:
    return (
        f"# {name}\n\n"
        "`GET /v1/models` does not list this model, so this server has no documentation of it.\n"
    )
