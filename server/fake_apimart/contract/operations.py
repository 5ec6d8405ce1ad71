"""What the server does, operation by operation: one table for routes, limits of CORS and docs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client can ask for: a name, the methods and the paths that lead to it.

    `queries` are the parameters that are read of the query; `form` tells apart routes of the same
    operation that answer in forms of their own.
    """

    name: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    dialects: tuple[str, ...] = ("page", "live")
    queries: tuple[str, ...] = ()
    form: str = ""

    @property
    def handler(self) -> str:
        """The name of who answers."""
        return f"{self.name}:{self.form}" if self.form else self.name


FILE_PREFIXES = ("/f/image/", "/image/")
"""Where file URLs live, in reality on a host of their own; the second is an alias (live)."""

OPERATIONS = (
    Operation("uploads.create", ("POST",), ("/v1/uploads/images",)),
    Operation(
        "files.get",
        ("GET", "HEAD"),
        tuple(f"{prefix}{{name:file_name}}" for prefix in FILE_PREFIXES),
    ),
    Operation("generations.create", ("POST",), ("/v1/images/generations",)),
    Operation("tasks.get", ("GET",), ("/v1/tasks/{task_id}",), queries=("language",)),
    Operation(
        "tasks.get",
        ("GET",),
        ("/v1/images/generations/{task_id}",),
        dialects=("page",),
        queries=("language",),
        form="page",
    ),
    Operation("tasks.batch", ("POST",), ("/v1/tasks/batch",)),
    Operation("models.list", ("GET",), ("/v1/models",)),
    Operation(
        "models.schema",
        ("GET",),
        ("/v1/models/{model:path}/schema", "/v1/model-schema"),
        queries=("model", "operation"),
    ),
    Operation("balance.get", ("GET",), ("/v1/balance", "/balance", "/v1/user/balance")),
    Operation("health", ("GET",), ("/_fake/health",)),
)

FAULTY = tuple(dict.fromkeys(each.name for each in OPERATIONS if each.name != "health"))
"""The operations that a rule can be written for, and that journals tell of."""

READ_QUERIES = {each.name: each.queries for each in OPERATIONS}
"""Which parameters of the query each operation reads."""


def is_file_path(path: str) -> bool:
    """Whether `path` is a file's URL, and not one of the API."""
    return path.startswith(FILE_PREFIXES)


def allows(method: str, path: str) -> bool:
    """Whether an API operation answers `method` at exactly `path`."""
    return any(method in each.methods and path in each.paths for each in OPERATIONS)
