"""The catalogue file: what it says, and every mistake in it at once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.tickets.catalogue import Catalogue, Product, ProductVersion, load_catalogue

ROOT = Path(__file__).parent.parent.parent
GOOD = """
[[products]]
key = "press"
title = "Press"
modules = ["print"]
versions = [{ name = "2.0", support_ends = 2027-12-31 }, { name = "1.0" }]
"""


def load(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(text, encoding="utf-8")
    return load_catalogue(path)


def test_products_versions_and_their_support_end_are_read(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    versions = (ProductVersion("2.0", dt.date(2027, 12, 31)), ProductVersion("1.0"))
    assert loaded.products == (Product("press", "Press", ("print",), versions),)
    assert loaded.support_ends("press", "2.0") == dt.date(2027, 12, 31)
    assert [
        loaded.support_ends(*asked) for asked in (("press", "1.0"), ("press", "9"), ("car", "1"))
    ] == [None] * 3
    assert load(tmp_path, "").products == ()


def test_the_built_in_catalogue_is_sound() -> None:
    assert load_catalogue(ROOT / "content" / "catalogue.toml").products


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[products]\n", "line 1"),
        ("products = 3", "[[products]]"),
        ("product = []", "product"),
        ("[[products]]\nkey = 'a'", "product a: title"),
        ("[[products]]\ntitle = 'a'", "product 1: key"),
        ("[[products]]\nkey = 'a'\ntitle = 'A'\nmodules = 'x'", "product a: modules"),
        ("[[products]]\nkey = 'a'\ntitle = 'A'\nversions = ['1.0']", "product a: versions"),
        (
            "[[products]]\nkey = 'a'\ntitle = 'A'\nversions = [{name = '1', support_ends = "
            "'soon'}]",
            "product a, version 1: support_ends",
        ),
        (
            "[[products]]\nkey = 'a'\ntitle = 'A'\nversions = [{name = '1'}, {name = '1'}]",
            "version 1",
        ),
        (GOOD + GOOD, "product press"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(tmp_path, text)
    assert words in refused.value.sentence
    assert "catalogue.toml" in refused.value.sentence


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(
            tmp_path,
            "[[products]]\nkey = 3\ncolour = 'red'\n[[products]]\nkey = 'b'\ntitle = 'B'\nmodules "
            "= [1]",
        )
    assert len(refused.value.sentence.splitlines()) == 4


def test_a_missing_or_unreadable_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "bytes.toml"):
        with pytest.raises(Misconfigured) as refused:
            load_catalogue(path)
        assert str(path) in refused.value.sentence
