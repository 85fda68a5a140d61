"""``kb init``: a small help centre of the operator's own to start from.

The files under ``starter_site`` are copied as they are, so that what people start from is also
what the tests index and serve.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from kb.errors import Conflict, Misconfigured


def write_site(folder: Path) -> tuple[Path, ...]:
    """Write the starter site into ``folder``, which is created, and return the files written.

    Raises Conflict if ``folder`` holds anything, Misconfigured if it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Conflict(
                f"{folder} is not empty; choose a new folder, so that no file is overwritten."
            )
        return tuple(_copy(resources.files("kb.operations") / "starter_site", folder))
    except OSError as error:
        raise Misconfigured(f"{folder} cannot be written: {error.strerror}.") from error


def _copy(source: Traversable, target: Path) -> list[Path]:
    written: list[Path] = []
    for entry in sorted(source.iterdir(), key=lambda entry: entry.name):
        path = target / entry.name

        if entry.is_dir():
            path.mkdir()
            written += _copy(entry, path)
        else:
            path.write_bytes(entry.read_bytes())
            written.append(path)
    return written
