"""Which products, modules and versions can a ticket be about, and until when is a version
supported?

Read from ``catalogue.toml`` in the content folder; a broken file is refused with every mistake at
once. Not for who may use a product: that is an entitlement, and the policy's.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Version:
    """``support_ends`` is the last day of support, None when no end is set."""

    name: str
    support_ends: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Product:
    key: str
    title: str
    modules: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()

    def version(self, name: str) -> Version | None:
        return next((version for version in self.versions if version.name == name), None)


@dataclass(frozen=True, slots=True)
class Catalogue:
    products: tuple[Product, ...] = ()

    def product(self, key: str) -> Product | None:
        return next((product for product in self.products if product.key == key), None)

    def support_ends(self, product: str, version: str) -> dt.date | None:
        """The last day of support of a version; None when it is unknown or has no end."""
        found = self.product(product)
        known = found.version(version) if found else None
        return known.support_ends if known else None


def load(path: Path) -> Catalogue:
    """The catalogue in the file. Raises Misconfigured with every mistake, one a line."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise Misconfigured(
            f"{path}: cannot be read ({error.strerror}); write one with [[products]]."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: {error}.") from error
    mistakes: list[str] = []
    _only(tables, {"products"}, "the file", mistakes)
    listed = tables.get("products", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Misconfigured(f"{path}: products are written as [[products]].")
    products = tuple(_product(table, number, mistakes) for number, table in enumerate(listed, 1))
    _unique([product.key for product in products], "product", mistakes)
    if mistakes:
        raise Misconfigured("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    return Catalogue(products)


def _product(table: dict[str, Any], number: int, mistakes: list[str]) -> Product:
    where = f"product {table.get('key') or number}"
    _only(table, {"key", "title", "modules", "versions"}, where, mistakes)
    key, title = _word(table, "key", where, mistakes), _word(table, "title", where, mistakes)
    modules = table.get("modules", [])
    if not isinstance(modules, list) or not all(
        isinstance(module, str) and module for module in modules
    ):
        mistakes.append(f"{where}: modules is a list of words.")
        modules = []
    versions = table.get("versions", [])
    if not isinstance(versions, list) or not all(isinstance(version, dict) for version in versions):
        mistakes.append(
            f'{where}: versions is a list such as [{{ name = "1.0", support_ends = 2027-12-31 }}].'
        )
        versions = []
    found = tuple(_version(version, where, mistakes) for version in versions)
    _unique(list(modules), f"{where}: module", mistakes)
    _unique([version.name for version in found], f"{where}: version", mistakes)
    return Product(key, title, tuple(modules), found)


def _version(table: dict[str, Any], where: str, mistakes: list[str]) -> Version:
    where = f"{where}, version {table.get('name', '?')}"
    _only(table, {"name", "support_ends"}, where, mistakes)
    ends = table.get("support_ends")
    if ends is not None and (not isinstance(ends, dt.date) or isinstance(ends, dt.datetime)):
        mistakes.append(
            f"{where}: support_ends is a date such as 2027-12-31, without quotation marks."
        )
        ends = None
    return Version(_word(table, "name", where, mistakes), ends)


def _word(table: dict[str, Any], name: str, where: str, mistakes: list[str]) -> str:
    value = table.get(name)
    if isinstance(value, str) and value.strip():
        return value.strip()
    mistakes.append(f"{where}: {name} is missing or no word.")
    return ""


def _only(table: dict[str, Any], known: set[str], where: str, mistakes: list[str]) -> None:
    mistakes += [
        f"{where}: {name} is not known; give {', '.join(sorted(known))}."
        for name in table.keys() - known
    ]


def _unique(names: list[str], what: str, mistakes: list[str]) -> None:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    mistakes += [f"{what} {name} is listed twice." for name in twice]
