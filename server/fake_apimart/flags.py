"""The flags of the command. Those of `serve` are made from the settings: each is described once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le
from typer.core import TyperCommand, TyperGroup

from fake_apimart.common.addresses import Network
from fake_apimart.common.redaction import redacted_text
from fake_apimart.settings.names import URL_VARIABLE, flag_of, variable_of
from fake_apimart.settings.settings import Settings

EXTRA = "Got unexpected extra argument"
# typer has no name for it, and is made on click or on a copy of click.
_UsageError: Any = typer.BadParameter.__bases__[0]
_METAVARS = {
    int: "INTEGER",
    float: "NUMBER",
    frozenset[str]: "NAME,NAME…",
    tuple[str, ...]: "HOST,HOST…",
    tuple[Network, ...]: "NETWORK,NETWORK…",
}


class Dialect(StrEnum):
    """The values of the setting of that name; typer takes no Literal before 0.19."""

    PAGE = "page"
    LIVE = "live"


ServerURL = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help=f"The server's URL, also by {URL_VARIABLE}; by default where `serve` would listen.",
        show_default=False,
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        envvar="APIMART_API_KEY",
        help="The key for the real service; by default none.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT", help="Only cases whose OPERATION/NAME contains this; by default all."
    ),
]
Spend = Annotated[
    bool,
    typer.Option(
        "--spend", help="Run what may cost money at the real service, too; by default not."
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Upload pictures to the real service unasked; by default not.")
]
CallbackHost = Annotated[
    str | None,
    typer.Option(
        metavar="HOST",
        help=(
            "This machine's address for callbacks, to listen on; "
            "by default none but for servers that are started here."
        ),
    ),
]


class Command(TyperCommand):
    """A command that does not repeat arguments it has no use for: one may be an API key."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments of the command line. Raises click's UsageError."""
        try:
            return super().parse_args(ctx, args)
        except _UsageError as error:
            is_extra = error.message.startswith(EXTRA)
            error.message = EXTRA if is_extra else redacted_text(error.message)
            raise


class Commands(TyperGroup):
    """The commands; what is none of them is not repeated either."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` begin with. Raises click's UsageError."""
        try:
            return super().resolve_command(ctx, args)
        except _UsageError as error:
            error.message = f"No such command; there are {', '.join(self.list_commands(ctx))}"
            raise


def with_setting_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with a flag for each setting, in place of its argument `flags`.

    `flags` gets those that were given, by setting's name. Their text goes to Settings as it is,
    which checks and explains it.
    """

    def run(**given: Any) -> None:
        flags = {name: given.pop(name) for name in Settings.model_fields}
        command({name: flag for name, flag in flags.items() if flag is not None}, **given)

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    parameters = [*map(_parameter, Settings.model_fields), *own]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def _parameter(name: str) -> inspect.Parameter:
    is_switch = Settings.model_fields[name].annotation is bool
    flag = flag_of(name)
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if is_switch else flag,
        help=f"{Settings.model_fields[name].description} [{'; '.join(_facts(name))}]",
        metavar=None if is_switch else _METAVARS.get(_type(name), "TEXT"),
        show_default=False,
        autocompletion=lambda: words_of(name),
    )
    text_or_switch: Any = bool | None if is_switch else str | None
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[text_or_switch, option],
    )


def _facts(name: str) -> list[str]:
    """Return what `--help` says in brackets: what is allowed, the default, the variable."""
    allowed = allowed_values(name)
    return [*([allowed] if allowed else []), f"default {default_value(name)}", variable_of(name)]


def _type(name: str) -> Any:
    return Settings.model_fields[name].annotation


def allowed_values(name: str) -> str:
    """Return which values a setting takes, in words; empty where its description says so."""
    field = Settings.model_fields[name]
    if get_origin(field.annotation) is Literal:
        return " or ".join(get_args(field.annotation))
    bounds: Mapping[type, Any] = {type(each): each for each in field.metadata}
    low, above, high = bounds.get(Ge), bounds.get(Gt), bounds.get(Le)
    if above is not None:
        return f"more than {above.gt}" + ("" if high is None else f", up to {high.le}")
    if low is None:
        return ""
    return f"{low.ge} or more" if high is None else f"{low.ge} to {high.le}"


def words_of(name: str) -> tuple[str, ...]:
    """Return the words that a shell completes, where a setting takes no others."""
    annotation = Settings.model_fields[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def default_value(name: str) -> str:
    """Return what holds where a setting is not set, in words."""
    if name == "storage":
        return "dir: in your data folder"
    default: Any = Settings.model_fields[name].default
    if isinstance(default, bool):
        return "on" if default else "off"
    return "none" if default in ("", frozenset(), ()) else str(default)
