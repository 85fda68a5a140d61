"""A data folder belongs to one site."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.settings import load_settings
from kb.site.data_folder import claim_data_folder


def test_two_sites_never_share_a_data_folder(tmp_path: Path) -> None:
    first, second, data = tmp_path / "a" / "acme", tmp_path / "b" / "acme", tmp_path / "data"
    first.mkdir(parents=True)
    second.mkdir(parents=True)
    claim_data_folder(data, first)
    claim_data_folder(data, first)
    with pytest.raises(Misconfigured) as refused:
        claim_data_folder(data, second)
    assert refused.value.field == "data"


def test_a_data_folder_names_its_site_unless_another_content_is_asked_for(tmp_path: Path) -> None:
    site, data = tmp_path / "acme", tmp_path / "data"
    site.mkdir()
    claim_data_folder(data, site)
    settings = load_settings({}, data=str(data))
    assert (settings.site, settings.content, settings.data) == (str(site), site, data)
    assert load_settings({"KB_DATA": str(data), "KB_CONTENT": "content"}).site == ""
    site.rmdir()
    assert load_settings({"KB_DATA": str(data)}).site == ""


def test_a_site_may_move(tmp_path: Path) -> None:
    before, data = tmp_path / "acme", tmp_path / "data"
    before.mkdir()
    claim_data_folder(data, before)
    after = before.rename(tmp_path / "elsewhere")
    claim_data_folder(data, after)
    before.mkdir()
    with pytest.raises(Misconfigured):
        claim_data_folder(data, before)
