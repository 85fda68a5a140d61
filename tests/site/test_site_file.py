"""site.toml: read as it is written, and refused with the line of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.site.site_file import HOME_SECTIONS, Site, colour_contrast, load_site

CONTENT = Path(__file__).parents[2] / "content"
SITES = ("", "examples/process-automation", "examples/data-warehouse", "examples/site-manager")

WHOLE = """\
name = "Acme Support"
tagline = "Help."
logo = "logo.svg"
scope = "The product only."
home = ["newest", "contact"]

[hero]
title = "What now?"

[colours]
accent = "#0b5cad"

[[contacts]]
title = "When this fails"
phone = "+44 20 5550 0100"
fallback = true

[front_matter]
product = ["acmeProduct"]
"""


def site_of(folder: Path, text: str, *, name: str = "") -> Site:
    (folder / "site.toml").write_text(text, "utf-8")
    return load_site(folder, name=name)


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text("<svg/>", "utf-8")
    site = site_of(tmp_path, WHOLE)
    assert (site.name, site.tagline, site.scope) == ("Acme Support", "Help.", "The product only.")
    assert site.logo == tmp_path / "logo.svg"
    assert site.home == ("newest", "contact")
    assert site.hero.title == "What now?"
    assert site.accent == "#0b5cad"
    assert [contact.title for contact in site.fallbacks] == ["When this fails"]
    assert site.front_matter == {"product": ("acmeProduct",)}


def test_a_folder_without_the_file_has_the_defaults(tmp_path: Path) -> None:
    site = load_site(tmp_path)
    assert site.name
    assert site.home == HOME_SECTIONS
    assert not site.has_colours


def test_a_name_from_the_settings_comes_first(tmp_path: Path) -> None:
    assert site_of(tmp_path, 'name = "Acme"', name="Acme UK").name == "Acme UK"


def test_another_logo_has_another_version(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text("<svg/>", "utf-8")
    before = site_of(tmp_path, WHOLE).version
    (tmp_path / "logo.svg").write_text("<svg></svg>", "utf-8")
    assert load_site(tmp_path).version != before


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('\ntagline = "x"', 1),
        ('name = "A"\nnmae = "B"', 2),
        ('name = "A"\nlogo = "none.svg"', 2),
        ('name = "A"\nlogo = "../site.toml"', 2),
        ('name = "A"\nlogo = "site.toml"', 2),
        ('name = "A"\nhome = [\n"guides",\n"news"]', 4),
        ('name = "A"\n[colours]\naccent = "red"', 3),
        ('name = "A"\n[colours]\naccent = "#ffee00"', 3),
        ('name = "A"\n[colours]\naccent_dark = "#000033"', 3),
        ('name = "A"\n[[contacts]]\ntitle = "X"', 2),
        ('name = "A"\n[[contacts]]\ntitle = "X"\nemail = "nobody"', 4),
        ('name = "A"\n[[contacts]]\ntitle = "X"\nurl = "javascript:alert(1)"', 4),
        ('name = "A"\n[front_matter]\naudience = ["who"]', 3),
        ('name = "A"\n[hero]\nname = "B"', 3),
        ("name = ", 1),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(Misconfigured) as refused:
        site_of(tmp_path, text)
    (sentence,) = refused.value.sentence.splitlines()
    assert sentence.startswith(f"{tmp_path / 'site.toml'}:{line}: ")


@pytest.mark.parametrize("folder", SITES)
def test_the_sites_that_ship_are_read(folder: str) -> None:
    site = load_site(CONTENT / folder)
    assert site.name
    assert site.scope
    assert site.fallbacks
    assert site.security_contact


def test_contrast_does_not_depend_on_the_order() -> None:
    assert colour_contrast("#0b5cad", "#ffffff") == colour_contrast("#ffffff", "#0b5cad") > 4.5
