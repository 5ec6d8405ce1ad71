"""The settings: one typed object, read from `FAKE_APIMART_…` variables and command-line flags.

Each setting is described here alone: the command's help and docs/settings.md are generated from
these descriptions, and tests compare them.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fake_apimart_storage import is_text, storage_at
from platformdirs import user_data_dir
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fake_apimart.common.addresses import without_passwords
from fake_apimart.common.rates import parse_rate
from fake_apimart.common.redaction import REDACTED

PREFIX = "FAKE_APIMART_"
OTHER_VARIABLES = ("FAKE_APIMART_URL",)
"""Variables with the prefix that configure users' test suites, not a server."""

_MEBIBYTE = 1024 * 1024
_SECONDS_PER_DAY = 86_400
_NO_URL = re.compile(r"[\s\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})")
"""What no URL holds."""
_HOST = re.compile(r"[^\s/?#@\[\]\x00-\x1f\x7f]+")


def _default_storage() -> str:
    """Return the location of the user's data folder; `~` stays in it where there is no home."""
    try:
        return f"dir:{user_data_dir('fake-apimart', appauthor=False)}"
    except RuntimeError:
        # What is wrong with it is said as of any other location.
        return "dir:~/.local/share/fake-apimart"


class InvalidSettings(Exception):
    """Raised for unusable settings; the message is one line that names each.

    It states their values too, but for API keys, tokens and passwords.
    """


