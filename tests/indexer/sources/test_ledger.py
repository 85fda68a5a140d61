import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.sources import ledger
from indexer.sources.ledger import Entry, Ledger
from indexer.sources.walk import SourceFile
from kb.search.documents import DocumentKind
from kb.search.generations.findings import Finding

_TREES = st.dictionaries(
    st.text("abc/.", min_size=1, max_size=6),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from("pqr")),
)


def _file(key: str, size: int, mtime: int) -> SourceFile:
    return SourceFile(DocumentKind.DOC, "root", key, size, mtime, f"/root/{key}", "/root")


def _files(tree: dict[str, tuple[int, int, str]]) -> dict[str, SourceFile]:
    return {key: _file(key, size, mtime) for key, (size, mtime, _) in tree.items()}


def _entries(tree: dict[str, tuple[int, int, str]]) -> dict[str, Entry]:
    return {
        key: Entry(size, mtime, digest, (f"doc/{key}",))
        for key, (size, mtime, digest) in tree.items()
    }


@settings(max_examples=200, deadline=None)
@given(_TREES, _TREES)
def test_every_file_is_in_exactly_one_class(before: dict, now: dict) -> None:  # type: ignore[type-arg]
    found = ledger.difference(_entries(before), _files(now), lambda file: now[file.path][2])
    assert sorted(found.added + found.changed + found.unchanged) == sorted(now)
    assert set(found.removed) == before.keys() - now.keys()
    assert set(found.added) == now.keys() - before.keys()


@settings(max_examples=200, deadline=None)
@given(_TREES, _TREES)
def test_a_difference_applied_leaves_none(before: dict, now: dict) -> None:  # type: ignore[type-arg]
    applied = _entries(now)
    again = ledger.difference(applied, _files(now), lambda file: now[file.path][2])
    assert again.is_empty
    assert not again.digests


def test_a_touched_file_with_the_same_bytes_is_unchanged() -> None:
    found = ledger.difference({"a": Entry(1, 1, "h")}, {"a": _file("a", 1, 2)}, lambda _: "h")
    assert found.unchanged == ("a",)
    assert found.digests == {"a": "h"}


def test_size_and_time_spare_the_hash() -> None:
    def never(file: SourceFile) -> str:
        raise AssertionError(file)

    assert ledger.difference({"a": Entry(1, 1, "h")}, {"a": _file("a", 1, 1)}, never).is_empty


def test_what_a_document_was_made_of_makes_it_stale() -> None:
    day = dt.date(2026, 1, 2)
    entries = {
        "same": Entry(1, 1, "h", links={"x": "doc/x"}, includes={"/i": "1:1"}),
        "link": Entry(1, 1, "h", links={"x": ""}),
        "include": Entry(1, 1, "h", includes={"/i": "9:9"}),
        "day": Entry(1, 1, "h", until=day),
    }
    stale = ledger.stale(
        entries, entries, resolve=lambda _: "doc/x", stamp=lambda _: "1:1", today=day
    )
    assert stale == ["link", "include", "day"]


def test_a_ledger_comes_back_as_it_was() -> None:
    entry = Entry(
        3,
        4,
        "h",
        ("doc/a",),
        "doc/a",
        True,
        "u",
        "T",
        {"/i": "1:2"},
        {"uid:x": ""},
        dt.date(2026, 1, 2),
        (Finding("r/a.md", 3, "Mend it."),),
    )
    whole = Ledger({"doc=r/a.md": entry}, {"/r": frozenset({1, 2})}, {"doc/old": "doc/a"})
    assert ledger.from_json(ledger.to_json(whole)) == whole


def test_another_versions_ledger_is_not_trusted() -> None:
    assert ledger.from_json({"version": -1, "files": {}}) is None
    assert (
        ledger.from_json(
            {"version": ledger.VERSION, "files": {"a": [1]}, "chrome": {}, "moved": {}}
        )
        is None
    )
    assert ledger.from_json({}) is None


def test_a_file_that_could_not_be_read_is_tried_again_though_it_looks_the_same() -> None:
    assert ledger.difference(
        {"a": Entry(1, 1, "")}, {"a": _file("a", 1, 1)}, lambda _: "h"
    ).changed == ("a",)
