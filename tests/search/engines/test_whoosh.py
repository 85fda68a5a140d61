"""Updates of the index for phrases and fields: what is found, and how many segments there are."""

from __future__ import annotations

import contextlib
import itertools
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from kb.ids import document_key
from kb.search.engines.whoosh import OperatorSearch, build_whoosh
from kb.search.index.document_store import STORE_FILE, DocumentStore, StoreWriter
from kb.search.query.parser import Operator
from tests.search.library import document

COLOURS = ("red green", "green blue", "blue red")
Texts = dict[str, str]  # by id


class Updates:
    """An index that is updated again and again, each time into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts: Texts = {}
        self.newest: Path | None = None

    def publish(self, texts: Texts) -> Path:
        previous, self.newest = self.newest, self.folder / f"{len(list(self.folder.iterdir()))}"
        self.newest.mkdir()
        writer = StoreWriter(self.newest / STORE_FILE)
        for id_, text in texts.items():
            writer.add(document(id_, "Colours", text))
        writer.close()
        with contextlib.closing(DocumentStore(self.newest / STORE_FILE)) as store:
            if previous is None:
                build_whoosh(self.newest / "whoosh", store)
            else:
                with contextlib.closing(DocumentStore(previous / STORE_FILE)) as before:
                    changes = store.difference(before)
                build_whoosh(
                    self.newest / "whoosh", store, previous=previous / "whoosh", changes=changes
                )
        self.texts = texts
        return self.newest / "whoosh"


def phrase_keys(folder: Path, phrase: str) -> list[int]:
    operator = Operator("", phrase, excluded=False, exact=True)
    with contextlib.closing(OperatorSearch(folder)) as search:
        keys, _, _ = search.select([operator], deadline=time.monotonic() + 60)
    assert keys is not None
    return [int(key) for key in keys]


changes = st.dictionaries(
    st.integers(0, 40).map("doc/{}".format), st.sampled_from((*COLOURS, "")), max_size=5
)


@settings(max_examples=15, deadline=None)
@given(st.lists(changes, min_size=1, max_size=12))
def test_updates_find_what_a_whole_index_finds(steps: list[Texts]) -> None:
    with TemporaryDirectory() as folder:
        updates = Updates(Path(folder))
        updates.publish({f"doc/{number}": COLOURS[number % 3] for number in range(30)})
        for change in steps:
            texts = updates.texts | change
            newest = updates.publish({id_: text for id_, text in texts.items() if text})
            for phrase in COLOURS:
                same = [id_ for id_, text in updates.texts.items() if text == phrase]
                assert phrase_keys(newest, phrase) == sorted(map(document_key, same))


def test_an_update_writes_one_segment_and_leaves_most_as_they_are(tmp_path: Path) -> None:
    updates = Updates(tmp_path)
    texts = {f"doc/{number}": COLOURS[number % 3] for number in range(200)}
    newest = updates.publish(texts)
    segments = [{file.stat().st_ino for file in newest.glob("*.seg")}]
    for number in range(20):
        texts = texts | {f"doc/{number}": COLOURS[(number + 1) % 3]}
        newest = updates.publish(texts)
        segments.append({file.stat().st_ino for file in newest.glob("*.seg")})
    assert [len(now - then) for then, now in itertools.pairwise(segments)] == [1] * 20
    # One of all documents, and up to seven of one; eight of these become one of eight.
    sizes = [1, 2, 3, 4, 5, 6, 7, 8, 2, 3, 4, 5, 6, 7, 8, 9, 3, 4, 5, 6, 7]
    assert [len(names) for names in segments] == sizes
