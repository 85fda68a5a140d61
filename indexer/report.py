"""What happened in this run, and what should an editor mend?

A ``Finding`` names file, line and one sentence; a ``Report`` counts and prints. Not for deciding
anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from kb.search.generations.findings import Finding as Finding

#: Findings printed in full; ``--json`` lists them all.
MAX_LISTED = 25


@dataclass(frozen=True, slots=True)
class SuggestionChange:
    """The ids of the best suggestions for ``query`` as ``audience`` asks it, before and after;
    ``times`` is how often visitors asked it, 0 for a query of an editor's."""

    query: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    audience: str = "public"
    times: int = 0


@dataclass(slots=True)
class Report:
    """Counts of a run. ``seconds`` is the wall time, ``reading_seconds`` the part spent reading
    files; ``refused`` says why the new generation was not published, ``changes`` how suggestions
    would differ, ``stages`` maps the parts of the run to their seconds."""

    files: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    read: int = 0
    documents: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    changes: list[SuggestionChange] = field(default_factory=list)
    compared: int = 0  # queries whose best suggestions were compared
    waiting: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # added, changed, removed -> names of files
    previews: tuple[tuple[str, str], ...] = ()  # ids and titles of articles kept to be looked at
    voters: int = 0  # resolved tickets that vote
    stages: dict[str, float] = field(default_factory=dict)
    failed: int = 0  # golden queries
    seconds: float = 0.0
    reading_seconds: float = 0.0
    generation: str = ""
    published: bool = False

    @property
    def skipped(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.skipped]

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
                name: getattr(self, name)
                for name in ("files", "added", "changed", "removed", "unchanged")
            },
            "documents": self.documents,
            "kinds": dict(sorted(self.kinds.items())),
            "seconds": round(self.seconds, 3),
            "files_per_second": round(self.rate, 1),
            "skipped": [_values(finding) for finding in self.findings if finding.skipped],
            "findings": [_values(finding) for finding in self.findings if not finding.skipped],
            "notes": self.notes,
            "refused": self.refused,
            "changes": [asdict(change) for change in self.changes],
            "compared": self.compared,
            "waiting": {name: list(files) for name, files in self.waiting.items()},
            "previews": [{"id": id_, "title": title} for id_, title in self.previews],
            "voters": self.voters,
        }

    def lines(self) -> Iterable[str]:
        """The report for people."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        yield from self.notes
        yield from _listed("Left out", self.skipped)
        yield from _listed("To mend", [finding for finding in self.findings if not finding.skipped])
        yield from _compared(self.changes)
        yield (
            f"{self.files} files: {self.added} added, {self.changed} changed, {self.removed} "
            f"removed, "
            f"{self.unchanged} unchanged; {len(self.skipped)} left out."
        )
        if self.voters:
            yield f"{self.voters} resolved tickets vote."
        if self.read:
            yield (
                f"Read {self.read} files in {self.reading_seconds:.1f} s ({self.rate:.0f} a "
                f"second)."
            )
        yield from (f"Not published: {reason}" for reason in self.refused)
        if self.published:
            yield f"Published generation {self.generation}: {self.documents} documents ({kinds})."
        elif self.generation:
            yield from self.waiting.get("other", ())
            yield f"Nothing was published; generation {self.generation} stays."
        else:
            yield f"Nothing was published. {self.documents} documents ({kinds})."


def _compared(changes: list[SuggestionChange]) -> Iterable[str]:
    """The differences of the best suggestions, as a diff."""
    if changes:
        yield f"Suggestions that would change ({len(changes)}):"
    for change in changes[:MAX_LISTED]:
        often = f" (asked {change.times} times)" if change.times else ""
        yield f"  {change.query}{often}"
        yield from (
            f"    - {place}. {id_}"
            for place, id_ in enumerate(change.before, 1)
            if id_ not in change.after
        )
        for place, id_ in enumerate(change.after, 1):
            old = change.before.index(id_) + 1 if id_ in change.before else 0
            yield f"    {' ' if old == place else '+' if not old else '~'} {place}. {id_}" + (
                f" (was {old})" if old not in (0, place) else ""
            )
    if len(changes) > MAX_LISTED:
        yield f"  and {len(changes) - MAX_LISTED} more; `kb index --check-only --json` lists them all."


def _values(finding: Finding) -> dict[str, Any]:
    return {"file": finding.source, "line": finding.line or None, "sentence": finding.sentence}


def _listed(title: str, findings: list[Finding]) -> Iterable[str]:
    if findings:
        yield f"{title} ({len(findings)}):"
        yield from (f"  {finding}" for finding in findings[:MAX_LISTED])
    if len(findings) > MAX_LISTED:
        yield f"  and {len(findings) - MAX_LISTED} more; `kb index --json` lists them all."
