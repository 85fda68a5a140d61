"""SIGTERM: the portal finishes what it has begun, cuts no answer, and ends within ten seconds.

A connection that the kernel takes in the very moment in which the port closes can be reset before
the portal has seen it. No answer has begun then, and the visitor is refused, as from then on.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from tests.webapp.test_cli import PATIENCE, command, environment, free_port, wait_for

VISITORS = 8
WITHIN = 10.0  # seconds from SIGTERM to the end


@dataclass(slots=True)
class Traffic:
    """Visitors who ask again and again, each time with a new connection, until one is refused."""

    port: int
    answered: int = 0
    dropped: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    flowing: threading.Event = field(default_factory=threading.Event)
    told_to_stop: threading.Event = field(default_factory=threading.Event)

    def visit(self) -> None:
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
            except ConnectionRefusedError:
                return  # nobody was promised anything
            try:
                with connection:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    status = whole_answer(connection)
                problem = "" if status == 200 else f"status {status}"
            except ConnectionResetError as error:
                if self.told_to_stop.is_set():
                    return  # see above
                problem = repr(error)
            except (OSError, ValueError) as error:
                problem = repr(error)
            with self.lock:
                self.answered += not problem
                if problem:
                    self.dropped.append(problem)
                if self.answered >= 10 * VISITORS or problem:
                    self.flowing.set()


def whole_answer(connection: socket.socket) -> int:
    """The status of an answer that arrived to its last byte. Raises ValueError, OSError."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        try:
            return status if _has_all(stream) else 0  # 0: it was cut
        except ConnectionResetError as error:
            raise ValueError("the answer was cut") from error


def _has_all(stream: BinaryIO) -> bool:
    """Whether the rest of an answer, its headers and its body, arrives."""
    length = 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return length > 0 and len(stream.read(length)) == length


def test_no_answer_is_cut_when_the_portal_is_told_to_stop_under_traffic(folder: Path) -> None:
    port = free_port()
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command("--port", str(port), "--workers", "2"),
            env=environment(folder), stdout=log, stderr=log, text=True,
        )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", server).close()
        traffic = Traffic(port)
        visitors = [threading.Thread(target=traffic.visit) for _ in range(VISITORS)]
        for visitor in visitors:
            visitor.start()
        assert traffic.flowing.wait(PATIENCE)
        with begun(port) as slow:
            began = monotonic()
            traffic.told_to_stop.set()
            server.send_signal(signal.SIGTERM)
            for visitor in visitors:
                visitor.join(PATIENCE)
            slow.sendall(b"word")
            assert whole_answer(slow) in (400, 403, 415, 422)
        assert server.wait(PATIENCE) == 0
        took = monotonic() - began
    finally:
        server.kill()
        server.wait()
    assert traffic.dropped == []
    assert took < WITHIN, took
    assert "Traceback" not in (folder / "log").read_text()


def begun(port: int) -> socket.socket:
    """A connection whose request is half sent."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.sendall(
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\npass"
    )
    return connection
