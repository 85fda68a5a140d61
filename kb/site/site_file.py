"""Reader of ``site.toml``: the name, look, home page and contacts of one support site.

A site is a folder. What it promises is in its ``policies.toml``, its products are in its
``catalogue.toml``; here is what remains. A folder without the file is a site with the defaults.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from kb.errors import Misconfigured
from kb.toml_reader import TomlFile, TomlTable, nearest

SITE_FILE = "site.toml"
DEFAULT_NAME = "Askfirst"
MAX_LOGO_BYTES = 200_000
LOGO_SUFFIXES = (".svg", ".png", ".webp")
#: What a home page may show below its search field.
HOME_SECTIONS = ("featured", "guides", "newest", "contact")
#: Fields of a document that front matter keys of another tool can be mapped to.
FRONT_MATTER_FIELDS = ("summary", "product", "versions", "tags", "authors", "type", "subject")
#: WCAG 2.2, success criterion 1.4.3.
MIN_CONTRAST = 4.5

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_KEYS = (
    "name",
    "tagline",
    "logo",
    "scope",
    "home",
    "hero",
    "colours",
    "contacts",
    "security_contact",
    "front_matter",
)
_PAPER_LIGHT, _PAPER_DARK = "#ffffff", "#0f1416"


@dataclass(frozen=True, slots=True)
class SiteContact:
    """A way to reach somebody. A ``fallback`` is also named where the portal itself fails."""

    title: str
    email: str = ""
    phone: str = ""
    url: str = ""
    text: str = ""
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Hero:
    """The words above the search field of the home page."""

    title: str = "How can we help?"
    lead: str = (
        "Describe your problem in your own words. Most questions already have a good answer."
    )


@dataclass(frozen=True, slots=True)
class Site:
    """A support site as its folder describes it. ``logo`` is a path, None for the built-in one."""

    folder: Path
    name: str = DEFAULT_NAME
    tagline: str = "Guides, answers and support in one place."
    logo: Path | None = None
    scope: str = ""  # one sentence: what support covers
    hero: Hero = Hero()
    home: tuple[str, ...] = HOME_SECTIONS
    accent: str = ""  # #rrggbb; empty for the built-in colour
    accent_dark: str = ""  # on a dark page
    contacts: tuple[SiteContact, ...] = ()
    security_contact: str = ""  # an e-mail or https address, for vulnerabilities
    #: Field of a document -> the front matter keys that also hold it.
    front_matter: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    version: str = ""  # changes with the file and the logo: browsers keep both

    @property
    def has_colours(self) -> bool:
        return bool(self.accent or self.accent_dark)

    @property
    def fallbacks(self) -> tuple[SiteContact, ...]:
        return tuple(contact for contact in self.contacts if contact.fallback)


def load_site(folder: Path, *, name: str = "") -> Site:
    """The site in ``folder``; ``name`` comes before the name in its file.

    Raises Misconfigured with every mistake as ``file:line: sentence``, one per line.
    """
    path = folder / SITE_FILE
    if not path.exists():
        return Site(folder, name or DEFAULT_NAME)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Misconfigured(f"{path}: Cannot read the site file: {reason}.") from None
    file = TomlFile(str(path), text)
    site = _site(file.top, folder, name)
    file.refuse()
    logo = site.logo.read_bytes() if site.logo else b""
    version = hashlib.blake2b(text.encode() + logo, digest_size=6).hexdigest()
    return replace(site, version=version)


def _site(top: TomlTable, folder: Path, name: str) -> Site:
    top.only(_KEYS)
    default = Site(folder)
    colours = top.table("colours")
    colours.only(("accent", "accent_dark"))
    hero = top.table("hero")
    hero.only(("title", "lead"))
    return Site(
        folder=folder,
        name=name or top.text("name"),
        tagline=top.text("tagline", default.tagline),
        logo=_logo(top, folder),
        scope=top.text("scope", ""),
        hero=Hero(hero.text("title", default.hero.title), hero.text("lead", default.hero.lead)),
        home=_home(top),
        accent=_colour(colours, "accent", _PAPER_LIGHT),
        accent_dark=_colour(colours, "accent_dark", _PAPER_DARK),
        contacts=tuple(_contact(table) for table in top.array("contacts")),
        security_contact=_security_contact(top),
        front_matter=_front_matter(top),
    )


def _logo(top: TomlTable, folder: Path) -> Path | None:
    written = top.text("logo", "")
    if not written:
        return None
    path = folder / written
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        top.wrong(f"{written!r} is not a file in this folder.", "logo")
    elif path.suffix.lower() not in LOGO_SUFFIXES:
        top.wrong(f"A logo must be one of {', '.join(LOGO_SUFFIXES)}, not {path.name!r}.", "logo")
    elif path.stat().st_size > MAX_LOGO_BYTES:
        top.wrong(f"{written!r} is larger than {MAX_LOGO_BYTES // 1000} kB.", "logo")
    return path


def _home(top: TomlTable) -> tuple[str, ...]:
    if "home" not in top.data:
        return HOME_SECTIONS
    sections = top.words("home")
    for place, section in sections:
        if section not in HOME_SECTIONS:
            sentence = (
                f"{section!r} is not a part of the home page; {nearest(section, HOME_SECTIONS)}"
            )
            top.file.wrong(place, sentence)
    return tuple(dict.fromkeys(section for _, section in sections))


def _colour(colours: TomlTable, key: str, paper: str) -> str:
    colour = colours.text(key, "")
    if not colour:
        return ""
    if not _COLOUR.fullmatch(colour):
        colours.wrong(f"{colour!r} is not a colour. Write it like '#0a6b5c'.", key)
        return ""
    contrast = colour_contrast(colour, paper)
    if contrast < MIN_CONTRAST:
        page = "light" if key == "accent" else "dark"
        colours.wrong(
            f"{colour} cannot be read on a {page} page: its contrast is {contrast:.1f}, and must "
            f"be at least {MIN_CONTRAST}.",
            key,
        )
    return colour


def colour_contrast(first: str, second: str) -> float:
    """The contrast of two colours by WCAG 2.2, from 1 to 21.

    >>> colour_contrast("#000000", "#ffffff")
    21.0
    """
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return round((lighter + 0.05) / (darker + 0.05), 2)


def _luminance(colour: str) -> float:
    channels = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contact(table: TomlTable) -> SiteContact:
    table.only(("title", "email", "phone", "url", "text", "fallback"))
    email, url = table.text("email", ""), table.text("url", "")
    if email and not _ADDRESS.fullmatch(email):
        table.wrong(f"{email!r} is not an e-mail address.", "email")
    if url and not url.startswith(("https://", "http://")):
        table.wrong(f"{url!r} must begin with https:// or http://.", "url")
    contact = SiteContact(
        table.text("title"),
        email,
        table.text("phone", ""),
        url,
        table.text("text", ""),
        table.flag("fallback"),
    )
    if not (contact.email or contact.phone or contact.url or contact.text):
        table.wrong(f"{table.name} gives no way to reach anybody. Add email, phone, url or text.")
    return contact


def _security_contact(top: TomlTable) -> str:
    contact = top.text("security_contact", "")
    if contact and not contact.startswith("https://") and not _ADDRESS.fullmatch(contact):
        top.wrong(
            f"{contact!r} is neither an e-mail address nor an address with https://.",
            "security_contact",
        )
        return ""
    return contact


def _front_matter(top: TomlTable) -> Mapping[str, tuple[str, ...]]:
    table = top.table("front_matter")
    table.only(FRONT_MATTER_FIELDS)
    mapped: dict[str, tuple[str, ...]] = {}
    for name in table.data:
        mapped[name] = tuple(key for _, key in table.words(name) if key)
    return MappingProxyType(mapped)
