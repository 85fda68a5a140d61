"""Folders that take seconds to build and that no test changes: built once for all processes of a
run.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """The folder ``name``, filled by ``build`` in the process that asks first; others wait.

    Whoever changes it copies it first. What a ``build`` that fails leaves is built anew.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # that of the whole run
    folder = base / "built-once" / name
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            begun = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder.parent))
            build(begun)
            begun.rename(folder)
    return folder
