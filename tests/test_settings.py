"""Settings: read from the environment and from files, converted, refused by name."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kb.cli import settings
from kb.errors import Misconfigured
from kb.settings import SETTINGS, load_settings


def test_every_default_is_accepted() -> None:
    values = load_settings({})
    assert (values.port, values.data, values.demo) == (8000, Path("data"), False)
    assert values.policies_file == Path("content/policies.toml")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "65535", 65535),
        ("demo", "YES", True),
        ("log_level", "debug", "DEBUG"),
        ("publish_gate", "Refuse", "refuse"),
        ("smtp_tls", "TLS", "tls"),
        ("base_url", "https://help.example.com/", "https://help.example.com"),
        ("base_url", "https://example.com/a/help/", "https://example.com/a/help"),
        ("oidc_issuer", "https://id.example.com/", "https://id.example.com/"),
        (
            "webhook_urls",
            "http://a.example http://b.example",
            ("http://a.example", "http://b.example"),
        ),
        ("embed_origins", "https://www.example.com:8443", ("https://www.example.com:8443",)),
        ("mail_from", "help@example.com", "help@example.com"),
        ("webhook_secret", "whsec_" + "QUFB" * 8, ("whsec_" + "QUFB" * 8,)),
    ],
)
def test_a_value_is_converted(name: str, text: str, value: Any) -> None:
    assert getattr(load_settings({f"KB_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("KB_PORT", "0"),
        ("KB_PORT", "80000"),
        ("KB_PORT", "http"),
        ("KB_DEMO", "maybe"),
        ("KB_LOG_LEVEL", "LOUD"),
        ("KB_PUBLISH_GATE", "maybe"),
        ("KB_SMTP_TLS", "yes"),
        ("KB_BASE_URL", "help.example.com"),
        ("KB_BASE_URL", "https://help.example.com:0"),
        ("KB_BASE_URL", "https://example.com/help?x=1"),
        ("KB_BASE_URL", "https://example.com/a/../help"),
        ("KB_BASE_URL", "https://example.com/a;b"),
        ("KB_EMBED_ORIGINS", "https://www.example.com/page"),
        ("KB_EMBED_ORIGINS", "https://WWW.example.com"),
        ("KB_SECRET_KEY", "short"),
        ("KB_SECRET_KEY_FALLBACKS", "k" * 40 + " short"),
        ("KB_MAIL_FROM", "nobody"),
        ("KB_WEBHOOK_SECRET", "QUFB" * 8),
        ("KB_WEBHOOK_SECRET", "whsec_QUFB"),
        ("KB_COLOUR", "red"),
        ("KB_PORT_FILE", "/nowhere/port"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(variable: str, text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load_settings({variable: text})
    assert refused.value.sentence.startswith(variable)


@pytest.mark.parametrize("text", ["", " ", ":", "s3://[", "postgresql://[", "http://["])
def test_no_text_is_more_than_refused(text: str) -> None:
    for setting in SETTINGS:
        with contextlib.suppress(Misconfigured):
            load_settings({f"KB_{setting.name.upper()}": text})


def test_a_secret_is_read_from_a_file_and_never_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("p4ssword\n", "utf-8")
    monkeypatch.setenv("KB_SMTP_PASSWORD_FILE", str(tmp_path / "password"))
    assert load_settings().smtp_password == "p4ssword"
    printed = CliRunner().invoke(settings).stdout
    assert "KB_SMTP_PASSWORD=" in printed
    assert "p4ssword" not in printed
    with pytest.raises(Misconfigured) as refused:
        load_settings({"KB_SECRET_KEY": "secret but short"})
    assert "secret but short" not in refused.value.sentence


@pytest.mark.parametrize(
    ("given", "secure"),
    [
        ({}, False),
        ({"KB_BASE_URL": "https://help.example.com"}, True),
        ({"KB_BASE_URL": "https://help.example.com", "KB_SECURE_COOKIES": "no"}, False),
        ({"KB_SECURE_COOKIES": "yes"}, True),
    ],
)
def test_cookies_are_secure_by_default_when_the_portal_is(
    given: dict[str, str], secure: bool
) -> None:
    assert load_settings(given).secure_cookies is secure


@pytest.mark.parametrize(
    ("base_url", "allowed"),
    [
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("https://localhost", False),
        ("http://help.example.com", False),
        ("http://192.168.0.7:8000", False),
    ],
)
def test_demo_people_are_for_this_machine_only(base_url: str, allowed: bool) -> None:
    assert load_settings({"KB_BASE_URL": base_url, "KB_DEMO": "yes"}).allows_demo is allowed
    assert not load_settings({"KB_BASE_URL": base_url}).allows_demo


def test_an_override_wins_and_none_overrides_nothing() -> None:
    values = load_settings({"KB_PORT": "1", "KB_HOST": "::1"}, port="2", host=None)
    assert (values.port, values.host) == (2, "::1")


def test_the_command_prints_every_setting_with_its_purpose() -> None:
    printed = CliRunner().invoke(settings).stdout
    for setting in SETTINGS:
        assert f"KB_{setting.name.upper()}=" in printed
        assert setting.help in printed


def test_a_site_brings_its_content_and_data_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    values = load_settings({"KB_SITE": str(folder)})
    assert (values.content, values.data) == (folder, Path("data-acme"))
    assert values.policies_file == folder / "policies.toml"
    elsewhere = load_settings({"KB_SITE": str(folder), "KB_DATA": "there"})
    assert elsewhere.data == Path("there")
    assert load_settings({}, site=str(folder)).content == folder


def test_the_built_in_site_keeps_its_data_when_it_is_named() -> None:
    assert load_settings({"KB_SITE": "content"}).data == Path("data")


def test_a_site_must_be_a_folder_and_the_only_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as nowhere:
        load_settings({"KB_SITE": str(tmp_path / "nowhere")})
    assert nowhere.value.field == "site"
    with pytest.raises(Misconfigured) as two:
        load_settings({"KB_SITE": str(tmp_path), "KB_CONTENT": "content"})
    assert two.value.field == "site"
