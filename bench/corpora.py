"""Corpora of any size for benches, the same for the same seed.

Sections of real documents (the folder in ``KB_BENCH_DATA``, else this repository's ``content``) are
recombined: a title from one, paragraphs from others. Real words in real proportions, in any number.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

from kb.search.documents import Document, DocumentKind, Section

ROOT = Path(__file__).parent.parent


def data() -> Path | None:
    """Where the labelled sets and the trees are; None when there are none."""
    folder = os.environ.get("KB_BENCH_DATA")
    return Path(folder) if folder and (Path(folder) / "labelled").is_dir() else None


def documents(count: int, *, seed: int = 1) -> Iterator[Document]:
    """``count`` documents: 70 % forum topics, 15 % articles, 15 % FAQ entries."""
    titles, paragraphs = _material()
    dice = random.Random(seed)
    for number in range(count):
        kind = dice.choices((DocumentKind.DOC, DocumentKind.FAQ, DocumentKind.FORUM), (15, 15, 70))[
            0
        ]
        length = {DocumentKind.DOC: 12, DocumentKind.FAQ: 2, DocumentKind.FORUM: 4}[kind]
        text = "\n\n".join(dice.choices(paragraphs, k=dice.randint(1, length)))
        solved = dice.random() < 0.6 if kind is DocumentKind.FORUM else None
        yield Document(
            f"{kind}/{number:07}",
            kind,
            dice.choice(titles),
            (Section("text", (), text),),
            solved=solved,
        )


def titles(count: int, *, seed: int = 2) -> list[str]:
    """What people type: real titles, other ones than the documents' where there are enough."""
    found, _ = _material()
    return random.Random(seed).choices(found, k=count)


def _material() -> tuple[list[str], list[str]]:
    place = data()
    rows = list(_labelled(place / "labelled") if place else _content())
    titles = sorted({title for title, _ in rows if len(title) > 15})
    paragraphs = sorted(
        {p for _, text in rows for p in re.split(r"\n\s*\n", text) if 40 < len(p) < 1500}
    )
    return titles, paragraphs


def _labelled(folder: Path) -> Iterator[tuple[str, str]]:
    for name in ("slicer-support", "stackfaq", "quora-dup", "scifact"):
        with (folder / name / "corpus.jsonl").open(encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield row["title"], row["text"]


def _content() -> Iterator[tuple[str, str]]:
    for file in sorted((ROOT / "content").rglob("*.md")):
        text = file.read_text("utf-8")
        yield from re.findall(r"^#+ (.+)\n((?:(?!^#).*\n)*)", text, re.MULTILINE)
