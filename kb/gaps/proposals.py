"""What to do about a gap that search could close, and its effect before it is accepted.

A page exists but was not shown. If it has its own Markdown file in the content folder, the words
that customers used become its aliases; otherwise, a curation pins it for these words. The golden
queries and the queries of the last weeks are answered with and without the change, for the public.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.errors import Conflict, KbError, Unavailable
from kb.gaps.alias_candidate import AliasCandidates
from kb.gaps.front_matter import with_aliases
from kb.gaps.gaps import Gap
from kb.search.documents import Document, DocumentKind
from kb.search.generations.generation import Generation
from kb.search.query.curation_file import read_curations
from kb.search.query.golden_file import GoldenQuery, read_golden_queries
from kb.search.searcher import Searcher

COMPARED = 3  # suggestions of each query
MOST_QUERIES = 300
CURATION_SOURCE = "curations.toml"
#: The indexer treats aliases of these forms as old addresses, not as titles.
_ADDRESS_STARTS, _ADDRESS_ENDS = ("/", "http:", "https:"), (".html", ".md")


@dataclass(frozen=True, slots=True)
class GapProposal:
    """``words`` are the customers' words that would find ``document``.

    ``file`` is the file that changes, relative to the content folder: the file of the page, which
    gets aliases, or the file of curations.
    """

    words: tuple[str, ...]
    document: str
    file: str = CURATION_SOURCE

    @property
    def is_alias(self) -> bool:
        return self.file != CURATION_SOURCE

    @property
    def rule(self) -> dict[str, Any]:
        """The curation, as ``curations.toml`` has it."""
        return {"query": list(self.words), "match": "is", "pin": [self.document]}

    @property
    def toml(self) -> str:
        words = ", ".join(json.dumps(text, ensure_ascii=False) for text in self.words)
        return f"\n[[queries]]\nquery = [{words}]\npin = [{json.dumps(self.document)}]\n"

    def changed_text(self, text: str) -> str | None:
        """The file with the change; None if somebody has to make the change by hand."""
        return with_aliases(text, self.words) if self.is_alias else text.rstrip("\n") + self.toml


@dataclass(frozen=True, slots=True)
class ChangedQuery:
    """A query whose first suggestions change, with how often it was asked: 0 for a golden query and
    for a wording of the proposal that nobody asked in the last weeks.
    """

    query: str
    times: int
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposalEffect:
    """``broken`` golden queries find their page now and would not any longer, ``mended`` ones the
    other way round; ``asked`` is how many queries of the last weeks were compared.
    """

    golden: int
    broken: tuple[str, ...]
    mended: tuple[str, ...]
    asked: int
    changed: tuple[ChangedQuery, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "golden": self.golden,
            "broken": list(self.broken),
            "mended": list(self.mended),
            "asked": self.asked,
            "changed": [
                {
                    "query": change.query,
                    "times": change.times,
                    "before": list(change.before),
                    "after": list(change.after),
                }
                for change in self.changed
            ],
        }


def proposal_for(gap: Gap, document: Document, content: Path) -> GapProposal:
    wordings = (gap.title, *gap.aliases)
    named = {name.casefold() for name in (document.title, *document.aliases)}
    aliases = tuple(
        words
        for words in wordings
        if words.casefold() not in named
        and not words.startswith(_ADDRESS_STARTS)
        and not words.endswith(_ADDRESS_ENDS)
    )
    by_aliases = GapProposal(aliases, gap.document, document.source)
    if aliases and document.kind is DocumentKind.DOC and document.source.endswith(".md"):
        path = content / document.source
        with contextlib.suppress(OSError, UnicodeDecodeError, ValueError):
            is_inside = path.resolve(strict=True).is_relative_to(content.resolve())
            if is_inside and by_aliases.changed_text(path.read_text("utf-8")) is not None:
                return by_aliases
    return GapProposal(wordings, gap.document)


@contextlib.contextmanager
def searcher_with(
    proposal: GapProposal,
    document: Document,
    published: Generation,
    searcher: Searcher,
    candidates: AliasCandidates,
) -> Iterator[Searcher]:
    """A searcher that answers like the published generation, but with the proposal."""
    if proposal.is_alias:
        with candidates.searcher(published, document, proposal.words) as candidate:
            yield candidate
        return
    rules = published.curations()
    yield searcher.curated_by({**rules, "queries": [*rules.get("queries", ()), proposal.rule]})


def proposal_effect(
    proposal: GapProposal,
    searcher: Searcher,
    candidate: Searcher,
    golden_file: Path,
    asked: Iterable[tuple[str, int]],
) -> ProposalEffect:
    """``candidate`` answers with the proposal. Raises Unavailable, and Misconfigured for mistakes
    in the file of golden queries.
    """
    golden = read_golden_queries(golden_file) if golden_file.exists() else ()
    passed = [(each.query, _passes(searcher, each), _passes(candidate, each)) for each in golden]
    frequent = dict(list(asked)[:MOST_QUERIES])
    changed = []
    for query in dict.fromkeys((*proposal.words, *frequent)):
        before, after = _first(searcher, query), _first(candidate, query)
        if before != after:
            changed.append(ChangedQuery(query, frequent.get(query, 0), before, after))
    return ProposalEffect(
        len(golden),
        tuple(query for query, before, after in passed if before and not after),
        tuple(query for query, before, after in passed if after and not before),
        len(frequent),
        tuple(changed),
    )


def accept(proposal: GapProposal, content: Path) -> None:
    """Writes the proposal into its file, which takes effect with the next publish.

    Raises Misconfigured for mistakes in the file of curations, Conflict if the proposal is already
    there or cannot be added, and Unavailable if the file cannot be written.
    """
    path = content / proposal.file
    try:
        text = path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _not_saved(path, error) from error
    written = [json.dumps(words, ensure_ascii=False) for words in proposal.words]
    if (
        all(words in text for words in written)
        if proposal.is_alias
        else proposal.toml.strip() in text
    ):
        raise Conflict(f"{path.name} has this already. It takes effect when you publish.")
    changed = proposal.changed_text(text)
    if changed is None:
        raise Conflict(
            f"The aliases in {path.name} cannot be edited automatically. Add these by hand."
        )
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(changed.encode())
        if not proposal.is_alias:
            read_curations(beside)  # nothing is replaced by a file that cannot be read
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except OSError as error:
        raise _not_saved(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _not_saved(path: Path, error: OSError | UnicodeDecodeError) -> Unavailable:
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return Unavailable(
        f"{path.name} could not be changed: {reason}. Give the portal write access to the "
        "content folder."
    )


def _passes(searcher: Searcher, golden: GoldenQuery) -> bool:
    hits = searcher.suggest(golden.query, audience=golden.audience, limit=golden.top).hits
    names = {hit.id for hit in hits} | {other.id for hit in hits for other in hit.also}
    return bool(names & {*golden.expect}) if golden.expect else not hits


def _first(searcher: Searcher, query: str) -> tuple[str, ...]:
    try:
        return tuple(hit.id for hit in searcher.suggest(query, limit=COMPARED).hits)
    except KbError:
        return ()
