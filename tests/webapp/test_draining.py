"""SIGTERM: whoever has a connection gets a whole answer, and the portal ends within ten seconds."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import BinaryIO

import pytest

from tests.webapp.test_cli import PATIENCE, command, environment, free_port, wait_for
from webapp.server import DRAIN_LONGEST, DRAIN_QUIET, REQUEST_LONGEST, drain, keep_out, waiting

VISITORS = 8

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="Only Linux can keep new connections out of a listening socket."
)


@dataclass(slots=True)
class Traffic:
    """Visitors who ask again and again, each time with a new connection, until one is refused."""

    port: int
    answered: int = 0
    dropped: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    flowing: threading.Event = field(default_factory=threading.Event)

    def visit(self) -> None:
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
            except ConnectionRefusedError:
                return  # nobody was promised anything
            connected = monotonic()
            try:
                with connection:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    was_slow = monotonic() - connected > DRAIN_QUIET / 2
                    status, headers = whole_answer(connection)
                # Admission may ask somebody to come back: that is an answer too.
                is_answer = status == 200 or (status == 503 and "retry-after" in headers)
                problem = "" if is_answer else f"status {status}"
            except (OSError, ValueError) as error:
                problem = repr(error)
            if problem and was_slow:
                continue  # this machine is so busy that the promise was not asked for
            with self.lock:
                self.answered += not problem
                if problem:
                    self.dropped.append(problem)
                if self.answered >= 10 * VISITORS or problem:
                    self.flowing.set()


def whole_answer(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer that arrived to its last byte. Raises ValueError, OSError."""
    with connection.makefile("rb") as stream:
        line = stream.readline()
        if not line:
            raise ValueError("no answer")
        headers = _headers(stream)
        length = int(headers["content-length"])
        if len(stream.read(length)) != length:
            raise ValueError("the answer was cut")
        return int(line.split()[1]), headers


def _headers(stream: BinaryIO) -> dict[str, str]:
    headers = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return headers


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = free_port()
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command("--port", str(port), "--workers", "2"),
            env=environment(folder), stdout=log, stderr=log, text=True,
        )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", server).close()
        yield port, server
    finally:
        server.kill()
        server.wait()


def test_no_request_is_dropped_when_the_portal_is_told_to_stop_under_traffic(
    folder: Path,
) -> None:
    with serving(folder) as (port, server):
        traffic = Traffic(port)
        visitors = [threading.Thread(target=traffic.visit) for _ in range(VISITORS)]
        for visitor in visitors:
            visitor.start()
        assert traffic.flowing.wait(PATIENCE)
        with begun(port) as slow:
            server.send_signal(signal.SIGTERM)
            for visitor in visitors:
                visitor.join(PATIENCE)
            slow.sendall(b"word")
            status, headers = whole_answer(slow)
        assert server.wait(PATIENCE) == 0
    assert traffic.dropped == []
    assert status in (400, 403, 415, 422)
    assert headers["connection"] == "close"
    assert "Traceback" not in (folder / "log").read_text()


def begun(port: int) -> socket.socket:
    """A connection whose request is half sent."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.sendall(
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\npass"
    )
    return connection


def test_a_request_that_never_ends_does_not_keep_the_portal_alive(folder: Path) -> None:
    with serving(folder) as (port, server), begun(port):
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)
    assert DRAIN_LONGEST + REQUEST_LONGEST < 10


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        yield held


def test_a_socket_that_keeps_new_connections_out_serves_those_that_it_has(
    listening: socket.socket,
) -> None:
    with socket.create_connection(listening.getsockname(), PATIENCE) as early:
        assert waiting(listening) == 1
        keep_out(listening)
        with socket.socket() as late:
            late.setblocking(False)
            with pytest.raises(BlockingIOError):
                late.connect(listening.getsockname())
            early.sendall(b"a")
            with listening.accept()[0] as accepted:
                assert accepted.recv(1) == b"a"
                accepted.sendall(b"b")
            assert early.recv(1) == b"b"
            assert waiting(listening) == 0
            with pytest.raises(OSError, match="not connected"):
                late.getpeername()


def test_draining_ends_at_once_for_who_insists(listening: socket.socket) -> None:
    hurried = threading.Event()
    hurried.set()
    with socket.create_connection(listening.getsockname(), PATIENCE):
        drain(listening, hurried)
        assert waiting(listening) == 1
