"""What programs read: the embed and robots.txt. The API's description is checked with the API."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

import pytest

from tests.webapp.world import Browser
from webapp.api.embed_script import EMBED_FILES, embed_file


def test_the_embed_is_one_script_for_any_site(anyone: Browser) -> None:
    response = anyone.get("/embed.js", headers={"Origin": "https://any.example"})
    script = response.get_data(as_text=True)
    assert response.mimetype == "text/javascript"
    assert "max-age" in response.headers["Cache-Control"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in response.headers
    assert not re.search("^(import|export) ", script, re.MULTILINE)
    assert 'credentials: "omit"' in script
    for address in EMBED_FILES:
        script = anyone.get(address).get_data(as_text=True)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|DOMParser|eval", script)
        assert "document.cookie" not in script


def test_the_embed_is_at_most_six_kilobytes(anyone: Browser) -> None:
    response = anyone.get("/embed.js", headers={"Accept-Encoding": "gzip"})
    body = response.get_data()
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(body) <= 6 * 1024
    assert gzip.decompress(body) == anyone.get("/embed.js").get_data()


@pytest.mark.parametrize("address", EMBED_FILES)
def test_a_browser_can_check_the_embed_and_keep_it(anyone: Browser, address: str) -> None:
    plain = anyone.get(address)
    digest = hashlib.sha384(plain.get_data()).digest()
    assert embed_file(address).integrity == f"sha384-{base64.b64encode(digest).decode()}"
    packed = anyone.get(address, headers={"Accept-Encoding": "gzip"})
    tags = {plain.headers["ETag"], packed.headers["ETag"]}
    assert len(tags) == 2
    assert not any(tag.startswith("W/") for tag in tags)
    assert "Accept-Encoding" in packed.headers["Vary"]
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    assert anyone.get(address, headers=again).status_code == 304


def test_robots_stay_out_of_tickets(anyone: Browser) -> None:
    assert "Disallow: /tickets" in anyone.page("/robots.txt")
