"""A server on loopback that can fail in every way that a network and a server know.

It passes connections on to a real server, until it is told to fail.
"""

from __future__ import annotations

import contextlib
import enum
import select
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Outage(enum.Enum):
    REFUSES = "refuses connections"
    HANGS = "takes connections and never answers"
    RESETS = "breaks connections off"
    ERROR = "answers with an error"
    GARBAGE = "answers with something else"


_LINGER_NOT = struct.pack("ii", 1, 0)  # closing sends RST
_GARBAGE = b"\x00\xffSSH-2.0-elsewhere\r\n" * 20


class FaultyServer:
    """``error`` is what an error looks like in the server's protocol."""

    def __init__(self, upstream: tuple[str, int], error: bytes) -> None:
        self._upstream = upstream
        self._answers = {Outage.ERROR: error, Outage.GARBAGE: _GARBAGE}
        self._outage: Outage | None = None
        self._changed = threading.Event()  # replaced whenever the outage changes
        self._threads: list[threading.Thread] = []
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._become(Outage.RESETS)
        self._close_listener()
        for thread in self._threads:
            thread.join()

    def fail(self, outage: Outage) -> None:
        """Fails for connections that are open already and for new ones."""
        if outage is Outage.REFUSES:
            self._close_listener()
        self._become(outage)

    def recover(self) -> None:
        if self._outage is Outage.REFUSES:
            self._listener = self._listen(self.port)
        self._become(None)

    def _become(self, outage: Outage | None) -> None:
        self._outage, changed = outage, self._changed
        self._changed = threading.Event()
        changed.set()

    def _close_listener(self) -> None:
        with contextlib.suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self._start(self._accept, listener)
        return listener

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client:
            outage, changed = self._outage, self._changed
            if outage is None:
                with socket.create_connection(self._upstream) as server:
                    self._pass_on(client, server, changed)
                outage, changed = self._outage, self._changed
            with contextlib.suppress(OSError):
                self._fail(client, outage, changed)

    def _pass_on(
        self, client: socket.socket, server: socket.socket, changed: threading.Event
    ) -> None:
        other = {client: server, server: client}
        while not changed.is_set():
            readable, _, _ = select.select([client, server], [], [], 0.02)
            for side in readable:
                try:
                    data = side.recv(65_536)
                    other[side].sendall(data)
                except OSError:
                    return
                if not data:
                    return

    def _fail(self, client: socket.socket, outage: Outage | None, changed: threading.Event) -> None:
        if outage is Outage.HANGS:
            changed.wait()
        elif outage in self._answers:
            client.recv(65_536)
            client.sendall(self._answers[outage])
            client.shutdown(socket.SHUT_WR)
            client.recv(65_536)
        elif outage is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
