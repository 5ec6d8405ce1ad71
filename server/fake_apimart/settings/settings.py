"""The settings themselves.

Each setting is described here alone: the command's help and docs/settings.md are generated from
these descriptions, and tests compare them.
"""

from __future__ import annotations

import sys
from typing import Literal

from fake_apimart_storage import is_text
from platformdirs import user_data_dir
from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fake_apimart.settings.names import PREFIX, variable_of
from fake_apimart.settings.values import (
    BaseURL,
    Host,
    Location,
    Names,
    Networks,
    PublicHosts,
    Rate,
    StateLocation,
)

_MEBIBYTE = 1024 * 1024
_SECONDS_PER_DAY = 86_400


def _default_storage() -> str:
    """Return the location of the user's data folder; `~` stays in it where there is no home."""
    try:
        return f"dir:{user_data_dir('fake-apimart', appauthor=False)}"
    except RuntimeError:
        # What is wrong with it is said as of any other location.
        return "dir:~/.local/share/fake-apimart"


class Settings(BaseSettings):
    """The configuration of a server, fixed at its start. Sizes are bytes, times seconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    host: Host = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(
        default=8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one."
    )
    storage: Location = Field(
        default_factory=_default_storage,
        description=(
            "Where files live: memory://, dir:PATH or s3://BUCKET/PREFIX, where fake-apimart "
            "stands for a missing prefix; by default a folder of the user's."
        ),
    )
    state: StateLocation = Field(
        default="memory://",
        description=(
            "Where clocks, rules, journals and the like are: memory://, or redis://HOST:PORT/0 "
            "for servers that are one fake."
        ),
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that serve, with a state and a storage that they can share.",
    )
    fsync: bool = Field(
        default=False,
        description="Sync each file and task of a folder to its disk, for the case of a power cut.",
    )
    api_keys: Names = Field(
        default=frozenset(),
        repr=False,
        description="The good API keys, by commas; none set means any key is good.",
    )
    public_url: BaseURL = Field(
        default="",
        description="What file URLs begin with; by default the host that the upload was sent to.",
    )
    public_hosts: PublicHosts = Field(
        default=(),
        description=(
            "The hosts (HOST or HOST:PORT, by commas) that URLs may name; "
            "a request to another host gets URLs of the first."
        ),
    )
    trusted_proxies: Networks = Field(
        default=(),
        description=(
            "Addresses and networks of reverse proxies, by commas, whose "
            "X-Forwarded-Proto, -Host and -Prefix count for URLs."
        ),
    )
    dialect: Literal["page", "live"] = Field(
        default="page",
        description="Answers as on the vendor's page, or as the live service was seen to.",
    )
    max_file_bytes: int = Field(default=20 * _MEBIBYTE, ge=1, description="Largest file, in bytes.")
    max_body_bytes: int = Field(
        default=1024 * _MEBIBYTE, ge=1, description="Largest request body that is read, in bytes."
    )
    max_memory_bytes: int = Field(
        default=1024 * _MEBIBYTE,
        ge=1,
        description=(
            "What memory:// may hold, in bytes; what has expired goes first, then uploads fail."
        ),
    )
    head_seconds: float = Field(
        default=60,
        gt=0,
        le=_SECONDS_PER_DAY,
        description="Seconds that a new connection may send nothing, or a request's head take.",
    )
    keep_alive_seconds: float = Field(
        default=75,
        gt=0,
        le=_SECONDS_PER_DAY,
        description="Seconds that a connection stays open for another request.",
    )
    body_pause_seconds: float = Field(
        default=300,
        gt=0,
        le=_SECONDS_PER_DAY,
        description="Seconds that a client may send nothing of a body that is being read.",
    )
    download_pause_seconds: float = Field(
        default=300,
        gt=0,
        le=_SECONDS_PER_DAY,
        description="Seconds that a client may read nothing of an answer.",
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
    s3_public_endpoint: BaseURL = Field(
        default="",
        description="The URL by which clients reach the S3 store, if not the server's own.",
    )
    s3_addressing: Literal["auto", "path", "virtual"] = Field(
        default="auto",
        description=(
            "Where URLs of S3 have the bucket: in the path or in the host (virtual); auto as the "
            "AWS configuration says, else in the path but for Amazon."
        ),
    )
    s3_patience_seconds: float = Field(
        default=20.0,
        gt=0,
        le=_SECONDS_PER_DAY,
        description="Seconds that an S3 store may neither take nor send anything of a transfer.",
    )
    rate_limit: Rate = Field(
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
    models: Names = Field(
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
    decode_seconds: float = Field(
        default=30.0,
        ge=0.1,
        le=3600,
        description="How long decoding a picture may take, in seconds; after that it is broken.",
    )
    control: bool = Field(
        default=True, description="Serve the control API below /_fake/, and know magic keys."
    )
    access_log: bool = Field(default=True, description="Write a line for each request to the log.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="Lines of the log are text, or JSON objects."
    )
    metrics: bool = Field(
        default=True, description="Count requests and more, for GET /_fake/metrics."
    )
    admin_token: str = Field(
        default="",
        repr=False,
        description="Opens calls about the whole server to others than this machine.",
    )
    file_cors: bool = Field(
        default=False,
        description="Let scripts of web pages read files (the real service does not).",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _check_text(cls, value: object) -> object:
        if isinstance(value, str) and not is_text(value):
            raise ValueError("expected text in UTF-8")
        return value

    @field_validator("state")
    @classmethod
    def _check_state(cls, value: str, info: ValidationInfo) -> str:
        if value != "memory://" and info.data.get("storage") == "memory://":
            storage = variable_of("storage")
            raise ValueError(f"needs a storage that servers can share: {storage}=s3://BUCKET")
        return value

    @field_validator("workers")
    @classmethod
    def _check_workers(cls, value: int, info: ValidationInfo) -> int:
        if value == 1:
            return value
        if sys.platform == "win32":
            raise ValueError("this system has no signals by which several could be stopped")
        if info.data.get("state") == "memory://":
            raise ValueError(
                "workers would not share memory://: "
                f"needs {variable_of('state')}=redis://HOST:PORT/0"
                f" and {variable_of('storage')}=dir:PATH or s3://BUCKET"
            )
        return value

    @field_validator("delivery")
    @classmethod
    def _check_delivery(cls, value: str, info: ValidationInfo) -> str:
        if value == "redirect" and not info.data.get("storage", "s3://").startswith("s3://"):
            raise ValueError(f"needs {variable_of('storage')}=s3://BUCKET")
        return value
