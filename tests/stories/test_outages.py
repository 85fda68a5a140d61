"""The table of outages in the guide: what happens when PostgreSQL or the object store fails."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, insert, make_url, select

from kb.blobs.s3 import S3Store
from kb.breaker import Breaker
from kb.database import Database
from kb.database.metadata import COUNTERS
from kb.database.postgresql.patience import Patience
from kb.database.postgresql.server import PostgresqlServer
from kb.errors import Unavailable
from tests.blobs import BUCKET
from tests.databases import SERVER, location_of
from tests.faulty_server import FaultyServer, Outage
from tests.webapp.world import build, guest, publish, settings_of

#: Seconds: far fewer than those of the product, and enough for an answer on a busy machine.
ANSWER = 2.0
#: libpq waits for a connection for 2 seconds at least.
PATIENCE = Patience(connect=2, ping=ANSWER, answer=ANSWER)
REST = 60.0
_FIELDS = b"SFATAL\0C57P03\0Mthe database system is starting up\0\0"
POSTGRESQL_ERROR = b"E" + struct.pack("!i", len(_FIELDS) + 4) + _FIELDS
S3_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
needs_postgresql = pytest.mark.skipif(not SERVER, reason="no PostgreSQL: see .ci/services")


@dataclass(slots=True)
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@contextlib.contextmanager
def faulty_postgresql(folder: Path) -> Iterator[tuple[FaultyServer, str]]:
    """A server in front of the real one, and the address of an empty database on it."""
    url = make_url(str(location_of(folder, "postgresql")))
    with FaultyServer((str(url.host), url.port or 5432), POSTGRESQL_ERROR) as server:
        query = {"sslmode": "disable"}
        yield (
            server,
            url.set(host="127.0.0.1", port=server.port, query=query).render_as_string(
                hide_password=False
            ),
        )


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(COUNTERS)).scalar_one())


def add(database: Database, name: str) -> None:
    with database.write(name) as connection:
        connection.execute(insert(COUNTERS).values(name=name, value=1))


@needs_postgresql
@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("outage", Outage)
def test_a_database_that_fails_is_a_sentence_and_is_used_again_afterwards(
    tmp_path: Path, outage: Outage, pooled: bool
) -> None:
    clock = Clock()
    with faulty_postgresql(tmp_path) as (server, address), contextlib.ExitStack() as stack:
        storage = PostgresqlServer(
            address, patience=PATIENCE, breaker=Breaker(rest=REST, clock=clock)
        )
        database = storage.open()
        stack.callback(database.close)
        before = count(database)
        if not pooled:
            database.close()  # the next transaction connects anew

        server.fail(outage)
        writes, reads = lambda: add(database, "lost"), lambda: count(database)
        for attempt in (writes, reads):
            with pytest.raises(Unavailable) as error:
                attempt()
            assert error.value.retry_after
            assert ("may have been saved" in error.value.sentence) == (attempt is writes)
        server.recover()
        clock.seconds += REST
        assert count(database) == before
        add(database, "kept")
        assert count(database) == before + 1


def test_a_name_server_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = threading.Event()

    def hang(*_: object, **__: object) -> None:
        answers.wait()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    breaker = Breaker(rest=REST)
    server = PostgresqlServer(
        "postgresql://askfirst@db.example/askfirst", patience=Patience(connect=0), breaker=breaker
    )
    with pytest.raises(Unavailable, match="does not answer"):
        server.open()
    answers.set()
    assert not breaker.allows()


@needs_postgresql
@pytest.mark.parametrize("patience", [PATIENCE, Patience(connect=2, silence=ANSWER)])
def test_a_database_that_stops_during_a_transaction_saves_all_of_it_or_nothing(
    tmp_path: Path, patience: Patience
) -> None:
    clock = Clock()
    with faulty_postgresql(tmp_path) as (server, address), contextlib.ExitStack() as stack:
        breaker = Breaker(rest=REST, clock=clock)
        database = PostgresqlServer(address, patience=patience, breaker=breaker).open()
        stack.callback(database.close)
        before = count(database)

        def stop_in_the_middle() -> None:
            with database.write("a") as connection:
                connection.execute(insert(COUNTERS).values(name="a", value=1))
                server.fail(Outage.HANGS)
                connection.execute(insert(COUNTERS).values(name="b", value=1))

        with pytest.raises(Unavailable):
            stop_in_the_middle()
        with pytest.raises(Unavailable):
            count(database)  # at once: nobody asks a server that has just not answered
        server.recover()
        with pytest.raises(Unavailable):
            count(database)
        clock.seconds += REST
        assert count(database) == before


@needs_postgresql
def test_the_portal_goes_on_without_its_database_and_keeps_what_was_typed(tmp_path: Path) -> None:
    with faulty_postgresql(tmp_path / "database") as (server, address):
        publish(tmp_path / "data")
        portal = build(settings_of(tmp_path, database=address))
        browser = portal.browser()
        typed = guest(title="The press eats paper again")
        token = browser.form_token()

        server.fail(Outage.RESETS)
        assert browser.get("/help/doc/jam").status_code == 200
        assert browser.get("/api/v1/suggest?q=paper+jam").get_json()["suggestions"]
        refused = browser.client.post("/tickets", data={"csrf_token": token, **typed})
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert typed["title"] in refused.get_data(as_text=True)
        assert browser.get("/readyz").status_code == 503

        server.recover()
        filed = browser.client.post("/tickets", data={"csrf_token": token, **typed})
        again = browser.client.post("/tickets", data={"csrf_token": token, **typed})
        assert filed.status_code == again.status_code == 303
        assert filed.headers["Location"] == again.headers["Location"]


@pytest.mark.parametrize("outage", Outage)
def test_a_store_that_fails_is_a_sentence_and_is_used_again_afterwards(
    s3_server: str, s3_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outage: Outage
) -> None:
    host, port = s3_server.removeprefix("http://").split(":")
    clock = Clock()
    with FaultyServer((host, int(port)), S3_ERROR) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.port}")
        prefix = s3_address.rpartition("/")[2]
        breaker = Breaker(rest=REST, clock=clock)
        store = S3Store(BUCKET, prefix, seconds=ANSWER, breaker=breaker)
        store.write("a", b"before")

        server.fail(outage)
        for attempt in (
            lambda: store.write("b", b"lost"),
            lambda: store.read("a"),
            lambda: store.download("a", tmp_path / "a"),
            lambda: list(store.names("")),
        ):
            with pytest.raises(Unavailable) as error:
                attempt()
            assert error.value.retry_after
            assert "secret" not in error.value.sentence

        server.recover()
        clock.seconds += REST
        assert store.read("a") == b"before"
        assert store.read("b") is None
