"""The pack of public titles: off by default, signed, small, and of nothing that is not public."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kb.operations.signing_key import signing_keys
from tests.webapp.world import Browser, Portal, build, document, publish, settings_of
from webapp.api.embed_pack import BYTES_EACH, public_pack_key

ADDRESS = "/embed-pack.txt"


def pack(portal: Portal) -> str:
    response = portal.browser().get(ADDRESS, headers={"Origin": "https://any.example"})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age" in response.headers["Cache-Control"]
    return response.get_data(as_text=True)


def verify(text: str, key: str) -> None:
    signature, _, signed = text.partition("\n")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
    public.verify(base64.b64decode(signature), signed.encode())


def test_there_is_none_by_default(anyone: Browser) -> None:
    assert anyone.get(ADDRESS).status_code == 404


def test_it_holds_what_is_public_and_is_signed(folder: Path) -> None:
    settings = settings_of(folder, embed_pack="yes")
    text = pack(build(settings))
    key = public_pack_key(signing_keys(settings)[0])
    verify(text, key)
    with pytest.raises(InvalidSignature):
        verify(text.replace("paper", "papers"), key)
    rows = [line.split("\t") for line in text.splitlines()[2:]]
    assert [row[1] for row in rows if row[0] == "doc/jam"] == ["Clear a paper jam"]
    assert ["doc/jam", "Clear a paper jam", "Open the cover", "Pull the paper"] in [
        row[:4] for row in rows
    ]
    assert "zephyrion" not in text.lower()
    assert text == pack(build(settings))  # of each server process, to the byte


def test_another_generation_has_another_pack(folder: Path) -> None:
    settings = settings_of(folder, embed_pack="yes")
    portal = build(settings)
    before = pack(portal)
    publish(settings.data, (document("new", "A new page", ("", "", "Text.")),))
    portal = build(settings)
    assert "A new page" in pack(portal)
    assert "A new page" not in before


def test_a_thousand_documents_have_at_most_25_kilobytes(folder: Path) -> None:
    topics = ("printer", "account", "invoice", "network", "backup", "password", "report")
    verbs = ("Set up", "Repair", "Move", "Compare", "Cancel", "Export")
    pages = tuple(
        document(
            f"page-{number}",
            f"{verbs[number % 6]} the {topics[number % 7]} of unit {number}",
            *((f"s{i}", f"Part {number * 7 + i} of {topics[i]}", "Text.") for i in range(6)),
        )
        for number in range(1000)
    )
    settings = settings_of(folder, embed_pack="yes")
    publish(settings.data, pages)
    text = pack(build(settings))
    assert text.count("\n") == 1001
    assert len(gzip.compress(text.encode(), 6)) <= BYTES_EACH * 1000 + 100