class Settings(BaseSettings):
    """The configuration of a server, fixed at its start. Sizes are bytes, times seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(
        default=8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one."
    )
    storage: str = Field(
        default_factory=_default_storage,
        description=(
            "Where files live: memory://, dir:PATH or s3://BUCKET/PREFIX; "
            "by default a folder of the user's."
        ),
    )
    api_keys: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        repr=False,
        description="The good API keys, by commas; none set means any key is good.",
    )
    public_url: str = Field(
        default="",
        description="What file URLs begin with; by default the host that the upload was sent to.",
    )
    dialect: Literal["page", "live"] = Field(
        default="page",
        description="Answers as on the vendor's page, or as the live service was seen to.",
    )
    max_file_bytes: int = Field(default=20 * _MEBIBYTE, ge=1, description="Largest file, in bytes.")
    max_body_bytes: int = Field(
        default=1024 * _MEBIBYTE, ge=1, description="Largest request body that is read, in bytes."
    )
    url_ttl_seconds: int = Field(
        default=3 * _SECONDS_PER_DAY,
        ge=1,
        le=3650 * _SECONDS_PER_DAY,
        description="How long a file's URL is good, in seconds.",
    )
    delivery: Literal["proxy", "redirect"] = Field(
        default="proxy",
        description="Files come through the server, or by a redirect to a presigned URL of S3.",
    )
    s3_public_endpoint: str = Field(
        default="",
        description="The URL by which clients reach the S3 store, if not the server's own.",
    )
    rate_limit: str = Field(
        default="",
        description="Uploads and tasks per key, such as 60/minute; by default no limit.",
    )
    task_seconds: float = Field(
        default=2.0, ge=0, le=86_400, description="How long a generation task takes, in seconds."
    )
    task_polls: int = Field(
        default=0, ge=0, le=1_000_000, description="How many polls a task stays unfinished for."
    )
    task_failure: str = Field(
        default="", description="Let tasks fail with this message; by default they complete."
    )
    models: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="The models that are offered, by commas; none set means any name is good.",
    )
    balance: float = Field(
        default=100.0, ge=0, le=1e9, description="What each key has to spend on tasks at first."
    )
    accept_base64: bool = Field(
        default=False, description="Take data: URIs in image_urls, as some older pages say."
    )
    decode_check: bool = Field(
        default=False, description="Refuse pictures that do not decode: `invalid image content`."
    )
    control: bool = Field(
        default=True, description="Serve the control API below /_fake/, and know magic keys."
    )
    access_log: bool = Field(
        default=True, description="Write a line for each request to standard error."
    )
    admin_token: str = Field(
        default="",
        repr=False,
        description="Opens calls about the whole server on an address that is not loopback.",
    )
    file_cors: bool = Field(
        default=False,
        description="Let scripts of web pages read files (the real service does not).",
    )

    @field_validator("api_keys", "models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        items = frozenset(filter(None, (item.strip() for item in value.split(","))))
        if not items:
            raise ValueError("expected at least one item")
        return items

    @field_validator("*", mode="before")
    @classmethod
    def _check_text(cls, value: object) -> object:
        if isinstance(value, str) and not is_text(value):
            raise ValueError("expected text in UTF-8")
        return value

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        try:
            value.encode("idna")
        except UnicodeError as error:
            raise ValueError(f"no name of a host: {error}") from None
        if not _HOST.fullmatch(value):
            raise ValueError("expected a host name or an IP address, without brackets")
        return value

    @field_validator("storage")
    @classmethod
    def _check_storage(cls, value: str) -> str:
        storage_at(value)
        return value

    @field_validator("delivery")
    @classmethod
    def _check_delivery(cls, value: str, info: ValidationInfo) -> str:
        if value == "redirect" and not info.data.get("storage", "s3://").startswith("s3://"):
            raise ValueError(f"needs {variable_of('storage')}=s3://BUCKET")
        return value

    @field_validator("public_url", "s3_public_endpoint")
    @classmethod
    def _normalize_url(cls, value: str) -> str:
        url = urlsplit(value)
        if value and (url.scheme not in ("http", "https") or not url.hostname):
            raise ValueError("expected a URL that begins with http:// or https://")
        _ = url.port  # raises ValueError where it is no port
        if _NO_URL.search(value):
            raise ValueError("expected a URL without blanks and broken escapes")
        if url.query or url.fragment:
            raise ValueError("expected a URL without query and fragment")
        return value.rstrip("/")

    @field_validator("rate_limit")
    @classmethod
    def _check_rate(cls, value: str) -> str:
        if value:
            try:
                parse_rate(value)
            except ValueError:
                raise ValueError("expected a rate such as 60/minute") from None
        return value


def read_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """Return this process's settings. Raises InvalidSettings.

    `flags`, by the setting's name, override environment variables, and those the defaults.
    """
    flags = flags or {}
    _refuse_unknown_variables()
    try:
        return Settings(**flags)
    except ValidationError as error:
        problems = (_describe(problem, flags) for problem in error.errors())
        raise InvalidSettings("; ".join(problems)) from None


def _refuse_unknown_variables() -> None:
    known = list(Settings.model_fields)
    for variable in os.environ:
        name = variable.removeprefix(PREFIX).lower()
        if variable in OTHER_VARIABLES:
            continue
        if variable.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"did you mean {variable_of(close[0])}?"
                if close
                else f"known are {', '.join(map(variable_of, known))}"
            )
            # Its value is not shown: it may be an API key under a name with a slip.
            raise InvalidSettings(f"{variable}: unknown setting; {hint}")


def _describe(problem: Mapping[str, Any], flags: Mapping[str, Any]) -> str:
    name = str(problem["loc"][0])
    reason = problem["msg"].removeprefix("Value error, ")
    source = flag_of(name) + " " if name in flags else variable_of(name) + "="
    is_secret = not Settings.model_fields[name].repr
    shown = REDACTED if is_secret else without_passwords(str(problem["input"]))
    return f"{source}{shown}: {reason}"


def variable_of(name: str) -> str:
    """Return the environment variable of a setting: `FAKE_APIMART_PORT` for `port`."""
    return PREFIX + name.upper()


def flag_of(name: str) -> str:
    """Return the command-line flag of a setting: `--max-file-bytes` for `max_file_bytes`."""
    return "--" + name.replace("_", "-")
