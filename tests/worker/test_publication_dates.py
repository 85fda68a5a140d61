"""When articles were published, as the worker notes it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

from kb.insights.publications import noted_publications
from kb.search.build.builder import IndexBuilder
from kb.search.installation import search_engine
from kb.worker.publication_dates import PublicationDates
from tests.webapp.world import DOCUMENTS, document, publish
from tests.world import FRIDAY, World


def test_new_articles_have_the_date_of_their_generation(world: World, tmp_path: Path) -> None:
    data = tmp_path / "index"
    index = search_engine(data).generations
    dates, other_worker = (PublicationDates(index, world.database) for _ in range(2))
    assert dates.note(FRIDAY) == 0  # without an index
    publish(data)
    dates.note(FRIDAY)
    first = noted_publications(world.database)
    assert set(first) == {each.id for each in DOCUMENTS}
    assert set(first.values()) == {None}

    publish(data, (*DOCUMENTS, document("new", "A new page", ("", "", "Something."))))
    for worker in (dates, other_worker, dates):
        worker.note(FRIDAY)
    generation = index.current()
    assert generation is not None
    created = dt.datetime.fromisoformat(generation.manifest.created).replace(microsecond=0)
    assert noted_publications(world.database) == {**first, "doc/new": created}


def test_an_article_that_moves_keeps_its_date(world: World, tmp_path: Path) -> None:
    data = tmp_path / "index"
    dates = PublicationDates(search_engine(data).generations, world.database)
    publish(data)
    dates.note(FRIDAY)
    new = document("new", "A new page", ("", "", "Something."))
    publish(data, (*DOCUMENTS, new))
    dates.note(FRIDAY)
    with IndexBuilder(data) as builder:
        for each in (*DOCUMENTS, replace(new, id="doc/moved")):
            builder.add(each)
        builder.alias("doc/new", "doc/moved")
        builder.publish(ledger={"sources": {}}, settings={})
    dates.note(FRIDAY)
    noted = noted_publications(world.database)
    assert noted["doc/moved"] == noted["doc/new"] is not None
