"""Indexing: speed, memory, and the quality of the text that is extracted from pages.

    python -m bench.ingest [--files 10000] [--pages 120]

Trees: those of ``KB_BENCH_DATA`` if it is set, else this repository's ``content``. Wall
time depends on what else the machine does, so processor seconds (of all processes) stand beside it.
Extraction: pages whose main container is known, once as published and once with every class, id,
role and landmark tag hidden; precision and recall of words.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import platform
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lxml import html as lxml_html

from bench import corpora
from indexer import pipeline
from indexer.html import boilerplate, plaintext, tree
from indexer.pipeline import IndexOptions
from indexer.report import Report
from indexer.sources import format_detection, walk
from indexer.worker_pool import WorkerPool
from kb.search.searcher import Searcher

TODAY = dt.date(2026, 11, 23)
_TREES = (
    "doc=powershell",
    "doc=hugo",
    "doc=sphinx-myst",
    "doc=html",
    "forum=forum-stackexchange",
    "forum=forum-discourse",
)
#: Where a page of each family says that its own text is (XPath), and what in there is not text
#: (XPath).
_TRUTH = (
    ("python-faq", "//div[@class='body']", ".//a[@class='headerlink']"),
    ("postgresql-doc-15", "//body", ".//div[@class='navheader' or @class='navfooter']"),
    ("debian-reference-en", "//body", ".//div[@class='navheader' or @class='navfooter']"),
)
_CONTENTS = (
    ".//*[self::nav or self::div or self::ul][contains(@class,'contents') or "
    "contains(@class,'toc')]"
)
_ENOUGH = 50  # words: a page of fewer is a title
_LANDMARK_TAGS = re.compile(r"(</?)(?:main|article|nav|footer|header|aside|section)\b", re.I)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="of the unchanged tree")
    parser.add_argument(
        "--pages", type=int, default=120, help="pages of each family whose extraction is judged"
    )
    arguments = parser.parse_args()
    data = corpora.data()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as temporary:
        _trees(Path(temporary) / "trees", data / "content" if data else None)
        _unchanged(Path(temporary) / "same", arguments.files)
        _edited(Path(temporary) / "edit")
    if data:
        for family, main_text, but in _TRUTH:
            _extraction(data / "content" / "html" / family, main_text, but, arguments.pages)


# --- speed and memory


@contextlib.contextmanager
def _timed(report: Callable[[float, float], None]) -> Iterator[None]:
    """Wall and processor seconds of this process and its children."""
    started, before = time.perf_counter(), _processor()
    yield
    report(time.perf_counter() - started, _processor() - before)


def _processor(*whose: int) -> float:
    whose = whose or (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, whose))


def _peak() -> str:
    unit = 1 if platform.system() == "Darwin" else 1024
    own, child = (
        resource.getrusage(who).ru_maxrss * unit // 1024**2
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return f"peak {own} MB in this process, {child} MB in the largest worker"


def _trees(data: Path, content: Path | None) -> None:
    read, spent = 0, 0.0  # of trees with a document or so in each file
    words = [w for w in _TREES if content and (content / w.partition("=")[2]).exists()]
    for word in words or [f"doc={corpora.ROOT / 'content'}"]:
        kind, _, name = word.partition("=")
        path = content / name if content and words else Path(name)
        order = IndexOptions(walk.parse_sources([f"{kind}={path}"]), data / path.name, TODAY)
        started, before, readers = (
            time.perf_counter(),
            _processor(),
            _processor(resource.RUSAGE_CHILDREN),
        )
        report = pipeline.run_index(order)
        readers = _processor(resource.RUSAGE_CHILDREN) - readers
        _print_report(
            path.name, report, time.perf_counter() - started, _processor() - before, readers
        )
        read += 0 if report.documents > 2 * report.files else report.files
        spent += 0 if report.documents > 2 * report.files else readers
    print(
        f"{read} files are parsed in {spent:.1f} processor seconds: {2 * read / spent:.0f} "
        f"files/s on two cores"
    )
    print(_peak())


def _print_report(name: str, report: Report, wall: float, cpu: float, readers: float) -> None:
    """Reading on the clock includes what the one process does that takes the documents up; readers'
    time does not.
    """
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.stages.items())
    print(
        f"{name}: {report.files} files -> {report.documents} documents, {len(report.skipped)} "
        f"skipped; "
        f"{wall:.1f} s wall, {cpu:.1f} s processor ({stages}); reading {report.rate:.0f} files/s "
        f"on the clock, "
        f"{report.read / readers if readers else 0:.0f} files per processor second of the readers"
    )


def _unchanged(folder: Path, count: int) -> None:
    root = folder / "content"
    for number in range(count):
        path = root / f"{number % 100:02}" / f"{number:05}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"# Page {number}\n\nAbout subject {number % 97} and [the next]({number + 1:05}.md).\n"
        )
    order = IndexOptions(walk.parse_sources([f"doc={root}"]), folder / "data", TODAY)
    with _timed(
        lambda wall, cpu: print(f"{count} new files: {wall:.1f} s wall, {cpu:.1f} s processor")
    ):
        pipeline.run_index(order)
    for _ in range(2):
        with _timed(
            lambda wall, cpu: print(
                f"{count} unchanged files: {wall:.2f} s wall, {cpu:.2f} s processor"
            )
        ):
            if pipeline.run_index(order).published:
                raise SystemExit("an unchanged tree was published")


def _edited(folder: Path) -> None:
    """From a saved edit in the help centre to an answer that knows it, as `kb index --watch` does
    it.
    """
    root = folder / "content"
    for source in sorted((corpora.ROOT / "content").rglob("*")):
        if source.is_file():
            target = root / source.relative_to(corpora.ROOT / "content")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    words = [f"doc={root}/docs", f"faq={root}/faq", f"forum={root}/forum"]
    order = IndexOptions(
        walk.parse_sources(words, content=root),
        folder / "data",
        TODAY,
        curations=root / "curations.toml",
    )
    order = replace(order, golden=root / "golden.toml", gate="warn")
    page = root / "docs" / "editors" / "publish.md"
    with WorkerPool(1) as pool:
        pool.start()
        pipeline.run_index(order, pool=pool)
        for number in range(4):
            page.write_text(
                page.read_text("utf-8") + f"\nThe word xylograph{number} is new.\n", "utf-8"
            )

            def print_edit(wall: float, cpu: float) -> None:
                print(
                    f"one edit of the help centre is searchable after {wall:.2f} s wall, "
                    f"{cpu:.2f} s processor"
                )

            with _timed(print_edit):
                stages = pipeline.run_index(order, pool=pool).stages
                if not Searcher(order.data).search(f"xylograph{number}").hits:
                    raise SystemExit("the edit is not searchable")
            print("  " + ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in stages.items()))


# --- extraction


def _extraction(folder: Path, main_text: str, but: str, most: int) -> None:
    files = [
        p
        for p in sorted(folder.rglob("*"))
        if re.search(r"\.html?(\.gz)?$", p.name) and p.is_file()
    ]
    files = [p for p in files if not p.is_symlink()]
    pages = [
        format_detection.decode_text(format_detection.decompress(p.read_bytes(), 10**8))[0]
        for p in files[:: max(1, len(files) // most)]
    ]
    judged = [(page, truth) for page in pages if (truth := _truth(page, main_text, but))]
    if not judged:
        print(f"{folder.name}: no page with a known main text")
        return
    for name, change in (("as published", lambda page: page), ("landmarks hidden", hidden)):
        texts = [change(page) for page, _ in judged]
        boilerplate_blocks = boilerplate.repeated_blocks(
            boilerplate.block_hashes(tree.parse_html(text)) for text in texts
        )
        started = time.process_time()
        found = [
            Counter(
                _words(
                    plaintext.to_text(
                        boilerplate.main_content(tree.parse_html(text), boilerplate_blocks)
                    )
                )
            )
            for text in texts
        ]
        spent = (time.process_time() - started) * 1000 / len(texts)
        precision, recall = _agreement(zip(found, (truth for _, truth in judged), strict=True))
        print(
            f"{folder.name}, {name}: precision {precision:.3f}, recall {recall:.3f} "
            f"({len(texts)} pages, {spent:.1f} ms each)"
        )


def hidden(page: str) -> str:
    """A page without any class, id, role or landmark tag: what is content must be found by its
    words alone.
    """
    root = lxml_html.document_fromstring(
        page.encode("utf-8"), parser=lxml_html.HTMLParser(encoding="utf-8")
    )
    for element in root.iter():
        for name in ("class", "id", "role", "itemprop", "rel"):
            element.attrib.pop(name, "")
    text = lxml_html.tostring(root, encoding="unicode")
    return _LANDMARK_TAGS.sub(r"\1div", text)


def _truth(page: str, main_text: str, but: str) -> tuple[Counter[str], Counter[str]] | None:
    """The words of the main text without its table of contents, and with it: that one counts
    neither way.
    """
    root: Any = lxml_html.document_fromstring(
        page.encode("utf-8"), parser=lxml_html.HTMLParser(encoding="utf-8")
    )
    found = root.xpath(main_text)
    if len(found) != 1:
        return None
    for element in found[0].xpath(but):
        element.drop_tree()
    tree.remove_tags(found[0], tree.REMOVED_TAGS)
    whole = Counter(_words(plaintext.to_text(found[0])))
    for element in found[0].xpath(_CONTENTS):
        tree.drop(element)
    truth = Counter(_words(plaintext.to_text(found[0])))
    return (truth, whole) if truth.total() >= _ENOUGH else None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _agreement(
    pairs: Iterable[tuple[Counter[str], tuple[Counter[str], Counter[str]]]],
) -> tuple[float, float]:
    """(precision, recall) of words, averaged over the pages."""
    rows = list(pairs)
    precision = [(found & whole).total() / max(1, found.total()) for found, (_, whole) in rows]
    recall = [(found & truth).total() / truth.total() for found, (truth, _) in rows]
    return sum(precision) / len(rows), sum(recall) / len(rows)


if __name__ == "__main__":
    main()
