"""Help centres that were invented to teach the sentence encoder (``bench/invented``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kb.search.documents import Document, DocumentKind, Section

FOLDER = Path(__file__).parent / "invented"
#: The ones from which the encoder learns nothing; they show what it has learnt from the others.
APART = (
    *("auctions", "cad", "desktop", "etl", "fleet", "holidays", "hosting", "laboratory"),
    *("mail-server", "marketplace", "mobile", "mqtt-hub", "packages", "parking"),
    *("remote-desktop", "video-editing", "ward-planning", "warehouse"),
)


@dataclass(slots=True)
class InventedPage:
    title: str
    text: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)  # that this page answers

    @property
    def passage(self) -> str:
        """As ``kb.search.build.passage_meanings`` reads a page of one section."""
        return " ".join(" ".join((self.title, *self.text)).split())


@dataclass(frozen=True, slots=True)
class InventedSite:
    name: str
    pages: list[InventedPage]
    unanswered: list[str]  # questions of the same customers

    def questions(self) -> Iterator[tuple[str, int]]:
        """Each question and the number of its page, or -1."""
        for number, page in enumerate(self.pages):
            yield from ((question, number) for question in page.questions)
        yield from ((question, -1) for question in self.unanswered)

    def document_id(self, number: int) -> str:
        return f"doc/{self.name}-{number}"

    def documents(self) -> Iterator[Document]:
        for number, page in enumerate(self.pages):
            sections = (Section("", (), "\n".join(page.text)),)
            yield Document(self.document_id(number), DocumentKind.DOC, page.title, sections)


def invented_sites() -> list[InventedSite]:
    """All of them, by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.txt"))]


def invented_site(name: str) -> InventedSite:
    return _read(FOLDER / f"{name}.txt")


def _read(path: Path) -> InventedSite:
    """Lines of a page follow its ``# page:``, its questions begin with ``?``; those without an
    answer begin with ``-`` and follow ``# nothing``.
    """
    content, _, nothing = path.read_text("utf-8").partition("\n# nothing\n")
    pages: list[InventedPage] = []
    for line in filter(None, content.splitlines()):
        if line.startswith("# page:"):
            pages.append(InventedPage(line.removeprefix("# page:").strip()))
        elif line.startswith("? "):
            pages[-1].questions.append(line.removeprefix("? "))
        else:
            pages[-1].text.append(line)
    unanswered = [line.removeprefix("- ") for line in nothing.splitlines() if line]
    return InventedSite(path.stem, pages, unanswered)
