"""Whatever stands in place of the cluster: visitors get the answers of the local index in time, and
operators a sentence.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.breaker import REST, Breaker
from kb.cli import kb
from kb.errors import Unavailable
from kb.search.embedded import EmbeddedEngine
from kb.search.engines.opensearch.cluster_documents import FORMAT
from kb.search.engines.opensearch.cluster_index import FORMAT_SETTING, STEM_SETTING
from kb.search.engines.opensearch.engine import OpenSearchEngine
from kb.search.searcher import Searcher
from tests.search.library import ARTICLES

INFO = {"version": {"distribution": "opensearch", "number": "2.19.1"}}
NO_HITS = {"hits": {"hits": []}, "timed_out": False, "_shards": {"failed": 0}}
BLOCKS = ("cluster_block_exception", "index_create_block_exception")
PASSWORD = "hidden-word"  # not a secret: of no server


PAGE = "<!doctype html>\n<title>Page not found</title>\n<p>This page does not exist.\n"


class FakeCluster(BaseHTTPRequestHandler):
    """Behaves as ``mode`` says, with one mode for each test's own subclass."""

    mode, asked = "well", 0
    end = threading.Event()

    def do_POST(self) -> None:
        type(self).asked += 1
        lines = self.rfile.read(int(self.headers["Content-Length"])).count(b"\n")
        count = lines // 2
        if self.mode == "hangs":
            self.end.wait(60)
        elif self.mode == "resets":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif self.mode == "red":
            error = {"error": {"reason": "all shards failed"}, "status": 503}
            self.answer(200, {"responses": [error] * count})
        elif self.mode == "some shards":
            self.answer(200, {"responses": [NO_HITS | {"_shards": {"failed": 1}}] * count})
        elif self.mode == "other documents":
            hits = {"hits": {"hits": [{"_id": "1", "_score": 1.0}]}}
            self.answer(200, {"responses": [NO_HITS | hits] * count})
        elif self.mode == "full while writing":
            refused = {"index": {"status": 429, "error": {"type": BLOCKS[0]}}}
            self.answer(200, {"errors": True, "items": [refused] * count})
        else:
            self.answer_as_usual({"responses": [NO_HITS] * count})

    def do_GET(self) -> None:
        if self.mode == "hangs":
            type(self).asked += 1
            self.end.wait(60)
        self.answer_as_usual(INFO)

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer_as_usual(self, body: object) -> None:
        if self.mode in BLOCKS:
            self.answer(403, {"error": {"type": self.mode}})
        elif self.mode in ("401", "500"):
            self.answer(int(self.mode), {"error": "no"})
        elif self.mode == "garbage":
            self.answer(200, "\0garbage")
        elif self.mode == "no such page":
            self.answer(404, PAGE)
        elif self.mode == "another service":
            self.answer(200, {"welcome": "to another service"})
        else:
            self.answer(200, body)

    def answer(self, status: int, body: object) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[tuple[str, type[FakeCluster]]]:
    class OneCluster(FakeCluster):
        end = threading.Event()

    handler = OneCluster
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://alice:{PASSWORD}@127.0.0.1:{server.server_port}/x", handler
    handler.end.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A generation that says that it is on a cluster."""
    with EmbeddedEngine(tmp_path).writer() as writer:
        for article in ARTICLES:
            writer.add(article)
        writer.publish(ledger={}, settings={STEM_SETTING: "x-000001-1"})
    return tmp_path


MODES = ("refuses", "hangs", "resets", "401", "500", "garbage", "another service", "red")


@pytest.mark.parametrize("mode", [*MODES, "some shards", "no name server"])
def test_the_local_index_answers_instead(
    data: Path,
    cluster: tuple[str, type[FakeCluster]],
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, handler = cluster
    handler.mode = mode
    if mode == "no name server":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: handler.end.wait(60))
    if mode == "refuses":
        address = f"http://127.0.0.1:{_closed_port()}"
    engine = OpenSearchEngine(data, address)
    portal = Searcher(data, engine=engine, budget_ms=2000)
    alone = Searcher(data, engine=EmbeddedEngine(data), budget_ms=2000)
    for title in ("install", "passwort", "sugg"):
        suggestions = portal.suggest(title)
        assert not suggestions.partial
        assert suggestions == alone.suggest(title)
    results, expected = portal.search('"sign-in page"'), alone.search('"sign-in page"')
    assert (results.hits, results.total, results.facets) == (
        expected.hits,
        expected.total,
        expected.facets,
    )
    assert engine.cluster.failure


@pytest.mark.parametrize("mode", ["no counts", "other documents"])
def test_an_incomplete_answer_is_not_used(
    data: Path, cluster: tuple[str, type[FakeCluster]], mode: str
) -> None:
    address, handler = cluster
    handler.mode = mode
    engine = OpenSearchEngine(data, address)
    results = Searcher(data, engine=engine, budget_ms=2000).search("sign in")
    expected = Searcher(data, engine=EmbeddedEngine(data), budget_ms=2000).search("sign in")
    assert expected.hits
    assert (results.hits, results.total, results.facets) == (
        expected.hits,
        expected.total,
        expected.facets,
    )
    assert engine.cluster.failure


def test_a_cluster_that_fails_is_left_alone_and_asked_again_later(
    data: Path, cluster: tuple[str, type[FakeCluster]]
) -> None:
    address, handler = cluster
    handler.mode = "500"
    engine = OpenSearchEngine(data, address)
    portal = Searcher(data, engine=engine, budget_ms=60_000)
    now = 0.0
    engine.cluster.breaker = Breaker(clock=lambda: now)
    for letter in "abcdefgh":
        portal.suggest(f"install {letter}")
    assert handler.asked == 1
    handler.mode = "well"
    portal.suggest("install again")
    assert handler.asked == 1
    now = REST + 1
    portal.suggest("install now")
    portal.suggest("install once more")
    assert handler.asked == 3
    assert not engine.cluster.failure


@pytest.mark.parametrize("mode", ["refuses", "401", "500", "garbage", "another service"])
def test_operators_get_a_sentence_without_the_password(
    data: Path,
    cluster: tuple[str, type[FakeCluster]],
    mode: str,
) -> None:
    address, handler = cluster
    handler.mode = mode
    if mode == "refuses":
        address = f"http://alice:{PASSWORD}@127.0.0.1:{_closed_port()}"
    engine = OpenSearchEngine(data, address)
    generation = engine.generations.current()
    assert generation is not None
    problem = engine.problem(generation)
    assert problem
    assert PASSWORD not in problem
    engine.prepare()  # starts all the same
    with pytest.raises(Unavailable) as raised, engine.writer() as writer:
        writer.publish(ledger={}, settings={})
    assert PASSWORD not in raised.value.sentence
    assert engine.generations.published_name() == generation.name


def test_a_page_of_another_server_is_not_printed(
    data: Path, cluster: tuple[str, type[FakeCluster]]
) -> None:
    address, handler = cluster
    handler.mode = "no such page"
    engine = OpenSearchEngine(data, address)
    assert Searcher(data, engine=engine, budget_ms=60_000).suggest("install", doubt=-math.inf).hits
    sentence = engine.fallback()
    assert "404" in sentence
    assert not set("<>\n") & set(sentence)


def test_a_command_waits_for_a_cluster_that_hangs_only_once(
    data: Path, cluster: tuple[str, type[FakeCluster]]
) -> None:
    address, handler = cluster
    handler.mode = "hangs"
    engine = OpenSearchEngine(data, address)
    generation = engine.generations.current()
    assert generation is not None
    assert "in time" in engine.problem(generation)
    assert handler.asked == 1
    with pytest.raises(Unavailable, match="in time"), engine.writer() as writer:
        writer.publish(ledger={}, settings={})
    assert handler.asked == 1


def test_a_query_waits_no_longer_than_its_engine_says(
    data: Path, cluster: tuple[str, type[FakeCluster]]
) -> None:
    address, handler = cluster
    handler.mode = "hangs"
    engine = OpenSearchEngine(data, address, query_seconds=0.1)
    # Half of this time would be longer than the server hangs.
    portal = Searcher(data, engine=engine, budget_ms=600_000)
    assert portal.suggest("install", doubt=-math.inf).hits
    assert "in time" in engine.fallback()


def test_a_host_name_that_does_not_exist_is_told_from_a_closed_port(data: Path) -> None:
    problems = []
    for address in ("http://askfirst.invalid:9200/x", f"http://127.0.0.1:{_closed_port()}/x"):
        engine = OpenSearchEngine(data, address)
        generation = engine.generations.current()
        assert generation is not None
        problems.append(engine.problem(generation).replace(str(engine.cluster.address), ""))
    assert problems[0] != problems[1]


@pytest.mark.parametrize("mode", [*BLOCKS, "full while writing"])
def test_a_full_disk_is_not_taken_for_a_wrong_password(
    data: Path, cluster: tuple[str, type[FakeCluster]], mode: str
) -> None:
    address, handler = cluster
    handler.mode = mode
    written = {"_op_type": "index", "_index": "x-1", "_id": "1", "_source": {}}
    with pytest.raises(Unavailable, match="disk"):
        OpenSearchEngine(data, address).cluster.change([written])


def test_a_command_says_that_the_local_index_answered(
    data: Path,
    cluster: tuple[str, type[FakeCluster]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address, handler = cluster
    monkeypatch.setenv("KB_SEARCH", "opensearch")
    monkeypatch.setenv("KB_OPENSEARCH", address)

    def warnings() -> list[str]:
        arguments = ["suggest", "install", "--json", "--data", str(data)]
        result = CliRunner().invoke(kb, arguments)
        written: list[str] = json.loads(result.stdout).get("warnings", [])
        return written

    assert warnings() == []
    assert not caplog.messages
    handler.mode = "500"
    (sentence,) = warnings()
    assert "500" in sentence
    assert sentence in caplog.text  # which goes to standard error
    assert PASSWORD not in sentence


@pytest.mark.parametrize("number", ["1.3.0", "2.18.0", "4.0.0"])
def test_a_version_that_is_not_tested_is_refused(
    data: Path,
    cluster: tuple[str, type[FakeCluster]],
    monkeypatch: pytest.MonkeyPatch,
    number: str,
) -> None:
    address, _ = cluster
    monkeypatch.setitem(INFO["version"], "number", number)
    with pytest.raises(Unavailable, match=number.replace(".", r"\.")):
        OpenSearchEngine(data, address).cluster.check()


def test_a_generation_of_the_embedded_engine_answers_until_the_next_is_published(
    tmp_path: Path,
) -> None:
    with EmbeddedEngine(tmp_path).writer() as writer:
        for article in ARTICLES:
            writer.add(article)
        writer.publish(ledger={}, settings={})
    engine = OpenSearchEngine(tmp_path, f"http://127.0.0.1:{_closed_port()}")
    portal = Searcher(tmp_path, engine=engine, budget_ms=60_000)
    assert portal.search("install").hits
    assert portal.suggest("install", doubt=-math.inf).hits
    generation = engine.generations.current()
    assert generation is not None
    assert generation.name in engine.problem(generation)
    assert generation.name in engine.fallback()
    assert not engine.cluster.failure  # it was not asked


def test_indexes_of_another_version_are_not_used(
    tmp_path: Path, cluster: tuple[str, type[FakeCluster]]
) -> None:
    address, handler = cluster
    settings = {STEM_SETTING: "x-000001-1", FORMAT_SETTING: FORMAT + 1}
    with EmbeddedEngine(tmp_path).writer() as writer:
        for article in ARTICLES:
            writer.add(article)
        writer.publish(ledger={}, settings=settings)
    engine = OpenSearchEngine(tmp_path, address)
    assert Searcher(tmp_path, engine=engine, budget_ms=60_000).search("install").hits
    assert handler.asked == 0
    assert "another version" in engine.fallback()


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
