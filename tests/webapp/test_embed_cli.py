"""The lines that `kb embed snippet` prints for the pages of other sites."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from click.testing import CliRunner

from webapp.api.embed_script import embed_file
from webapp.embed_cli import embed

BASE = "https://help.example.com/support"


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_BASE_URL", BASE)


def printed(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(embed, ["snippet", *arguments])
    assert result.exit_code == 0
    return result.stdout, result.stderr


def test_the_tag_has_the_address_of_the_portal() -> None:
    tag, _ = printed("--input", 'input[name="subject"]', "--form", "contact")
    assert f'src="{BASE}/embed.js"' in tag
    assert 'data-input="input[name=&quot;subject&quot;]"' in tag
    assert 'data-form="contact"' in tag
    assert tag.endswith(" async></script>\n")


def test_checksums_are_those_of_what_is_served() -> None:
    lines, hashes = printed("--integrity")
    found = re.search(r'<script type="importmap">(.*)</script>', lines)
    assert found
    pinned = json.loads(found[1])["integrity"]
    assert pinned == {
        f"{BASE}{address}": embed_file(address).integrity
        for address in ("/embed-companion.js", "/embed-pack.js")
    }
    assert f'integrity="{embed_file("/embed.js").integrity}" crossorigin="anonymous"' in lines
    assert policy_hash(found[1]) in hashes


def policy_hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_a_selector_cannot_end_the_inline_script() -> None:
    lines, hashes = printed("--after-load", "--input", "</script><b>")
    assert lines.count("</script>") == 1
    script = lines.removeprefix("<script>").removesuffix("</script>\n")
    assert policy_hash(script) in hashes
