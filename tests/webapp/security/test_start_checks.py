"""What must not be so when a portal starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.settings import Settings, load_settings
from webapp.security.start_checks import check_start


def settings_with(tmp_path: Path, **more: str) -> Settings:
    data = tmp_path / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    return load_settings({}, data=str(data), **more)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"demo": "yes", "base_url": "https://help.example.com"}, "KB_BASE_URL"),
        ({"demo": "yes", "base_url": "http://help.example.com"}, "KB_BASE_URL"),
        ({"demo": "yes", "base_url": "https://localhost"}, "KB_BASE_URL"),
        ({"demo": "yes", "host": "0.0.0.0"}, "KB_HOST"),
        ({"demo": "yes", "host": "192.168.0.7"}, "KB_HOST"),
        (
            {"base_url": "https://help.example.com", "secure_cookies": "no"},
            "KB_SECURE_COOKIES",
        ),
        ({"base_url": "https://help.example.com", "secret_key": "changeme" * 4}, "KB_SECRET_KEY"),
    ],
)
def test_an_unsafe_combination_is_refused(
    tmp_path: Path, given: dict[str, str], field: str
) -> None:
    with pytest.raises(Misconfigured, match=field):
        check_start(settings_with(tmp_path, **given))


@pytest.mark.parametrize(
    "given",
    [
        {"demo": "yes"},
        {"demo": "yes", "host": "::1", "base_url": "http://localhost:8000"},
        {"base_url": "https://help.example.com", "host": "0.0.0.0"},
        {"base_url": "http://help.example.com"},
        {"base_url": "http://help.example.com", "secret_key": "k" * 40},
        {"base_url": "https://help.example.com", "secret_key": "0123456789abcdef" * 2},
    ],
)
def test_a_safe_one_starts(tmp_path: Path, given: dict[str, str]) -> None:
    check_start(settings_with(tmp_path, **given))


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_data_folder_that_others_enter_is_refused(tmp_path: Path, mode: int) -> None:
    settings = settings_with(tmp_path)
    settings.data.chmod(mode)
    with pytest.raises(Misconfigured, match=f"chmod 700 {settings.data}"):
        check_start(settings)
    settings.data.chmod(0o700)
    check_start(settings)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_signing_key_that_others_read_is_refused(tmp_path: Path, mode: int) -> None:
    settings = settings_with(tmp_path)
    key = settings.data / "secret.key"
    key.write_text("k" * 64)
    key.chmod(mode)
    with pytest.raises(Misconfigured, match=f"chmod 600 {key}"):
        check_start(settings)
    key.chmod(0o600)
    check_start(settings)
