"""Settings: their sources, accepted values, and errors."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Any

import pytest
from fake_apimart.settings.names import flag_of, variable_of
from fake_apimart.settings.reading import InvalidSettings, read_settings
from fake_apimart.settings.settings import Settings
from pydantic import ValidationError


def test_defaults_are_those_of_a_local_fake() -> None:
    settings = read_settings()
    assert (settings.host, settings.port, settings.dialect) == ("127.0.0.1", 8080, "page")
    assert (settings.max_file_bytes, settings.max_body_bytes) == (20_971_520, 1_073_741_824)
    assert settings.url_ttl_seconds == 259_200
    assert (settings.api_keys, settings.rate_limit) == (frozenset(), "")
    assert (settings.decode_check, settings.file_cors) == (False, False)
    assert settings.storage.startswith("dir:")
    assert settings.storage.endswith("fake-apimart")


GOOD = [
    ("host", "0.0.0.0", "0.0.0.0"),
    ("port", "0", 0),
    ("storage", "memory://", "memory://"),
    ("storage", "dir:./data", "dir:./data"),
    ("api_keys", "a, b,,a", frozenset({"a", "b"})),
    ("public_url", "https://x.example/base/", "https://x.example/base"),
    ("public_hosts", "files.example, 10.0.0.5:8080,,", ("files.example", "10.0.0.5:8080")),
    ("public_hosts", "[2001:db8::1]:80,a,a", ("[2001:db8::1]:80", "a")),
    (
        "trusted_proxies",
        "10.0.0.0/8, 192.0.2.1,::1",
        (IPv4Network("10.0.0.0/8"), IPv4Network("192.0.2.1/32"), IPv6Network("::1/128")),
    ),
    ("dialect", "live", "live"),
    ("max_file_bytes", "1", 1),
    ("max_body_bytes", "5000000000", 5_000_000_000),
    ("url_ttl_seconds", "60", 60),
    ("rate_limit", "60/minute", "60/minute"),
    ("decode_check", "true", True),
    ("file_cors", "1", True),
]


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_variable_is_read(
    name: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable_of(name), text)
    assert getattr(read_settings(), name) == value


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_empty_variable_counts_as_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable_of(name), "")
    assert read_settings() == Settings()


BAD = [
    ("port", "http", "valid integer"),
    ("port", "65536", "less than or equal to 65535"),
    ("port", "-1", "greater than or equal to 0"),
    ("storage", "s4://bucket", "expected memory://, dir:PATH or s3://BUCKET/PREFIX"),
    ("storage", "dir:", "needs a path"),
    ("storage", "memory://x", "nothing behind it"),
    ("public_url", "files.example", "http:// or https://"),
    ("public_url", "ftp://files.example", "http:// or https://"),
    ("public_url", "http://x/?a=b", "without query"),
    ("public_url", "http://files example", "without blanks and broken escapes"),
    ("public_hosts", "http://files.example", "http://files.example is no host; expected some such"),
    ("public_hosts", "a.example,b.example/x", "b.example/x is no host"),
    ("public_hosts", "a.example:99999", "a.example:99999 is no host"),
    ("public_hosts", "::1", "::1 is no host"),
    ("public_hosts", "[::x]", "[::x] is no host"),
    ("public_hosts", "b\u00fccher.example", "is no host"),
    ("public_hosts", ",", "at least one item"),
    ("trusted_proxies", "nginx", "nginx is no address; expected some such as 10.0.0.5"),
    ("trusted_proxies", "10.0.0.1/8", "10.0.0.1/8 has host bits set; expected some such"),
    ("trusted_proxies", "10.0.0.0/33", "10.0.0.0/33 is no address"),
    ("trusted_proxies", "10.0.0.0/8,*", "* is no address"),
    ("trusted_proxies", "127.1", "127.1 is no address"),
    ("s3_public_endpoint", "http://files.example/%zz", "without blanks and broken escapes"),
    ("dialect", "go", "'page' or 'live'"),
    ("max_file_bytes", "20MB", "valid integer"),
    ("max_file_bytes", "0", "greater than or equal to 1"),
    ("max_body_bytes", "-5", "greater than or equal to 1"),
    ("url_ttl_seconds", "0", "greater than or equal to 1"),
    ("url_ttl_seconds", "72h", "valid integer"),
    ("rate_limit", "often", "such as 60/minute"),
    ("decode_check", "perhaps", "valid boolean"),
]


@pytest.mark.parametrize(("name", "text", "reason"), BAD)
def test_bad_variable_is_refused_by_name_and_value(
    name: str, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable_of(name), text)
    with pytest.raises(InvalidSettings) as refusal:
        read_settings()
    assert str(refusal.value).startswith(f"{variable_of(name)}={text}: ")
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("name", "text", "reason"), BAD)
def test_bad_flag_is_refused_by_name_and_value(name: str, text: str, reason: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        read_settings({name: text})
    assert str(refusal.value).startswith(f"{flag_of(name)} {text}: ")
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    "variable", [variable_of("public_url"), variable_of("port"), variable_of("storage")]
)
def test_password_in_a_url_is_not_shown(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "ftp://user:pa@s3cret@files.example/x")
    with pytest.raises(InvalidSettings) as refusal:
        read_settings()
    assert str(refusal.value).startswith(f"{variable}=ftp://***@files.example/x: ")


@pytest.mark.parametrize("name", ["api_keys", "admin_token"])
def test_value_of_a_secret_is_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable_of(name), "sk-s3cret\udcff")
    for flags, source in (({}, f"{variable_of(name)}="), ({name: "\udcff"}, f"{flag_of(name)} ")):
        with pytest.raises(InvalidSettings) as refusal:
            read_settings(flags)
        assert str(refusal.value) == f"{source}***: expected text in UTF-8"


NOT_SECRET = [name for name in Settings.model_fields if name not in ("api_keys", "admin_token")]


@pytest.mark.parametrize(
    "text",
    [
        "sk-s3cret-of-some-length\udcff",
        "http://u:s3cret@h/\udcff",
        "http://h/?X-Amz-Signature=s3cret&a=b\udcff",
        "s3://key:s3cret@bucket?secret_access_key=s3cret\udcff",
        "user:s3cret@files.example\udcff",
        "Bearer s3cret\udcff",
        "token=s3cret\udcff",
    ],
)
@pytest.mark.parametrize("name", NOT_SECRET)
def test_secret_in_any_setting_is_not_shown(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable_of(name), text)
    for flags in ({}, {name: text}):
        with pytest.raises(InvalidSettings) as refusal:
            read_settings(flags)
        assert "s3cret" not in str(refusal.value)
        assert "***" in str(refusal.value)


def test_secrets_are_not_in_what_is_printed_of_settings() -> None:
    settings = Settings(storage="memory://", api_keys=frozenset({"s3cret"}), admin_token="s3cret")
    assert "s3cret" not in f"{settings} {settings!r}"


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_value_that_a_program_passes_is_not_repeated(name: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings.model_validate({"storage": "memory://", name: [{"a": "sk-s3cret-key"}]})
    assert "s3cret" not in str(refusal.value)


def test_hosts_are_checked_however_they_are_passed() -> None:
    with pytest.raises(ValidationError, match=r"\*\*\* is no host"):
        Settings.model_validate({"public_hosts": ["files.example", "http://u:s3cret@h, token=x"]})


def test_no_item_is_no_list_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_APIMART_API_KEYS", ",")
    with pytest.raises(InvalidSettings, match="at least one item"):
        read_settings()


def test_all_bad_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_APIMART_PORT", "x")
    with pytest.raises(InvalidSettings) as refusal:
        read_settings({"dialect": "y"})
    assert "FAKE_APIMART_PORT=x: " in str(refusal.value)
    assert "; --dialect y: " in str(refusal.value)


def test_flag_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_APIMART_PORT", "1")
    assert read_settings({"port": "2"}).port == 2


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("FAKE_APIMART_MAX_FILE_SIZE", "did you mean FAKE_APIMART_MAX_FILE_BYTES?"),
        ("fake_apimart_api_key", "did you mean FAKE_APIMART_API_KEYS?"),
        ("FAKE_APIMART_KEYS", "did you mean FAKE_APIMART_API_KEYS?"),
        ("FAKE_APIMART_XQZ", "known are FAKE_APIMART_HOST, "),
    ],
)
def test_unknown_variable_is_refused_with_a_hint(
    variable: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "sk-s3cret")
    with pytest.raises(InvalidSettings) as refusal:
        read_settings()
    # Windows has all variables in upper case.
    assert str(refusal.value).lower().startswith(f"{variable.lower()}: unknown setting; ")
    assert "s3cret" not in str(refusal.value)
    assert hint in str(refusal.value)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
