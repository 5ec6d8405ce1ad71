"""The command `fake-apimart`."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from fake_apimart_storage import full_location
from fake_apimart_testing.version import __version__

from fake_apimart.common.addresses import local_url
from fake_apimart.common.redaction import redacted_text
from fake_apimart.common.texts import one_line
from fake_apimart.flags import (
    ApiKey,
    CallbackHost,
    Command,
    Commands,
    Dialect,
    Only,
    ServerURL,
    Spend,
    Yes,
    with_setting_flags,
)
from fake_apimart.settings.reading import InvalidSettings, read_server_url, read_settings
from fake_apimart.settings.settings import Settings

USAGE_ERROR = 2


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A self-hosted emulator of APIMart's image upload API.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        write(f"fake-apimart {__version__}\n")
        raise typer.Exit


@app.callback()
def command(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Its version.")
    ] = False,
) -> None:
    """Run a self-hosted emulator of APIMart's image upload API."""


@app.command(cls=Command)
@with_setting_flags
def serve(
    flags: dict[str, Any],
    *,
    listen_fd: Annotated[
        int | None,
        typer.Option(
            metavar="INTEGER",
            help="Take connections from this socket, which listens already; by default a new one.",
        ),
    ] = None,
    until_stdin_ends: Annotated[
        bool,
        typer.Option("--until-stdin-ends", help="Stop once standard input ends; by default not."),
    ] = False,
) -> None:
    """Start the server. Flags win over FAKE_APIMART_… variables."""
    settings = read_settings(flags)
    # Imported here because it takes half a second, and other commands need no server.
    if settings.workers == 1:
        from fake_apimart.server import run
    else:
        from fake_apimart.workers import run

    run(
        settings,
        lambda url: announce(url, settings),
        listen_fd=listen_fd,
        until_stdin_ends=until_stdin_ends,
    )


def announce(url: str, settings: Settings) -> None:
    """Say on standard output where the server listens, and how to point a client at it."""
    keys = "one of your API keys" if settings.api_keys else "any API key"
    storage = one_line(redacted_text(full_location(settings.storage)))
    page = f"Watch it at {local_url(url)}/_fake/\n" if settings.control else ""
    # A server whose output nobody takes is a server all the same.
    with contextlib.suppress(OSError):
        write(
            f"fake-apimart {__version__} listening on {url} (storage: {storage})\n"
            f"Use {local_url(url)} in place of https://api.apimart.ai, with {keys}. "
            f"Ctrl+C stops it.\n{page}"
        )


def write(text: str) -> None:
    """Write to standard output at once. Raises OSError where nobody takes it."""
    try:
        print(text, end="", flush=True)
    except OSError:
        # The interpreter would try it again at its end, and complain a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def complain(text: str) -> None:
    """Write one line to standard error, whatever characters `text` has."""
    with contextlib.suppress(OSError):
        print(f"fake-apimart: {one_line(redacted_text(text))}", file=sys.stderr, flush=True)


@app.command(cls=Command)
def reset(
    url: ServerURL = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Only the world of this API key; by default all.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Let a server forget everything, or all of one world."""
    settings = read_settings()
    url = read_server_url(url, settings)
    from fake_apimart_testing.control import Control, ControlError

    try:
        Control(url, key, settings.admin_token).call("POST", "reset")
    except ControlError as error:
        complain(f"not reset: {error}")
        raise typer.Exit(1) from None


@app.command(cls=Command)
def ready(
    url: ServerURL = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="NUMBER", help="Seconds to wait for it.")
    ] = 0,
) -> None:
    """Exit with status 0 when a server is ready, with 1 when not."""
    url = read_server_url(url, read_settings())
    from fake_apimart.readiness import wait_until_ready

    problem = wait_until_ready(url, wait)
    if problem is not None:
        complain(f"not ready: {problem}")
        raise typer.Exit(1)


@app.command(cls=Command)
def verify(
    target: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The server's URL; by default servers are started here."),
    ] = None,
    api_key: ApiKey = None,
    only: Only = None,
    spend: Spend = False,
    yes: Yes = False,
    dialect: Annotated[
        Dialect | None,
        typer.Option(
            metavar="page|live",
            help="Of the servers started here; by default page, or that of the snapshots.",
        ),
    ] = None,
    storage: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Where the servers that are started here store."),
    ] = "memory://",
    callback_host: CallbackHost = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Say what has moved since these snapshots were recorded; by default none.",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a report as JSON to this file; by default none."),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a report as JUnit XML; by default none."),
    ] = None,
) -> None:
    """Check what is known of APIMart against a server. What is not so is said."""
    # Imported here since other commands do without it, for a tenth of a second.
    from fake_apimart.verify_command import Options, verify

    options = Options(
        target=target,
        api_key=api_key,
        only=tuple(only or ()),
        spend=spend,
        yes=yes,
        dialect=dialect,
        storage=storage,
        callback_host=callback_host,
        json=json,
        junit=junit,
        against=against,
    )
    _exit_with(lambda: verify(options))


@app.command(cls=Command)
def record(
    target: Annotated[str, typer.Option(metavar="URL", help="The server's URL.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder for the snapshots.")],
    api_key: ApiKey = None,
    only: Only = None,
    spend: Spend = False,
    yes: Yes = False,
    callback_host: CallbackHost = None,
) -> None:
    """Keep what a server answers today as snapshots. `verify --against` compares with them."""
    from fake_apimart.record_command import record
    from fake_apimart.verify_command import Options

    options = Options(
        target=target,
        api_key=api_key,
        only=tuple(only or ()),
        spend=spend,
        yes=yes,
        callback_host=callback_host,
    )
    _exit_with(lambda: record(options, out))


def _exit_with(work: Callable[[], int]) -> None:
    """End the command with the status that `work` returns, or with a line and status 2."""
    from fake_apimart.verify_command import CannotVerify

    try:
        status = work()
    except CannotVerify as error:
        complain(str(error))
        status = USAGE_ERROR
    raise typer.Exit(status)


@app.command(cls=Command)
def fidelity() -> None:
    """Print what is emulated, how it is known, and what is not."""
    from fake_apimart.fidelity.page import markdown

    write(markdown())


def main() -> None:
    """Run the command; settings that cannot be used end it with one line and status 2.

    Status 1 and a line are the end of a command whose output nobody takes.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What the terminal's encoding cannot show must not end the command.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="fake-apimart")
    except InvalidSettings as error:
        complain(str(error))
        sys.exit(USAGE_ERROR)
    except OSError as error:
        complain(str(error))
        sys.exit(1)
