"""A companion of the portal lives as long as the portal: it is restarted, and then stopped."""

from __future__ import annotations

import queue
import socket
import sys
from contextlib import closing
from pathlib import Path

from kb.database import open_database
from kb.operations import heartbeats
from tests.webapp.test_cli import PATIENCE
from webapp.companions import Companion, record_end

#: Says that it has started. Ends by itself at first, and then lives until its standard input ends.
PROGRAM = """
import socket, sys
from pathlib import Path
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    ends = connection.recv(1) == b"e"
if ends:
    sys.exit(3)
sys.stdin.read()
Path(sys.argv[2]).touch()
"""


def test_a_companion_that_ends_is_started_again_and_ends_with_the_portal(tmp_path: Path) -> None:
    ends: queue.Queue[None] = queue.Queue()
    stopped = tmp_path / "stopped"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        port = str(listening.getsockname()[1])
        command = (sys.executable, "-c", PROGRAM, port, str(stopped))
        with Companion("worker", command, lambda: ends.put(None), first_pause=0.01):
            for told in (b"e", b"e", b"l"):
                with listening.accept()[0] as started:
                    started.sendall(told)
    assert stopped.exists()
    assert ends.qsize() == 2


def test_the_portal_can_stop_while_a_companion_waits_for_its_restart(tmp_path: Path) -> None:
    ends: queue.Queue[None] = queue.Queue()
    command = (sys.executable, "-c", "raise SystemExit(1)")
    with Companion("worker", command, lambda: ends.put(None), first_pause=PATIENCE):
        ends.get(timeout=PATIENCE)


def test_the_end_of_a_worker_is_recorded(folder: Path) -> None:
    record_end(folder / "data")
    with closing(open_database(folder / "data")) as database:
        assert heartbeats.last_beat(database, heartbeats.WORKER_ENDED) is not None


def test_an_end_that_cannot_be_recorded_ends_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "tickets.db").write_bytes(b"no database at all" * 100)
    record_end(tmp_path)
