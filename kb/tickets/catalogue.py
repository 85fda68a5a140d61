"""Catalogue: the products, modules and versions that a ticket can be about.

Read from ``catalogue.toml`` in the content folder; a broken file is refused with all its errors at
once. Who may use a product is an entitlement, and a matter of the SLA policies.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.errors import Misconfigured

CATALOGUE_FILE = "catalogue.toml"


@dataclass(frozen=True, slots=True)
class ProductVersion:
    """``support_ends`` is the last day of support, None when no end is set."""

    name: str
    support_ends: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Product:
    key: str
    title: str
    modules: tuple[str, ...] = ()
    versions: tuple[ProductVersion, ...] = ()

    def version(self, name: str) -> ProductVersion | None:
        return next((version for version in self.versions if version.name == name), None)


@dataclass(frozen=True, slots=True)
class Catalogue:
    products: tuple[Product, ...] = ()

    def product(self, key: str) -> Product | None:
        return next((product for product in self.products if product.key == key), None)

    def support_ends(self, product: str, version: str) -> dt.date | None:
        """The last day of support of a version; None when it is unknown or has no end."""
        known_product = self.product(product)
        known_version = known_product.version(version) if known_product else None
        return known_version.support_ends if known_version else None


def load_catalogue(path: Path) -> Catalogue:
    """Raises Misconfigured with every error in the file, one on each line."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise Misconfigured(
            f"{path}:1: The catalogue cannot be read ({error.strerror}). Create it with "
            "[[products]]."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: {error}.") from error
    errors: list[str] = []
    _only(tables, {"products"}, "the file", errors)
    listed = tables.get("products", [])
    if not isinstance(listed, list) or not all(isinstance(table, dict) for table in listed):
        raise Misconfigured(f"{path}: write products as [[products]].")
    products = tuple(_product(table, number, errors) for number, table in enumerate(listed, 1))
    _unique([product.key for product in products], "product", errors)
    if errors:
        raise Misconfigured("\n".join(f"{path}: {error}" for error in errors))
    return Catalogue(products)


def _product(table: dict[str, Any], number: int, errors: list[str]) -> Product:
    where = f"product {table.get('key') or number}"
    _only(table, {"key", "title", "modules", "versions"}, where, errors)
    key, title = _text(table, "key", where, errors), _text(table, "title", where, errors)
    modules = table.get("modules", [])
    if not isinstance(modules, list) or not all(
        isinstance(module, str) and module for module in modules
    ):
        errors.append(f"{where}: modules is not a list of names.")
        modules = []
    versions = table.get("versions", [])
    if not isinstance(versions, list) or not all(isinstance(version, dict) for version in versions):
        errors.append(
            f"{where}: versions is not a list such as "
            f'[{{ name = "1.0", support_ends = 2027-12-31 }}].'
        )
        versions = []
    parsed = tuple(_version(version, where, errors) for version in versions)
    _unique(list(modules), f"{where}: module", errors)
    _unique([version.name for version in parsed], f"{where}: version", errors)
    return Product(key, title, tuple(modules), parsed)


def _version(table: dict[str, Any], where: str, errors: list[str]) -> ProductVersion:
    where = f"{where}, version {table.get('name', '?')}"
    _only(table, {"name", "support_ends"}, where, errors)
    ends = table.get("support_ends")
    if ends is not None and (not isinstance(ends, dt.date) or isinstance(ends, dt.datetime)):
        errors.append(
            f"{where}: support_ends is not a date such as 2027-12-31, without quotation marks."
        )
        ends = None
    return ProductVersion(_text(table, "name", where, errors), ends)


def _text(table: dict[str, Any], name: str, where: str, errors: list[str]) -> str:
    value = table.get(name)
    if isinstance(value, str) and value.strip():
        return value.strip()
    errors.append(f"{where}: {name} is missing or not a text.")
    return ""


def _only(table: dict[str, Any], allowed: set[str], where: str, errors: list[str]) -> None:
    errors += [
        f"{where}: {name} is not known. Available: {', '.join(sorted(allowed))}."
        for name in table.keys() - allowed
    ]


def _unique(names: list[str], what: str, errors: list[str]) -> None:
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    errors += [f"{what} {name} is listed twice." for name in repeated]
