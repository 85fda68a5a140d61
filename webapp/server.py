"""The server processes of `kb serve`, and how they end without dropping a request.

All processes accept from one listening socket, so that a connection which the kernel has queued
belongs to whichever process is free, and outlives each of them. SIGTERM drains: new connections are
kept out, those that exist get their answers with ``Connection: close``, and only when nobody has
waited for a second does the socket close. Closing it at once would reset what the kernel has
queued, for `listen(2)` has no counterpart. SIGINT ends without this, and finishes open requests.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import multiprocessing
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from kb.errors import KbError
from kb.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Threads of each server process: those at work and those that wait (``security.admission``), and
#: some more that refuse the rest at once.
THREADS = 48
#: Connections of each server process. One that a browser keeps open counts, too, and those beyond
#: it wait unanswered until another ends.
CONNECTIONS = 512

#: Seconds without a queued connection after which draining ends: time for who has connected to
#: send the request. Draining never takes longer than the second figure, and open requests have the
#: third to end, which together stay below ten seconds.
DRAIN_QUIET, DRAIN_LONGEST, REQUEST_LONGEST = 1.0, 3.0, 6
_DRAIN_LOOK = 0.05  # seconds between looks at the queue


def run(
    settings: Settings, wrap: Callable[[WSGIApplication], WSGIApplication] | None = None
) -> None:
    """Serves until stopped, then finishes open requests. Exit code 0, or 1 when a process died.

    ``wrap`` may put other applications beside the portal, for comparisons on the same server.
    """
    # Without a lock, which each answer would take, and a killed process might never give back.
    draining = multiprocessing.RawValue(ctypes.c_bool, False)
    server = PortalServer(
        draining,
        target="webapp.wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=THREADS,
        backpressure=CONNECTIONS,
        workers_kill_timeout=REQUEST_LONGEST,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        websockets=False,
    )
    # The server warns of more threads than processors; here most of them wait or refuse.
    logging.getLogger("_granian").addFilter(lambda record: "threads" not in record.getMessage())
    _only_here(signal.SIGINT, server.signal_handler_interrupt)
    # What the processes share they would copy as soon as the collector looked at it.
    gc.collect()
    gc.freeze()
    server.serve(target_loader=partial(load, draining, wrap=wrap))


class PortalServer(MPServer):
    """Granian's server with one socket for all its processes, which drains when it is told to."""

    def __init__(self, draining: ctypes.c_bool, **options: Any) -> None:
        super().__init__(**options)
        self._draining = draining
        self._drains = False
        self._hurried = threading.Event()

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """The first SIGTERM drains; whatever comes after it, or SIGINT, ends at once."""
        if self.interrupt_signal:
            self._hurried.set()
        else:
            self._drains = args[:1] == (signal.SIGTERM,)
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]

    def shutdown(self, exit_code: int = 0) -> None:
        if self._drains and self._sso is not None:
            self._draining.value = True
            drain(self._sso, self._hurried)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]

    def _init_shared_socket(self) -> None:
        """One socket, as Granian has it elsewhere; on Linux it gives each process its own."""
        super()._init_shared_socket()  # type: ignore[no-untyped-call]
        if self._sso is None and self._ssp is not None:
            self._shd = self._ssp.build()
            self._sfd = self._shd.get_fd()
            self._ssp = None
            self._sso = socket.socket(fileno=self._sfd)


def drain(listening: socket.socket, hurried: threading.Event) -> None:
    """Returns when no connection has waited to be accepted for ``DRAIN_QUIET`` seconds.

    Linux alone can keep new connections out and tell how many wait; elsewhere this is a pause, in
    which most of the queue is served.
    """
    keep_out(listening)
    began = last_busy = time.monotonic()
    while not hurried.wait(_DRAIN_LOOK):
        now = time.monotonic()
        if waiting(listening):
            last_busy = now
        if now - last_busy >= DRAIN_QUIET or now - began >= DRAIN_LONGEST:
            return


def keep_out(listening: socket.socket) -> None:
    """Lets the kernel ignore whoever wants to connect from now on. Who does tries again after a
    second, and is refused once the socket is closed.

    A socket filter (Linux, socket(7)) that drops segments with SYN and without ACK; handshakes that
    have begun are completed.
    """
    if sys.platform != "linux":
        return
    so_attach_filter = 26  # asm-generic/socket.h
    drop, keep = 0, 0xFFFFFFFF
    flags, syn, syn_ack = 13, 0x02, 0x12  # RFC 9293, 3.1
    program = (  # linux/filter.h: code, jump if true, jump if false, operand
        (0x30, 0, 0, flags),  # load the byte
        (0x54, 0, 0, syn_ack),  # and
        (0x15, 0, 1, syn),  # jump if equal
        (0x06, 0, 0, drop),  # return
        (0x06, 0, 0, keep),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    listening.setsockopt(
        socket.SOL_SOCKET,
        so_attach_filter,
        struct.pack("HP", len(program), ctypes.addressof(code)),
    )


def waiting(listening: socket.socket) -> int:
    """How many connections the kernel holds that no process has accepted; 0 where it can't say."""
    if sys.platform != "linux":
        return 0
    unacked = 24  # linux/tcp.h: the offset of what is the length of the queue while listening
    state = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, unacked + 4)
    return int.from_bytes(state[unacked:], sys.byteorder)


def load(
    draining: ctypes.c_bool,
    target: str,
    *,
    wrap: Callable[[WSGIApplication], WSGIApplication] | None = None,
) -> WSGIApplication:
    """The application, in a server process.

    A forked process keeps our signal handlers while it starts: it would swallow SIGTERM and hang
    until it is killed. Until it serves, SIGTERM therefore ends it.
    """
    del target
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _share_memory()
    reported = ""
    while True:
        try:
            from webapp.wsgi import app
        except KbError as error:
            # A file may be half saved just now. A process that ended would end the server.
            if error.sentence != reported:
                reported = error.sentence
                click.echo(
                    f"A server process cannot start; retrying every second: {reported}", err=True
                )
            time.sleep(1)
        else:
            if reported:
                click.echo("The server process has started.", err=True)
            return closing_while(draining, wrap(app) if wrap else app)


def _share_memory() -> None:
    """Lets the threads of this process take memory from two pools (glibc, mallopt(3)). Each would
    have one of its own, which keeps what it needed once.
    """
    m_arena_max = -8  # malloc.h
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(m_arena_max, 2)


def closing_while(draining: ctypes.c_bool, application: WSGIApplication) -> WSGIApplication:
    """Lets every answer end its connection, so that nobody sends another request on it."""

    def closing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not draining.value:
            return application(environ, start_response)

        def start(
            status: str, headers: list[tuple[str, str]], *more: Any
        ) -> Callable[[bytes], object]:
            return start_response(status, [*headers, ("Connection", "close")], *more)

        return application(environ, start)

    return closing


def _only_here(number: signal.Signals, handle: Callable[[], None]) -> None:
    """Handles a signal in this process alone from now on.

    Ctrl-C in a terminal reaches every process at once, and a server process that gets it twice, or
    while it starts, hangs until it is killed. A blocked signal stays blocked in processes that are
    started later; here a thread waits for it, and the server stops its processes once.
    """

    def wait() -> None:
        while True:
            signal.sigwait({number})
            handle()

    # multiprocessing starts this helper before its first process and then unblocks SIGINT and
    # SIGTERM: so start it before blocking.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    threading.Thread(target=wait, daemon=True).start()
