"""Passage text: a stored passage in the forms in which it is searched, quoted and shown.

With every letter that somebody types, much the same passages are shown again: each form is made
once, when it is first asked for. Nothing here depends on a query. Pure.
"""

from __future__ import annotations

from functools import cached_property

from kb.search.analysis.passages import SectionPassage, text_without
from kb.search.analysis.tokenizer import FoldedText, folded_text, written_words
from kb.search.display.quotable import Quotable, quotable, whole_passage
from kb.search.documents import RegionKind

_CODE = frozenset({RegionKind.CODE})
_CODE_AND_TABLES = frozenset({RegionKind.CODE, RegionKind.TABLE})


class PassageText:
    """One passage. Regions tell where its code samples and tables are; an index of an earlier
    version has none, and there everything is prose.
    """

    def __init__(self, stored: SectionPassage) -> None:
        self.stored = stored
        self.place = (stored.anchor, stored.path)
        self.is_prose = not any(region.kind in _CODE_AND_TABLES for region in stored.regions)

    @cached_property
    def folded(self) -> FoldedText:
        """The text as it is stored."""
        return folded_text(self.stored.text)

    @cached_property
    def whole(self) -> FoldedText:
        """All of it on one line."""
        return _on_one_line(self.stored.text)

    @cached_property
    def prose(self) -> FoldedText | None:
        """What is no code and in no table; None when all is."""
        return self._without(_CODE_AND_TABLES)

    @cached_property
    def prose_and_tables(self) -> FoldedText | None:
        """What is no code; None when all is."""
        return self._without(_CODE)

    @cached_property
    def words(self) -> str:
        """The words of its own heading and its text, each between spaces."""
        heading = " ".join(self.stored.path[-1:])
        return f" {' '.join(written_words(f'{heading} {self.stored.text}'))} "

    @cached_property
    def quotable(self) -> tuple[Quotable, ...]:
        """What can be quoted by itself, where the passage ends its section."""
        return quotable(self.stored, continues=False)

    @cached_property
    def quotable_before_more(self) -> tuple[Quotable, ...]:
        """The same where another passage of the section follows: a list at the end may go on."""
        return quotable(self.stored, continues=True)

    @cached_property
    def quotable_as_a_whole(self) -> Quotable | None:
        """All of it, where it is short."""
        return whole_passage(self.stored)

    def _without(self, kinds: frozenset[RegionKind]) -> FoldedText | None:
        text = text_without(self.stored, kinds)
        return _on_one_line(text) if text else None


def _on_one_line(text: str) -> FoldedText:
    return folded_text(" ".join(text.split()))
