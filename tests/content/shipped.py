"""The sites that are shipped, indexed as `kb index` does, and read by the sentence encoder."""

from __future__ import annotations

import datetime as dt
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer import pipeline
from indexer.report import Report
from indexer.sources import walk
from kb.search.build.meaning_run import read_meanings
from kb.search.generations.generation import Generations
from kb.site.site_file import load_site
from tests.content.pages import CONTENT
from tests.indexing import run_index

TODAY = dt.date(2026, 11, 23)
HELP_CENTRE = "help-centre"
FOLDERS: Mapping[str, Path] = {HELP_CENTRE: CONTENT} | {
    path.parent.name: path.parent for path in sorted((CONTENT / "examples").glob("*/site.toml"))
}
_EVERYDAY = Path(__file__).with_name("everyday")


@dataclass(frozen=True, slots=True)
class EverydayTitles:
    """Titles as customers type them, with the pages that answer each; ``first`` are those whose
    first suggestion has to answer. ``paused`` are the bounds at a pause, when the sentence encoder
    reads a title.
    """

    answered: Mapping[str, list[str]]
    unanswered: list[str]
    first: list[str]
    least: Mapping[str, float]
    most: Mapping[str, float]
    paused: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, site: str) -> EverydayTitles:
        return cls(**tomllib.loads((_EVERYDAY / f"{site}.toml").read_text("utf-8")))


def index_site(site: str, data: Path) -> Report:
    folder = FOLDERS[site]
    words = (f"doc={folder / 'docs'}", f"faq={folder / 'faq'}", f"forum={folder / 'forum'}")
    options = pipeline.IndexOptions(
        walk.parse_sources(words, content=folder),
        data,
        TODAY,
        curations=folder / "curations.toml",
        front_matter=load_site(folder).front_matter,
        meaning=True,
        false_suggestions=10,
    )
    return run_index(options)


def read_site(drafts: Path, data: Path) -> None:
    """Let the encoder read a copy of an indexed site, as the worker does."""
    shutil.copytree(drafts, data, dirs_exist_ok=True)
    generations = Generations(data)
    while read_meanings(generations, progress=lambda *_: None):
        pass
