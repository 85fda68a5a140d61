"""A partition that is built from a smaller one is the same, and tells of nothing that is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kb.search.build.builder import IndexBuilder
from kb.search.build.forward_index import ForwardIndex
from kb.search.build.partition_writer import partition_arrays
from kb.search.documents import Document, visible_to
from kb.search.generations.generation import Generations
from kb.search.index import latent_topics
from kb.search.index.array_file import Arrays, load_arrays
from kb.search.index.document_store import StoreWriter
from tests.search.index.test_latent_topics import corpus
from tests.search.library import ARTICLES, document, keep, publish

GROUP, OTHER_GROUP = "wolf-gmbh", "fuchs-ag"
PUBLIC_PAGES = (*ARTICLES, *corpus(latent_topics.SMALLEST + 20))
SEEN_BY_GROUP = (
    document(
        "doc/wolf", "Install Askfirst at Wolf", "Installing wolfram needs keys.", audience=GROUP
    ),
    document("doc/port-2", "The port is already in use", ARTICLES[0].text(), audience=GROUP),
    document("doc/terms", "Terms for customers", "How you pay invoices.", audience="customers"),
)
HIDDEN_FROM_GROUP = (
    document("doc/fuchs", "Install Askfirst at Fuchs", "Needs the fennec.", audience=OTHER_GROUP),
    document("doc/plan", "Price of the port", "Staff know prices.", audience="staff"),
)
#: They say where a document is stored, which differs with what is hidden and is shown to nobody.
STORED_AT = {"row", "first"}


def partition_of_group(data: Path, pages: Sequence[Document], audience: str = GROUP) -> Arrays:
    publish(data, pages, operators=False)
    generation = Generations(data).current()
    assert generation is not None
    return load_arrays(generation.partition(audience))


@pytest.mark.parametrize("audience", ["customers", "staff", GROUP, OTHER_GROUP])
def test_a_partition_is_the_same_whether_it_is_built_from_a_smaller_one_or_alone(
    tmp_path: Path, audience: str
) -> None:
    pages = [*PUBLIC_PAGES, *SEEN_BY_GROUP, *HIDDEN_FROM_GROUP]
    built = partition_of_group(tmp_path, pages, audience)

    forward_index = ForwardIndex()
    store = StoreWriter(tmp_path / "documents.arrays")
    for page in pages:
        forward_index.add(page, *store.add(page))
    store.close()
    alone = partition_arrays(forward_index, visible_to(audience))
    differing = {name for name in alone if built[name].tobytes() != alone[name].tobytes()}
    # Its words have the directions that were fitted for those who see less.
    assert {name for name in differing if not name.startswith("topic_")} == set()
    assert int(built["topic_drift"][0]) > 0


def test_hidden_pages_change_nothing_that_a_group_is_answered_from(tmp_path: Path) -> None:
    visible = [*PUBLIC_PAGES, *SEEN_BY_GROUP]
    visible.remove(ARTICLES[-1])  # for staff
    alone = partition_of_group(tmp_path / "alone", visible)
    pages = [HIDDEN_FROM_GROUP[0], *visible, HIDDEN_FROM_GROUP[1], ARTICLES[-1]]
    beside = partition_of_group(tmp_path / "beside", pages)
    assert alone.keys() == beside.keys()
    assert "topic_words" in alone
    differing = {name for name in alone if alone[name].tobytes() != beside[name].tobytes()}
    assert differing <= STORED_AT


def test_more_pages_of_its_own_give_a_group_topics_of_its_own(tmp_path: Path) -> None:
    own = [
        document(f"doc/own-{number}", "Own", " ".join(["own words", str(number)]), audience=GROUP)
        for number in range(len(PUBLIC_PAGES) // 8)
    ]
    built = partition_of_group(tmp_path, [*PUBLIC_PAGES, *own])
    assert int(built["topic_drift"][0]) == 0


def test_a_group_that_is_new_is_built_from_what_the_generation_has(tmp_path: Path) -> None:
    publish(tmp_path / "data", PUBLIC_PAGES, operators=False)
    with IndexBuilder(tmp_path / "data", operators=False) as builder:
        keep(builder, [page.id for page in PUBLIC_PAGES])
        for page in SEEN_BY_GROUP:
            builder.add(page)
        builder.publish(ledger={}, settings={})
    generation = Generations(tmp_path / "data").current()
    assert generation is not None
    carried_over = load_arrays(generation.partition(GROUP))
    fresh = partition_of_group(tmp_path / "fresh", [*PUBLIC_PAGES, *SEEN_BY_GROUP])
    assert carried_over.keys() == fresh.keys()
    differing = {n for n in fresh if carried_over[n].tobytes() != fresh[n].tobytes()}
    assert {name for name in differing if not name.startswith("topic_")} <= STORED_AT
