"""The pool of readers, under hostile files and the death of its workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer import worker_pool
from indexer.readers.site_index import SiteIndex
from indexer.sources import walk
from indexer.worker_pool import ReadTask, WorkerPool
from kb.errors import Unavailable
from kb.search.documents import Document
from tests.indexer.conftest import TODAY, source_file

_N = 4000


_BOMBS = {
    "brackets": "[" * _N,
    "images": "![" * _N,
    "declarations": "<![" * _N,
    "references": "[][" * _N,
    "links": "[a](" * _N,
    "tags": "<a " * _N,
    "lists": "- " * _N,
    "deep list": "\n".join("  " * level + "- x" for level in range(400)),
    "stars": "* " * 500,
    "quotes": "> " * _N,
    "divs": "<div>" * 20_000 + "core",
    "emphasis": "*_" * _N,
    "backticks": "".join("`" * n + " " for n in range(1, 150)),
    "table": "|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n" + ("|" + "b|" * 300 + "\n") * 40,
    "cdata": "x <![CDATA[" * 1000,
    "footnotes": "[^1]" * 2000 + "\n\n[^1]: x",
    "definitions": "a\n: b\n" * 700,
    "marked brackets": "[TOC]\n\n" + "[" * 30_000,
    "containers": "".join(":" * (3 + n % 50) + "note\n" for n in range(500)),
    "comments": "<!--" * _N,
    "bars": "|" * 2000 + "\n" + "|-" * 2000 + "\n" + "|a" * 2000,
    "shortcodes": "{{<" * _N + "{%" * _N,
}


#: Formats of their own, by file name.
_OTHER_BOMBS: dict[str, str | bytes] = {
    "nested.rst": "\n".join("  " * level + "* x" for level in range(300)),
    "marks.rst": "*`_" * 20_000,
    "substitutions.rst": "".join(f".. |a{n}| replace:: |a{n + 1}| |a{n + 1}|\n" for n in range(40))
    + "\n|a0|",
    "table.rst": ("+" + "-+" * 500 + "\n|" + "a|" * 500 + "\n") * 15,
    "aliases.yml": "### YamlMime:FAQ\na: &a [x,x]\nb: &b [*a,*a]\nsections: [*b]\n",
    "deep.yml": "### YamlMime:FAQ\nsections: " + "[" * 10_000,
    "deep.json": '{"post_stream": ' + "[" * 100_000,
    "parts.mbox": "From a@b Mon Jan  5 10:00:00 2026\nContent-Type: multipart/mixed; boundary=x\n\n"
    + "--x\n\n" * 10_000,
    "many.mbox": "From a@b Mon Jan  5 10:00:00 2026\nSubject: x\n\nx\n\n" * 2_000,
    "subject.mbox": "From a@b Mon Jan  5 10:00:00 2026\nSubject: " + "re: " * 15_000 + "\n\nx\n",
    "references.mbox": "From a@b Mon Jan  5 10:00:00 2026\nReferences: "
    + "<" * 200_000
    + "\n\nx\n",
    "pages.pdf": b"%PDF-1.4\n"
    + b"1 0 obj<</Type/Pages/Kids[1 0 R]/Count 1>>endobj\ntrailer<</Root<</Pages 1 0 R>>>>\n%%EOF",
    "noise.pdf": b"%PDF-1.4\n" + b"1 0 obj<<" * 50_000,
    "declared.html": '<script type="application/ld+json">'
    + '{"@graph":[' * 5_000
    + "</script>QAPage",
    "marked.html": '<div itemtype="https://schema.org/Question" itemprop="suggestedAnswer">' * 400
    + "QAPage",
    "posts.xml": "<posts>"
    + '<row Id="1" PostTypeId="1" Title="t" Body="'
    + "&lt;div&gt;" * 50_000
    + '"/></posts>',
    ".openpublishing.redirection.json": "[" * 100_000,
    "_redirects": "/a /b\n" * 100_000,
}


def test_bombs_end_within_their_limits_and_the_good_files_are_read(root: Path) -> None:
    for name, bomb in _BOMBS.items():
        (root / f"{name}.md").write_text(bomb)
        (root / f"{name}.html").write_text(f"<html><body>{bomb}</body></html>")
    for name, written in _OTHER_BOMBS.items():
        (root / name).write_bytes(written.encode() if isinstance(written, str) else written)
    (root / "aliases.md").write_text("---\na: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n---\nText.")
    for number in range(5):
        (root / f"good{number}.md").write_text(f"# Good {number}\n\nText.")
    files = list(walk.walk_files(walk.parse_sources([f"doc={root}"])[0], lambda _: None))
    found: dict[str, list[Document]] = {}
    ended = set()
    with WorkerPool(2, cpu_seconds=1.5) as pool:
        pool.share(SiteIndex(today=TODAY))
        for done in pool.work(ReadTask("read", file) for file in files):
            found.setdefault(done.file.path, []).extend(done.documents)
            if done.last:
                ended.add(done.file.path)
                assert not done.failed, done.file.path
    assert ended == {file.path for file in files}
    assert all(found[f"good{number}.md"][0].title == f"Good {number}" for number in range(5))
    assert "core" in found["divs.html"][0].text()


def test_a_worker_that_dies_costs_only_its_file(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        (root / f"{number:02}.md").write_text(f"Text {number}. " * 2000)
    files = [source_file(path) for path in sorted(root.iterdir())]
    pool = WorkerPool(2)
    monkeypatch.setattr(worker_pool, "_QUEUE_LENGTH", 3)
    with pool:
        work = pool.work(ReadTask("read", file) for file in files)
        seen = [next(work)]
        for worker in pool._workers:
            os.kill(worker.process.pid, 9)
        seen += list(work)
    assert sorted(done.file.path for done in seen) == [file.path for file in files]
    assert all(done.documents for done in seen)


@pytest.mark.parametrize("ahead", [2, 256])
def test_results_come_in_the_order_of_their_tasks_even_if_the_first_takes_longest(
    root: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    (root / "00.md").write_text("# Long\n\n" + "Some *words* with `code`. \n\n" * 4000)
    for number in range(1, 40):
        (root / f"{number:02}.md").write_text(f"# Short {number}\n\nText.")
    files = [source_file(path) for path in sorted(root.iterdir())]
    monkeypatch.setattr(worker_pool, "_MAX_TASKS_AHEAD", ahead)
    with WorkerPool(2) as pool:
        done = list(pool.work(ReadTask("read", file) for file in files))
    assert [result.file.path for result in done] == [file.path for file in files]
    assert all(result.documents for result in done)


def test_a_worker_that_cannot_start_is_reported_and_not_retried(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (root / "a.md").write_text("x")
    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.setattr("multiprocessing.spawn._python_exe", b"/bin/false")
    with WorkerPool(1) as pool, pytest.raises(Unavailable, match="ended with code 1"):
        list(pool.work([ReadTask("read", source_file(root / "a.md"))]))
    capfd.readouterr()


def test_beyond_its_processor_time_a_file_is_rendered_more_simply_or_skipped(root: Path) -> None:
    (root / "a.md").write_text("# Title\n\n" + "word *word* `word` [x](y) " * 20_000)
    with WorkerPool(1, cpu_seconds=0.05) as pool:
        done = list(pool.work([ReadTask("read", source_file(root / "a.md"))]))
    assert len(done) == 1
    findings = done[0].reading.findings if done[0].reading else ()
    assert done[0].failed or any("simpler" in finding.sentence for finding in findings)
