"""A help centre that an earlier version wrote: what it published and stored has to stay usable.

``folder.tar.gz`` holds the sources, the content folder and the data folder as commit 2fd7bee left
them: an index of sixteen documents for two audiences, and tickets in seven states.
``expected.json`` holds what that version answered. Neither is ever made again with newer code; a
version whose files differ gets an archive of its own beside this one.
"""

from __future__ import annotations

import datetime as dt
import json
import tarfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text("utf-8"))
#: When the expected states of tickets were read.
NOW = dt.datetime.fromisoformat(EXPECTED["now"])


def extract(folder: Path) -> Path:
    """Unpack the help centre into ``folder``: sources, content and data."""
    with tarfile.open(HERE / "folder.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder
