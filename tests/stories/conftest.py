"""Portals of the sites that ship, each started from its folder as an operator starts it."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Door
from tests.built_once import built_once
from tests.webapp.test_cli import PATIENCE, command, free_port, wait_for

SITES = Path(__file__).parents[2] / "content" / "examples"
FIELD_KEY = "a-key-of-the-tests-for-secrets-in-tickets"


def index(site: Path, data: Path) -> None:
    """Publishes the articles of the site in a folder, as its operator does."""
    words = ("index", "--site", str(site), "--data", str(data))
    subprocess.run(
        [sys.executable, "-c", "from kb.cli import main; main()", *words],
        env=_environment(),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    return {**kept, "KB_MEANING": "no"}  # the stories are about sites, and wait for no encoder


@contextmanager
def serving(site: Path, data: Path) -> Iterator[str]:
    """The address of the site in a folder, with demo people, until the caller is done."""
    told = {
        "KB_FIELD_KEY": FIELD_KEY,
        "KB_TICKETS_PER_HOUR": "1000",
        "KB_SUGGEST_BUDGET_MS": "5000",
        "KB_WORKERS": "1",
    }
    words = ("--site", str(site), "--data", str(data), "--demo")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = data.parent / f"{data.name}.log"
    with answering(words, {**_environment(), **told}, log) as address:
        yield address
    assert "Traceback" not in log.read_text()


@contextmanager
def answering(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """The address of ``kb serve`` with these ``words``, from its first answer on."""
    port = free_port()
    with log.open("w") as output:
        server = subprocess.Popen(
            command(*words, "--port", str(port), "--without-worker"),
            env=environment,
            stdout=output,
            stderr=output,
            text=True,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", server).close()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=PATIENCE)


class Street:
    """The three sites; each is indexed and started when somebody first asks for it."""

    def __init__(self, stack: ExitStack, factory: pytest.TempPathFactory) -> None:
        self._stack, self._factory = stack, factory
        self._addresses: dict[str, str] = {}

    def data(self, name: str) -> Path:
        """A new data folder with the site's articles in the index."""
        build = functools.partial(index, SITES / name)
        indexed = built_once(self._factory, f"story-{name}", build)
        return Path(shutil.copytree(indexed, self._factory.mktemp(name) / "data"))

    def __getitem__(self, name: str) -> str:
        """The address at which the site is served."""
        if name not in self._addresses:
            portal = serving(SITES / name, self.data(name))
            self._addresses[name] = self._stack.enter_context(portal)
        return self._addresses[name]


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with ExitStack() as stack:
        yield Street(stack, tmp_path_factory)


@pytest.fixture
def process_automation(street: Street, chromium: Browser) -> Iterator[Door]:
    yield from _door(street["process-automation"], chromium)


@pytest.fixture
def data_warehouse(street: Street, chromium: Browser) -> Iterator[Door]:
    yield from _door(street["data-warehouse"], chromium)


@pytest.fixture
def site_manager(street: Street, chromium: Browser) -> Iterator[Door]:
    yield from _door(street["site-manager"], chromium)


def _door(address: str, browser: Browser) -> Iterator[Door]:
    door = Door(address, browser)
    yield door
    door.close()
