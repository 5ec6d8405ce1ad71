"""How each operation is described in the OpenAPI document, by the name of its handler."""

from __future__ import annotations

from fake_apimart.contract.documentation import TEXT, Answer, Documentation, record
from fake_apimart.files import documentation as files
from fake_apimart.generation import catalogue_documentation as catalogue
from fake_apimart.generation import documentation as generation
from fake_apimart.tasks import documentation as tasks
from fake_apimart.uploads import documentation as uploads
from fake_apimart.version import __version__

HEALTH = Documentation(
    tag="health",
    summary="Tell that the server answers.",
    description="For health checks; it needs no key, and is there with `FAKE_APIMART_CONTROL=off`.",
    answers=(
        Answer(
            200,
            "The server takes requests.",
            record(
                "Health",
                {
                    "status": {"type": "string", "const": "ok"},
                    "version": TEXT,
                    "storage": {**TEXT, "description": "Where it keeps files."},
                },
            ),
            {"ok": {"status": "ok", "version": __version__, "storage": "memory://"}},
        ),
    ),
)

DOCUMENTATION: dict[str, Documentation] = {
    **uploads.DOCUMENTATION,
    **files.DOCUMENTATION,
    **generation.DOCUMENTATION,
    **catalogue.DOCUMENTATION,
    **tasks.DOCUMENTATION,
    "health": HEALTH,
}

TAGS = {
    "uploads": "Images for generation requests to refer to.",
    "files": "What URLs of uploads and results lead to.",
    "generations": "Tasks that generate images.",
    "tasks": "How tasks stand, and what came of them.",
    "models": "Which models there are, and what they take.",
    "balance": "What a key has to spend.",
    "health": "Whether the server is there.",
}
"""The groups of operations, in the order in which the page shows them."""
