"""How each operation is described in the OpenAPI document, by the name of its handler."""

from __future__ import annotations

from collections.abc import Mapping

from fake_apimart_testing.version import __version__

from fake_apimart.contract.documentation import TEXT, Answer, Documentation, record
from fake_apimart.files import documentation as files
from fake_apimart.gateway.health import CHECK_SECONDS, READY, UNAVAILABLE
from fake_apimart.generation import catalogue_documentation as catalogue
from fake_apimart.generation import documentation as generation
from fake_apimart.tasks import documentation as tasks
from fake_apimart.uploads import documentation as uploads

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

_READINESS = record(
    "Readiness",
    {
        "status": {"type": "string", "enum": [READY, UNAVAILABLE]},
        "version": TEXT,
        "missing": {
            "type": "object",
            "additionalProperties": TEXT,
            "description": "Of `storage`, `state` and `server`, those that cannot work, and why.",
        },
    },
)


def _readiness(status: int, meaning: str, missing: Mapping[str, str]) -> Answer:
    said = UNAVAILABLE if missing else READY
    content = {"status": said, "version": __version__, "missing": missing}
    return Answer(status, meaning, _READINESS, {said: content})


READINESS = Documentation(
    tag="health",
    summary="Tell whether the server can work.",
    description=(
        "For load balancers and readiness probes: asks the storage, and what servers share. "
        "It needs no key, and is there with `FAKE_APIMART_CONTROL=off`."
    ),
    answers=(
        _readiness(200, "All that it needs answers.", {}),
        _readiness(
            503,
            "Something that it needs does not answer, or it is about to end.",
            {"state": f"no answer within {CHECK_SECONDS:g} s"},
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
    "ready": READINESS,
}

TAGS = {
    "uploads": "Images for generation requests to refer to.",
    "files": "What URLs of uploads and results lead to.",
    "generations": "Tasks that generate images.",
    "tasks": "How tasks stand, and what came of them.",
    "models": "Which models there are, and what they take.",
    "balance": "What a key has to spend.",
    "health": "Whether the server is there, and can work.",
}
"""The groups of operations, in the order in which the page shows them."""
