"""The table of operations: everything that is true of each, in one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError

DIALECTS = ("page", "live")

KEY = "key"
FILE = "file"

FILE_PREFIXES = ("/f/image/", "/image/")
"""Where file URLs live, in reality on a host of their own; the second is an alias (live)."""

_ALWAYS = ("internal_error", "bad_gateway", "service_unavailable")
_KEYED = ("invalid_key", "forbidden", "rate_limited", *_ALWAYS)
_PAID = (*_KEYED, "insufficient_balance")
_FILE_SUBJECTS = ("filename", "size", "content_type", "header")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that a client can ask for."""

    name: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    """With parameters in braces, as Starlette has them."""
    dialects: tuple[str, ...] = DIALECTS
    """In which dialects it is there."""
    form: str = ""
    """Tells apart routes of one operation that answer in forms of their own."""
    queries: tuple[str, ...] = ()
    """The parameters of the query that are read."""
    world: str = ""
    """Whose world a request belongs to: that of its KEY or of the FILE that it asks for.

    Empty where it belongs to none: it then needs no key, meets no rule and is not journaled.
    """
    needs_balance: bool = False
    """Whether a key is refused that has hardly anything left (live).

    Only the balance and the poll of a task do without, so that nobody's last money hides its own
    result (assumed).
    """
    is_rated: bool = False
    """Whether a request counts against its key's rate."""
    is_versioned: bool = False
    """Whether answers and errors take the form that `X-APIMart-Response-Version` asks for."""
    store_failure: Callable[[], ApiError] = errors.service_unavailable
    """How a failure of the storage is stated."""
    faults: tuple[str, ...] = _KEYED
    """The errors that a rule can name for it."""
    subjects: tuple[str, ...] = ("header",)
    """What a rule can ask of its requests."""

    @property
    def handler(self) -> str:
        """The name under which its handler is registered."""
        return f"{self.name}:{self.form}" if self.form else self.name


OPERATIONS = (
    Operation(
        name="uploads.create",
        methods=("POST",),
        paths=("/v1/uploads/images",),
        world=KEY,
        needs_balance=True,
        is_rated=True,
        store_failure=errors.upload_failed,
        faults=(*_PAID, "file_too_large", "upload_failed"),
        subjects=_FILE_SUBJECTS,
    ),
    Operation(
        name="files.get",
        methods=("GET", "HEAD"),
        paths=tuple(f"{prefix}{{name:anything}}" for prefix in FILE_PREFIXES),
        world=FILE,
        store_failure=errors.file_unavailable,
        faults=("service_unavailable", "access_denied"),
        subjects=_FILE_SUBJECTS,
    ),
    Operation(
        name="generations.create",
        methods=("POST",),
        paths=("/v1/images/generations",),
        world=KEY,
        needs_balance=True,
        is_rated=True,
        is_versioned=True,
        faults=(*_PAID, "channel_busy", "model_not_found"),
        subjects=("prompt", "json", "header"),
    ),
    Operation(
        name="tasks.get",
        methods=("GET",),
        paths=("/v1/tasks/{task_id}",),
        queries=("language",),
        world=KEY,
    ),
    Operation(
        name="tasks.get",
        methods=("GET",),
        paths=("/v1/images/generations/{task_id}",),
        dialects=("page",),
        form="page",
        queries=("language",),
        world=KEY,
    ),
    Operation(
        name="tasks.batch",
        methods=("POST",),
        paths=("/v1/tasks/batch",),
        world=KEY,
        needs_balance=True,
        faults=_PAID,
        subjects=("json", "header"),
    ),
    Operation(
        name="models.list",
        methods=("GET",),
        paths=("/v1/models",),
        queries=("expand", "category"),
        world=KEY,
        needs_balance=True,
        faults=_PAID,
    ),
    Operation(
        name="models.get",
        methods=("GET",),
        paths=("/v1/models/{model}",),
        world=KEY,
        needs_balance=True,
        faults=_PAID,
    ),
    Operation(
        name="models.schema",
        methods=("GET",),
        paths=("/v1/models/{model:anything}/schema", "/v1/model-schema"),
        queries=("model", "operation"),
        world=KEY,
        needs_balance=True,
        faults=_PAID,
    ),
    Operation(
        name="models.docs",
        methods=("GET",),
        paths=("/v1/model-docs",),
        queries=("model",),
        world=KEY,
        needs_balance=True,
        faults=_PAID,
    ),
    Operation(
        name="balance.get",
        methods=("GET",),
        paths=("/v1/balance", "/balance", "/v1/user/balance", "/user/balance"),
        world=KEY,
    ),
    Operation(name="health", methods=("GET",), paths=("/_fake/health",), faults=()),
    Operation(name="ready", methods=("GET",), paths=("/_fake/ready",), faults=()),
)

BY_NAME = {each.name: each for each in OPERATIONS}
"""A row of each operation; rows of one name differ in nothing but their routes."""

JOURNALED = tuple(each.name for each in BY_NAME.values() if each.world)
"""The operations that journals tell of, and that a rule can be written for."""

KEYED = tuple(each.name for each in BY_NAME.values() if each.world == KEY)
"""Those that need an API key."""


def is_file_path(path: str) -> bool:
    """Return whether `path` is a file's URL, and not one of the API."""
    return path.startswith(FILE_PREFIXES)
