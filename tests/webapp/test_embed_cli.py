"""The lines that `kb embed snippet` prints for the pages of other sites."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from click.testing import CliRunner

from tests.browser.embed.conftest import EMBED
from webapp.api.embed_script import EMBED_FILES, embed_file
from webapp.embed_cli import LOADER, embed

BASE = "https://help.example.com/support"
GUIDES = EMBED.parent / "content" / "docs" / "integrators"


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_BASE_URL", BASE)


def printed(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(embed, ["snippet", *arguments])
    assert result.exit_code == 0
    return result.stdout, result.stderr


def test_the_tag_has_the_address_of_the_portal() -> None:
    tag, hashes = printed("--input", 'input[name="subject"]', "--form", "contact")
    assert f'data-src="{BASE}/embed.js"' in tag
    assert 'data-input="input[name=&quot;subject&quot;]"' in tag
    assert 'data-form="contact"' in tag
    assert policy_hash(tag.partition(">")[2].removesuffix("</script>\n")) in hashes


def test_there_is_a_tag_without_an_inline_script() -> None:
    tag, hashes = printed("--tag")
    assert tag == f'<script src="{BASE}/embed.js" data-input="#subject" async></script>\n'
    assert not hashes


def test_the_lines_of_the_guides_are_those_of_the_command() -> None:
    fences = [
        fence
        for guide in GUIDES.glob("*.md")
        for fence in re.findall(r"^```html\n(.*?)^```", guide.read_text("utf-8"), re.M | re.S)
        if "data-src=" in fence
    ]
    assert len(fences) > 5
    assert all(f">{LOADER}</script>" in fence for fence in fences)
    assert LOADER.strip() in (GUIDES / "embed-wordpress.md").read_text("utf-8")
    assert policy_hash(LOADER) in (GUIDES / "content-security-policy.md").read_text("utf-8")


@pytest.mark.parametrize("flags", [["--tag"], []], ids=["tag", "import"])
def test_checksums_are_those_of_what_is_served(flags: list[str]) -> None:
    lines, hashes = printed("--integrity", *flags)
    found = re.search(r'<script type="importmap">(.*)</script>', lines)
    assert found
    pinned = json.loads(found[1])["integrity"]
    imported = set(EMBED_FILES) - ({"/embed.js"} if flags else set())
    assert pinned == {f"{BASE}{address}": embed_file(address).integrity for address in imported}
    checksum = f'integrity="{embed_file("/embed.js").integrity}" crossorigin="anonymous"'
    assert (checksum in lines) == bool(flags)
    assert policy_hash(found[1]) in hashes


def policy_hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_a_selector_cannot_end_the_inline_script() -> None:
    lines, _ = printed("--input", "</script><b>")
    assert lines.count("</script>") == 1


def test_the_types_of_the_package_are_those_of_its_scripts() -> None:
    types = (EMBED / "index.d.ts").read_text("utf-8")
    scripts = "".join(
        (EMBED.parent / "webapp" / "static" / "embed" / name).read_text("utf-8")
        for name in EMBED_FILES.values()
    )
    unpacked = re.findall(r"\{([^{}]*)\} = this(?:\.box)?\.options", scripts)
    taken = set(re.findall(r"options\.(\w+)", scripts))
    taken |= {part.split()[0] for names in unpacked for part in names.split(",")}
    [block] = re.findall(r"interface AskfirstOptions \{(.*?)^\}", types, re.M | re.S)
    options = set(re.findall(r"^  (\w+)\?:", block, re.M))
    assert options == taken - {"companion"}  # which index.js alone gives

    guide = (GUIDES / "embed.md").read_text("utf-8")
    attributes = set(re.findall(r"^\| `data-(\w+)`", guide, re.M))
    assert options == attributes - {"src", "input"} | {"portal"}
    events = set(re.findall(r'"askfirst:(\w+)":', types))
    assert events == set(re.findall(r"`askfirst:(\w+)`", guide)) - {"ready"}
    exports = set(re.findall(r"export function (\w+)", types))
    assert exports == set(re.findall(r"`askfirst\.(\w+)\(", guide))
    [own] = re.findall(r"^export \{(.*)\};", (EMBED / "index.js").read_text("utf-8"), re.M)
    assert exports == set(own.replace(",", " ").split())
