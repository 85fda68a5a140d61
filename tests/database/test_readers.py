"""Nothing is stored that nobody reads: each column has a reader outside the export of a person.

A reader is a module that knows the table and names the column, as ``TABLE.c.column`` or as an
attribute or item of a row. What only writes it, or only hands it out to the person concerned,
is none.
"""

from __future__ import annotations

import ast
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Table

import kb
from kb.analytics.causal_effect import ArmSums
from kb.analytics.deflection_report import COUNTS
from kb.database.metadata import METADATA

ROOT = Path(kb.__file__).parent
#: Modules that say what there is, and no more.
_NO_READERS = ("tables.py", "metadata.py", "inventory.py")
#: Read by names that are no text of their own: counts of ``DeflectionSums``, sums of an arm, and
#: the lease that ``kb.database.statements`` looks at in each queue.
BY_OTHER_NAMES = frozenset(
    {*COUNTS, "leased_until"}
    | {f"{arm}_{name}" for arm in ("treatment", "holdout") for name in ArmSums.__slots__}
)
#: Columns that have no reader yet. The list only shrinks.
STILL: frozenset[str] = frozenset()


def table_names() -> dict[str, Table]:
    """Name of the constant -> table."""
    names = {}
    for module in pkgutil.walk_packages([str(ROOT)], "kb."):
        if module.name.endswith((".tables", ".metadata")):
            for name, value in vars(import_module(module.name)).items():
                if isinstance(value, Table):
                    names[name] = value
    return names


@cache
def files() -> list[tuple[Path, ast.Module]]:
    return [
        (path, ast.parse(path.read_text("utf-8")))
        for path in sorted(ROOT.rglob("*.py"))
        if path.name not in _NO_READERS and "migrations" not in path.parts
    ]


def names_in(tree: ast.Module) -> Iterator[str]:
    """What a module reads by name. A string counts where it is not a key of a new row."""
    keys = {
        id(key)
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if key is not None
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in keys
        ):
            yield node.value


@cache
def readers() -> dict[str, set[str]]:
    """Name of a table's constant -> all names in modules that know it."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, tree in files():
        constants = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names = set(names_in(tree))
        for constant in constants & set(table_names()):
            found[constant] |= names
    return found


@pytest.mark.parametrize("constant", sorted(table_names()))
def test_each_column_has_a_reader(constant: str) -> None:
    table = table_names()[constant]
    unread = {column.name for column in table.columns} - readers()[constant] - BY_OTHER_NAMES
    exceptions = {name for name in STILL if name.startswith(f"{table.name}.")}
    assert {f"{table.name}.{name}" for name in unread} == exceptions


def test_every_table_is_looked_at() -> None:
    assert {table.name for table in table_names().values()} == set(METADATA.tables)
