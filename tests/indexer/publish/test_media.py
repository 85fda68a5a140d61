from __future__ import annotations

import dataclasses
from pathlib import Path

from indexer.pipeline import IndexOptions
from indexer.publish import media
from indexer.sources import walk
from kb.search.generations.generation import PICTURES_FILE, Generations
from tests.indexer.conftest import TODAY
from tests.indexing import run_index

PNG = b"\x89PNG\r\n\x1a\n"


def _pictures(data: Path) -> list[bytes]:
    return sorted(path.read_bytes()[8:] for path in (data / "media").iterdir())


def test_pictures_go_with_the_last_generation_that_shows_them(tmp_path: Path, root: Path) -> None:
    (root / "i.png").write_bytes(PNG + b"1")
    (root / "a.md").write_text("# A\n\n![i](i.png)")
    (root / "b.md").write_text("# B\n\nText.")
    order = dataclasses.replace(
        IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY), keep=2
    )
    run_index(order)
    (root / "i.png").write_bytes(PNG + b"22")
    (tmp_path / "data" / "media" / "somebody-elses.txt").write_bytes(PNG + b"0")
    run_index(order)
    assert _pictures(order.data) == [b"0", b"1", b"22"]  # the generation before may serve again
    (root / "b.md").write_text("# B\n\nOther text.")
    run_index(order)
    assert _pictures(order.data) == [b"0", b"22"]
    (root / "a.md").unlink()
    run_index(order)
    run_index(dataclasses.replace(order, full=True))
    assert _pictures(order.data) == [b"0"]


def test_nothing_goes_while_a_generation_does_not_say_what_it_shows(
    tmp_path: Path, root: Path
) -> None:
    (root / "i.png").write_bytes(PNG)
    (root / "a.md").write_text("# A\n\n![i](i.png)")
    run_index(IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY))
    ledger = tmp_path / "data" / "index" / "gen-000001" / "ledger.json"
    ledger.write_text("{}")
    assert media.remove_unused(tmp_path / "data" / media.MEDIA_FOLDER, [ledger]) == 0
    assert _pictures(tmp_path / "data") == [b""]


def test_the_pictures_of_an_earlier_version_have_the_audiences_of_their_documents(
    tmp_path: Path, root: Path
) -> None:
    (root / "a.png").write_bytes(PNG)
    (root / "a.md").write_text("---\naudience: staff\n---\n# A\n\nText. ![p](a.png)")
    (root / "b.md").write_text("# B\n\nText.")
    run_index(IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY))
    current = Generations(tmp_path / "data").current()
    assert current is not None
    told = current.pictures()
    (current.path / PICTURES_FILE).unlink()
    assert current.pictures() == told
    assert set(told.values()) == {frozenset({"staff"})}
