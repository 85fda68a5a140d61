"""Settings for every test, and one world of people and tickets for those that ask for it."""

from __future__ import annotations

import gc
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.blobs import s3_address, s3_server, store
from tests.chromium import chromium
from tests.compiled_statements import share_compiled_statements
from tests.databases import location_of
from tests.processor_time import ProcessorTime
from tests.world import World, build

__all__ = ["chromium", "s3_address", "s3_server", "store"]  # the fixtures

# No time limits on examples: a busy machine is no defect. In CI the examples are the same in every
# run, so that a failure there is of the change; elsewhere they are new ones, so that they go on
# finding things.
settings.register_profile(
    "askfirst", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("askfirst")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", metavar="SEED", help="Run the tests in a random order.")
    parser.addoption(
        "--processor-time",
        action="store_true",
        help="Print the CPU time of folders and of the tests that use most.",
    )


def pytest_configure(config: pytest.Config) -> None:
    share_compiled_statements()
    # Portals and databases of one test after another make Python look for cycles so often that it
    # takes a tenth of the CPU time. What is imported stays anyway (see below).
    gc.set_threshold(100_000, 50, 50)
    if config.getoption("--processor-time"):
        config.pluginmanager.register(ProcessorTime())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """No test may lean on another: any order must do. Processes of one run share the seed, since
    they must agree on the order.
    """
    seed = config.getoption("--shuffle")
    if seed is not None:
        random.Random(seed).shuffle(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What has been imported until here is never looked at again for cycles."""
    del session
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated data folder: migrating is what takes time, so that each test copies it."""
    data = tmp_path_factory.mktemp("template") / "data"
    build(data).database.close()
    return data


@pytest.fixture
def data(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    data = Path(shutil.copytree(template, tmp_path / "data"))
    location = location_of(data)
    if isinstance(location, str):
        monkeypatch.setenv("KB_DATABASE", location)  # for commands
    return data


@pytest.fixture
def world(data: Path) -> Iterator[World]:
    built = build(data)
    yield built
    built.database.close()
