import dataclasses
import datetime as dt
import errno
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from indexer.pipeline import IndexOptions
from indexer.report import Report
from indexer.sources import walk
from kb.errors import Invalid
from kb.search.documents import Document
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher
from tests.indexer.conftest import codes
from tests.indexing import run_index

TODAY = dt.date(2026, 11, 23)


def _write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_md", ".md").replace("_html", ".html")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        # Two edits in one tick of the clock with one size would look like none.
        os.utime(path, ns=(zlib.crc32(text.encode()),) * 2)


def _options(tmp_path: Path, *words: str, **more: Any) -> IndexOptions:
    return IndexOptions(walk.parse_sources(words), tmp_path / "data", TODAY, **more)


def _documents(tmp_path: Path) -> dict[str, Document]:
    current = Generations(tmp_path / "data").current()
    assert current is not None
    return {document.id: document for document in current.store.all()}


def _counts(report: Report) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


def test_a_second_run_changes_nothing(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\nText.", b_md="# B\n\nText.")
    options = _options(tmp_path, f"doc={root}")
    first = run_index(options)
    before = _documents(tmp_path)
    second = run_index(options)
    assert (first.published, first.generation, _counts(first)) == (True, "000001", (2, 0, 0, 0))
    assert (second.published, second.generation, _counts(second)) == (False, "000001", (0, 0, 0, 2))
    assert (second.documents, second.kinds) == (2, {"doc": 2})
    assert _documents(tmp_path) == before


def test_only_what_changed_is_read_and_the_rest_is_taken_over(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\nOld.", b_md="# B\n\nText.", c_md="# C\n\nText.")
    options = _options(tmp_path, f"doc={root}")
    run_index(options)
    _write(root, a_md="# A\n\nNew words.", d_md="# D\n\nText.")
    (root / "c.md").unlink()
    report = run_index(options)
    assert (_counts(report), report.read) == ((1, 1, 1, 1), 2)
    documents = _documents(tmp_path)
    assert sorted(documents) == ["doc/a", "doc/b", "doc/d"]
    assert documents["doc/a"].text() == "New words."


def test_aliases_in_curations_reach_any_document_and_only_its_file_is_read(
    tmp_path: Path, root: Path
) -> None:
    _write(root, a_md="# A\n\nText.", b_md="# B\n\n## One?\n\nYes.\n\n## Two?\n\nNo.")
    curations = tmp_path / "curations.toml"
    curations.write_text('stop_phrases = ["please"]\n')
    options = _options(tmp_path, f"faq={root}", curations=curations)
    run_index(options)
    _, second, *_ = sorted(id_ for id_ in _documents(tmp_path) if id_.startswith("faq/b"))
    named = f'[[aliases]]\ndocument = "{second}"\ntitles = ["purple elephant"]\n'
    curations.write_text(named)
    report = run_index(options)
    assert (report.changed, report.read, report.published) == (1, 1, True)
    assert _documents(tmp_path)[second].aliases == ("purple elephant",)
    found = Searcher(tmp_path / "data").suggest("purple elephant", doubt=-99.0).hits
    assert [hit.id for hit in found][:1] == [second]

    assert not run_index(options).published
    curations.write_text(named.replace(second, "faq/none"))
    report = run_index(options)
    assert _documents(tmp_path)[second].aliases == ()
    assert "curated-document-not-found" in codes(report.findings)


def test_an_incremental_run_equals_a_full_one(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\n[b](b.md) [c](c.md)", b_md="# B\n\nText.")
    options = _options(tmp_path, f"doc={root}")
    run_index(options)
    _write(root, c_md="---\nuid: see\n---\n# C\n\nText.", b_md="---\nuid: bee\n---\n# B\n\nText.")
    run_index(options)
    step_by_step = _documents(tmp_path)
    report = run_index(dataclasses.replace(options, full=True))
    assert report.read == 3
    assert _documents(tmp_path) == step_by_step
    assert '"/help/doc/bee"' in step_by_step["doc/a"].html
    assert '"/help/doc/see"' in step_by_step["doc/a"].html


def test_a_changed_part_makes_what_includes_it_stale(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\n[!INCLUDE [x](includes/p.md)]", includes__p_md="Old part.")
    options = _options(tmp_path, f"doc={root}")
    run_index(options)
    _write(root, includes__p_md="The new part.")
    report = run_index(options)
    assert _counts(report) == (0, 1, 0, 0)
    assert _documents(tmp_path)["doc/a"].text() == "The new part."


def test_a_picture_that_arrives_later_is_shown(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\n![A dog](dog.png)")
    options = _options(tmp_path, f"doc={root}")
    assert codes(run_index(options).findings) == ["image-not-found"]
    (root / "dog.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    report = run_index(options)
    assert _counts(report) == (0, 1, 0, 0)
    assert report.findings == []


def test_what_expires_goes_on_its_day_without_an_edit(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\nText.", b_md="---\nexpiryDate: 2026-12-01\n---\n# B\n\nText.")
    options = _options(tmp_path, f"doc={root}")
    run_index(options)
    assert sorted(_documents(tmp_path)) == ["doc/a", "doc/b"]
    run_index(dataclasses.replace(options, today=dt.date(2026, 12, 1)))
    assert sorted(_documents(tmp_path)) == ["doc/a"]
    assert not run_index(dataclasses.replace(options, today=dt.date(2026, 12, 2))).published


def test_two_files_with_one_uid_both_stay_and_keep_their_ids(tmp_path: Path, root: Path) -> None:
    _write(root, b_md="---\nuid: x\n---\nB text.", c_md="---\nuid: x\n---\nC text.")
    options = _options(tmp_path, f"doc={root}")
    report = run_index(options)
    assert {id_: document.source for id_, document in _documents(tmp_path).items()} == {
        "doc/x": "content/b.md",
        "doc/x-2": "content/c.md",
    }
    assert codes(report.findings) == ["address-taken"]
    _write(root, a_md="---\nuid: x\n---\nA text.")
    run_index(options)
    assert {document.source: id_ for id_, document in _documents(tmp_path).items()} == {
        "content/a.md": "doc/x-3",
        "content/b.md": "doc/x",
        "content/c.md": "doc/x-2",
    }


def test_a_moved_file_is_found_under_its_old_address(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\nText.", b_md="# B\n\nOther.")
    options = _options(tmp_path, f"doc={root}")
    run_index(options)
    (root / "guides").mkdir()
    (root / "a.md").rename(root / "guides" / "a.md")
    run_index(options)
    _write(root, b_md="# B\n\nAnother.")
    run_index(options)
    current = Generations(tmp_path / "data").current()
    assert current is not None
    found = current.store.document("doc/a")
    assert found is not None
    assert found.id == "doc/guides/a"


def test_one_bad_file_never_stops_the_others(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\nText.", bad_md="\x00\x01" * 300, worse_html="<html>")
    (root / "unreadable.json").write_text('{"post_stream": ')
    report = run_index(_options(tmp_path, f"doc={root}"))
    assert report.published
    assert report.documents == 1
    assert len(report.skipped) == 3
    again = run_index(_options(tmp_path, f"doc={root}"))
    assert again.findings == report.findings


def test_a_source_without_anything_readable_is_refused(tmp_path: Path, root: Path) -> None:
    (root / "a.yml").write_text("a: b")
    with pytest.raises(Invalid, match=r"content/a\.yml") as caught:
        run_index(_options(tmp_path, f"doc={root}"))
    assert caught.value.field == "source"
    assert Generations(tmp_path / "data").current() is None


def test_a_damaged_generation_is_rebuilt(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\nText.")
    options = _options(tmp_path, f"doc={root}")
    run_index(options)
    (tmp_path / "data" / "index" / "gen-000001" / "ledger.json").write_text("{")
    report = run_index(options)
    assert report.published
    assert len(report.notes) == 1
    assert "000001" in report.notes[0]
    assert sorted(_documents(tmp_path)) == ["doc/a"]


def test_checking_publishes_nothing(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\n![x](gone.png)")
    report = run_index(_options(tmp_path, f"doc={root}", check_only=True))
    assert (report.published, report.documents, len(report.findings)) == (False, 1, 1)
    assert not (tmp_path / "data").exists()


def test_the_repeated_blocks_of_a_site_go_also_when_one_page_changes(
    tmp_path: Path, root: Path
) -> None:
    page = (
        "<html><title>P{0}</title><body><p>Our site <a href='/'>home</a></p><h1>P{0}</h1><p>Words "
        "{0}.</p><p>Imprint</p></body></html>"
    )
    _write(root, **{f"p{number}_html": page.format(number) for number in range(12)})
    options = _options(tmp_path, f"doc={root}")
    run_index(options)
    _write(root, p3_html=page.format("3 and more"))
    assert run_index(options).read == 1
    texts = [document.text() for document in _documents(tmp_path).values()]
    assert all(
        "Words" in text and "Our site" not in text and "Imprint" not in text for text in texts
    )


def test_a_menu_that_names_its_page_goes_and_the_pages_own_words_stay(
    tmp_path: Path, root: Path
) -> None:
    page = (
        "<html><title>P{0}</title><body><div>Manual</div><h3>Contents</h3><ul><li><a "
        "href='#a'>Page {0}</a></li><li><a "
        "href='#b'>Part {0}b</a></li></ul><h4>Next topic</h4><p><a href='p1.html'>Topic "
        "{0}</a></p><div>Menu</div>"
        "<h1>Page {0}</h1><p>Words of {0}.</p><p><a href='p2.html'>See also {0}</a></p><h4>This "
        "page</h4>"
        "<p><a href='p3.html'>Previous {0}</a></p><div>Imprint</div></body></html>"
    )
    _write(root, **{f"p{number}_html": page.format(number) for number in range(12)})
    run_index(_options(tmp_path, f"doc={root}"))
    document = _documents(tmp_path)["doc/p4"]
    assert (document.title, document.text()) == ("Page 4", "Words of 4.\n\nSee also 4")


def test_kinds_and_roots_live_side_by_side(tmp_path: Path) -> None:
    for kind in ("docs", "faq", "forum"):
        (tmp_path / "c" / kind).mkdir(parents=True)
    (tmp_path / "c" / "docs" / "a.md").write_text("# A\n\n[q](../faq/a.md#how-so) ![i](../i.png)")
    (tmp_path / "c" / "faq" / "a.md").write_text("# FAQ\n\n## Why?\n\nSo.\n\n## How so?\n\nThus.")
    (tmp_path / "c" / "forum" / "a.md").write_text("# T\n\nQ.\n\n## Answer by Bob · accepted\n\nA.")
    (tmp_path / "c" / "i.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = [f"doc={tmp_path}/c/docs", f"faq={tmp_path}/c/faq", f"forum={tmp_path}/c/forum"]
    options = IndexOptions(
        walk.parse_sources(words, content=tmp_path / "c"), tmp_path / "data", TODAY
    )
    report = run_index(options)
    assert report.kinds == {"doc": 1, "faq": 2, "forum": 1}
    html = _documents(tmp_path)["doc/a"].html
    assert 'href="/help/faq/a/how-so"' in html
    assert [path.suffix for path in (tmp_path / "data" / "media").iterdir()] == [".png"]
    assert "/media/" in html


def test_a_source_gives_its_audience_to_pages_that_name_none(tmp_path: Path, root: Path) -> None:
    _write(root, a_md="# A\n\nText.", b_md="---\naudience: public\n---\n# B\n\nText.")
    run_index(_options(tmp_path, f"doc={root}"))
    report = run_index(_options(tmp_path, f"doc@staff={root}"))
    assert report.published
    documents = _documents(tmp_path)
    assert {id_: document.audience for id_, document in documents.items()} == {
        "doc/a": "staff",
        "doc/b": "public",
    }


def test_references_resolve_for_the_readers_of_a_page_only(tmp_path: Path, root: Path) -> None:
    hidden = "---\nuid: secret\n{}\n---\n# Xylophonium\n\nText.\n"
    _write(
        root,
        a_md="# A\n\nSee <xref:secret>, [the page](b.md), and [again](xref:secret#x). More.\n",
        b_md=hidden.format("audience: staff"),
    )
    options = _options(tmp_path, f"doc={root}")
    report = run_index(options)
    searcher = Searcher(tmp_path / "data", budget_ms=60_000)
    assert codes(report.findings) == ["reference-restricted"]
    assert searcher.search("xylophonium").total == 0
    shown = searcher.article("doc/a").html
    assert "secret" not in shown
    assert "<a" not in shown
    assert "the page, and again. More." in shown
    assert "/help/doc/secret" in searcher.article("doc/a", audience="staff").html

    # A draft is nobody's.
    _write(root, b_md=hidden.format("draft: true"))
    run_index(options)
    assert "ylophonium" not in _documents(tmp_path)["doc/a"].html

    # Once everybody may see the page, its title is shown; the page that links it is read again.
    _write(root, b_md=hidden.format("audience: public"))
    run_index(options)
    assert ">Xylophonium</a>" in _documents(tmp_path)["doc/a"].html
    _write(root, b_md=hidden.format("audience: staff"))
    run_index(options)
    assert "ylophonium" not in _documents(tmp_path)["doc/a"].html


def test_a_publish_that_the_disk_does_not_confirm_is_not_said_to_have_failed(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(root, a_md="# A\n\nText.")
    options = _options(tmp_path, f"doc={root}")
    sync = os.fsync

    def fail_once_current_moved(descriptor: int) -> None:
        if Generations(tmp_path / "data").published_name():
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once_current_moved)
    report = run_index(options)
    assert (report.published, report.generation) == (True, "000001")
    assert len(report.notes) == 1
    assert list(_documents(tmp_path)) == ["doc/a"]
