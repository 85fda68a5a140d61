"""One portal for each test, copied from a published and migrated one, since that is what takes
time.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webapp.world import OPEN, Browser, Portal, build, open_centre, publish, settings_of


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portal")
    settings = settings_of(folder)
    publish(settings.data)
    centre = open_centre(settings)
    # Compiled loops and word lists are loaded once by each process: no test's question may run out
    # of time over them.
    centre.searcher.suggest("paper jam")
    centre.close()
    return folder


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Every portal of a test is closed with it: a connection that is left open is a warning in
    Python 3.13.
    """
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "portal"))


@pytest.fixture
def portal(folder: Path) -> Iterator[Portal]:
    built = build(settings_of(folder))
    yield built
    built.centre.close()


@pytest.fixture
def anyone(portal: Portal) -> Browser:
    return portal.browser()


@pytest.fixture
def alice(portal: Portal) -> Browser:
    return portal.browser("alice")


@pytest.fixture
def bob(portal: Portal) -> Browser:
    return portal.browser("bob")


@pytest.fixture
def charlie(portal: Portal) -> Browser:
    return portal.browser("charlie")
