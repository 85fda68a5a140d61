"""Report: what an index run did, for people and as JSON.

The sentences about files are in ``indexer.findings``. The field names of ``Report.json`` are part
of the command-line contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from indexer.findings import Finding

#: Called with the stage, how much of it is done, how much there is to do, and what was done last.
Progress = Callable[[str, int, int, str], None]

#: Findings and changed suggestions that are printed; ``--json`` lists all of them.
MAX_LISTED = 25
#: IDs of pages that become public: a first publish opens them all.
MAX_NEWLY_PUBLIC = 10


@dataclass(frozen=True, slots=True)
class SuggestionChange:
    """The IDs of the best suggestions for ``query``, before and after, as ``audience`` sees them.

    ``times`` is how often visitors asked it; 0 for a query of an editor.
    """

    query: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    audience: str = "public"
    times: int = 0


@dataclass(slots=True)
class Report:
    """Counts and findings of a run."""

    # Files, as compared with the last generation
    files: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    #: "added", "changed", and "removed" with names of files; "other" with sentences.
    waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)

    # What was read
    read: int = 0
    documents: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    voters: int = 0  # resolved tickets that vote
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: IDs and titles of articles that were kept for the editor's preview.
    previews: tuple[tuple[str, str], ...] = ()

    # The checks before publishing
    refused: list[str] = field(default_factory=list)  # reasons not to publish
    changes: list[SuggestionChange] = field(default_factory=list)
    compared: int = 0  # queries whose best suggestions were compared
    failed: int = 0  # golden queries
    newly_public: tuple[str, ...] = ()  # IDs of documents that become public and were not

    seconds: float = 0.0
    reading_seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)  # stage -> seconds

    generation: str = ""
    published: bool = False
    #: What was measured for the public (see ``kb.search.build.calibration``); empty for nothing.
    calibration: dict[str, Any] = field(default_factory=dict)

    @property
    def skipped(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.skipped]

    @property
    def issues(self) -> list[Finding]:
        """Findings about files that are in the index."""
        return [finding for finding in self.findings if not finding.skipped]

    @property
    def rate(self) -> float:
        """Files read per second of reading."""
        return self.read / self.reading_seconds if self.reading_seconds else 0.0

    def json(self) -> dict[str, Any]:
        """The report as JSON-ready values."""
        return {
            "generation": self.generation,
            "published": self.published,
            "files": {
                "files": self.files,
                "added": self.added,
                "changed": self.changed,
                "removed": self.removed,
                "unchanged": self.unchanged,
            },
            "suggestions": {
                name: self.calibration[name]
                for name in ("threshold", "wanted", "silent")
                if name in self.calibration
            },
            "documents": self.documents,
            "kinds": dict(sorted(self.kinds.items())),
            "seconds": round(self.seconds, 3),
            "files_per_second": round(self.rate, 1),
            "skipped": [_finding_json(finding) for finding in self.skipped],
            "findings": [_finding_json(finding) for finding in self.issues],
            "notes": self.notes,
            "refused": self.refused,
            "newly_public": list(self.newly_public),
            "newly_public_count": len(self.newly_public),
            "changes": [asdict(change) for change in self.changes],
            "compared": self.compared,
            "waiting": {name: list(files) for name, files in self.waiting.items()},
            "previews": [{"id": id_, "title": title} for id_, title in self.previews],
            "voters": self.voters,
        }

    def lines(self) -> Iterator[str]:
        """The report for people."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))

        yield from self.notes
        yield from _listed("Skipped", self.skipped)
        yield from _listed("Issues", self.issues)
        yield from _compared(self.changes)
        yield from _opened(self.newly_public)

        yield (
            f"{self.files} files: {self.added} added, {self.changed} changed, "
            f"{self.removed} removed, {self.unchanged} unchanged; {len(self.skipped)} skipped."
        )
        if self.voters:
            yield f"Learned from {self.voters} resolved tickets."
        if self.read:
            rate = f"{self.rate:.0f} per second"
            yield f"Read {self.read} files in {self.reading_seconds:.1f} s ({rate})."

        for reason in self.refused:
            yield f"Not published: {reason}"
        if self.published:
            yield from _calibrated(self.calibration)
            yield f"Published generation {self.generation}: {self.documents} documents ({kinds})."
        elif self.generation:
            yield from self.waiting.get("other", ())
            yield f"Nothing was published; generation {self.generation} is still live."
        else:
            yield f"Nothing was published. {self.documents} documents ({kinds})."


def _calibrated(measured: Mapping[str, Any]) -> Iterator[str]:
    if not measured:
        return
    sentence = f"Suggestion threshold (log-odds): {measured['threshold']:.2f}."
    with_it = "With it"
    if measured.get("outcomes"):
        sentence += (
            f" Adjusted by what visitors did with suggestions in {measured['outcomes']} visits."
        )
        with_it = f"Without that, with {measured['measured']['threshold']:.2f}"
    sentence += (
        f" {with_it}, about {measured['wanted']} of 100 questions that your pages do not answer "
        f"get suggestions. This is an estimate from the number of pages "
        f"({measured['documents']:,}) and {len(measured['foreign'])} questions from other fields."
    )
    if measured["own"]:
        sentence += (
            f" Of {len(measured['own'])} headings and mistyped titles of your own pages, "
            f"{measured['silent']:.0%} get no suggestions."
        )
    yield f"{sentence} To change it, set KB_FALSE_SUGGESTIONS."


def _listed(title: str, findings: list[Finding]) -> Iterable[str]:
    if not findings:
        return

    yield f"{title} ({len(findings)}):"
    for finding in findings[:MAX_LISTED]:
        yield f"  {finding}"
    if len(findings) > MAX_LISTED:
        yield f"  and {len(findings) - MAX_LISTED} more; `kb index --json` lists all of them."


def count_newly_public(count: int) -> str:
    """How many pages become public, as a sentence."""
    return (
        "1 page that was not public becomes public."
        if count == 1
        else (f"{count} pages that were not public become public.")
    )


def _opened(ids: tuple[str, ...]) -> Iterator[str]:
    if not ids:
        return
    yield count_newly_public(len(ids))
    for id_ in ids[:MAX_NEWLY_PUBLIC]:
        yield f"  {id_}"
    if len(ids) > MAX_NEWLY_PUBLIC:
        more = len(ids) - MAX_NEWLY_PUBLIC
        yield f"  and {more} more; `kb index --check-only --json` lists all of them."


def _compared(changes: list[SuggestionChange]) -> Iterator[str]:
    """The differences between the best suggestions, as a diff."""
    if changes:
        yield f"Suggestions that would change ({len(changes)}):"

    for change in changes[:MAX_LISTED]:
        times = f" (asked {change.times} times)" if change.times else ""
        yield f"  {change.query}{times}"
        for rank, id_ in enumerate(change.before, 1):
            if id_ not in change.after:
                yield f"    - {rank}. {id_}"
        for rank, id_ in enumerate(change.after, 1):
            if id_ not in change.before:
                yield f"    + {rank}. {id_}"
                continue
            previous = change.before.index(id_) + 1
            moved = f" (was {previous})" if previous != rank else ""
            yield f"    {'~' if moved else ' '} {rank}. {id_}{moved}"

    if len(changes) > MAX_LISTED:
        more = len(changes) - MAX_LISTED
        yield f"  and {more} more; `kb index --check-only --json` lists all of them."


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.source,
        "line": finding.line or None,
        "sentence": finding.sentence,
    }
