"""Findings of the index run that published a generation: what editors should correct in a source.

The file is the interface between the indexer, which writes it, and the editor's pages, which show
it. It is in the generation's folder, so that it is checksummed and rolled back together with its
documents. What the indexer notes for its next run belongs to its ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kb.errors import Unavailable

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One line to correct in a source file.

    ``line`` is 0 when the whole file is meant; ``skipped`` says that the file's content is not in
    the index. ``code`` identifies the sentence whatever its words (see ``indexer.findings``; "" in
    generations of versions that had no codes). ``target`` is what the finding is about, as it is
    written in the file; it is not kept.
    """

    source: str
    line: int
    sentence: str
    skipped: bool = False
    code: str = ""
    target: str = field(default="", compare=False)

    def __str__(self) -> str:
        if self.line:
            return f"{self.source}:{self.line}: {self.sentence}"
        return f"{self.source}: {self.sentence}"

    def row(self) -> list[Any]:
        """The values for JSON; ``Finding(*row)`` is the inverse."""
        return [self.source, self.line, self.sentence, self.skipped, self.code]


class FindingsFile:
    """The findings of one generation, in a file of its folder."""

    NAME = "findings.json"

    def __init__(self, generation: Path) -> None:
        self._path = generation / self.NAME

    def write(self, findings: Iterable[Finding]) -> None:
        """Write the file. Syncing it to disk is left to the generation. Raises OSError."""
        rows = [finding.row() for finding in findings]
        # ASCII, as names of files need not be valid UTF-8.
        self._path.write_text(json.dumps({"version": _VERSION, "findings": rows}), "ascii")

    def read(self) -> tuple[Finding, ...] | None:
        """The findings, skipped files first, then by file and line.

        None when the generation was published by a version that recorded no findings. Raises
        Unavailable when the file is there and cannot be read.
        """
        try:
            content = json.loads(self._path.read_text("ascii"))
            findings = [Finding(*row) for row in content["findings"]]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{self.NAME} cannot be read: {error}.") from error

        return tuple(sorted(findings, key=lambda f: (not f.skipped, f.source, f.line)))
