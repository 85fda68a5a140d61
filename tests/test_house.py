"""The rules of ARCHITECTURE.md, enforced: who may import whom, no cycles, short files and
functions.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("kb", "indexer", "webapp")
FILES = sorted(
    p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if "migrations" not in p.parts
)

#: importer -> what it must not import (by prefix).
FORBIDDEN = {
    "kb": ("flask", "markdown", "bs4", "webapp", "indexer"),
    "indexer": ("flask", "webapp", "sqlalchemy", "whoosh", "sklearn"),
    "webapp": ("indexer", "whoosh", "sklearn", "sqlalchemy", "markdown", "bs4"),
    "kb.search": (
        "kb.sla",
        "kb.database",
        "kb.people",
        "kb.notifications",
        "kb.analytics",
        "kb.jobs",
        "kb.tickets",
        "kb.worker",
        "sqlalchemy",
    ),
    "kb.sla": (
        "kb.search",
        "kb.database",
        "kb.people",
        "kb.notifications",
        "kb.analytics",
        "kb.jobs",
        "kb.tickets",
        "kb.worker",
        "sqlalchemy",
    ),
    "kb.database": ("kb.search", "kb.sla", "kb.worker"),
    "kb.people": ("kb.search", "kb.worker"),
    "kb.notifications": ("kb.search", "kb.worker"),
    "kb.analytics": ("kb.search", "kb.worker"),
    "kb.jobs": ("kb.search", "kb.worker"),
    "kb.tickets": ("kb.search", "kb.worker"),
}
#: library -> the only modules (by prefix) that may know it.
ONLY_IN = {
    "whoosh": ("kb.search.engines.whoosh", "kb.search.whoosh_build"),
    "numba": ("kb.search.kernels",),
    "sqlalchemy": (
        "kb.database",
        "kb.people",
        "kb.notifications",
        "kb.analytics",
        "kb.jobs",
        "kb.tickets",
        "kb.worker",
    ),
    "flask": ("webapp",),
    "jwt": ("kb.people.oidc",),
    "kb.centre": (
        "kb.cli",
        "kb.worker.cli",
        "kb.people.cli",
        "kb.sla.cli",
        "webapp",
        "indexer.cli",
    ),
}
STANDARD_ONLY = ("kb.errors", "kb.ids", "kb.settings")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_module_imports_only_what_it_may(path: Path) -> None:
    module = module_of(path)
    broken = [
        f"{path}:{line}: {module} imports {name}"
        for line, name in imports_of(path)
        for importer, banned in FORBIDDEN.items()
        if within(module, importer)
        and any(within(name, prefix) for prefix in banned)
        and not (
            module.endswith(".cli") and within(name, "kb.centre")
        )  # commands work on the whole centre
    ]
    broken += [
        f"{path}:{line}: only {', '.join(allowed)} may import {library}"
        for line, name in imports_of(path)
        for library, allowed in ONLY_IN.items()
        if within(name, library)
        and not any(within(module, prefix) for prefix in (*allowed, library))
    ]
    if module in STANDARD_ONLY:
        broken += [
            f"{path}:{line}: {module} imports {name}"
            for line, name in imports_of(path)
            if name.split(".")[0] not in sys.stdlib_module_names and not within(name, "kb.errors")
        ]
    assert not broken, "\n".join(broken)


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {module_of(path): path for path in FILES}
    arrows = {
        module: {
            target
            for _, name in imports_of(path)
            for target in (name, name.rpartition(".")[0])
            if target in known
        }
        - {module}
        for module, path in known.items()
    }
    finished: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module not in finished:
            for target in sorted(arrows[module]):
                walk(target, (*way, module))
            finished.add(module)

    for module in sorted(arrows):
        walk(module, ())


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), (
        f"{path} does not say what it is for"
    )
