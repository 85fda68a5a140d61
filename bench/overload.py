"""Overload: what a flood of suggestions does to those who file a ticket.

    python -m bench.overload [--connections 250] [--seconds 12]

A real portal with two server processes; connections that are kept open and ask as fast as they are
answered (a second later after a refusal), and one guest who files a ticket every second. Limits by
address are raised, since all of it comes from one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict

_ANSWER_SECONDS = 30
_KB = (sys.executable, "-P", "-m", "kb")
_LIMITS = {"KB_SUGGEST_PER_MINUTE": "100000", "KB_TICKETS_PER_HOUR": "10000"}


class Workload:
    """Connections to one port, and how long each kind of answer took."""

    def __init__(self, port: int, end: float) -> None:
        self._port = port
        self._end = end
        self.seconds: dict[str, list[float]] = defaultdict(list)

    async def suggest(self, name: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        number = 0
        while time.time() < self._end:
            number += 1
            path = f"/api/v1/suggest?q=how+to+search+{name}+{number}"
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            status = await self._ask(reader, writer, request, "suggest")
            if status == 503:
                await asyncio.sleep(1)
        writer.close()

    async def file(self) -> None:
        number = 0
        while time.time() < self._end:
            number += 1
            ticket = {
                "title": f"Overload {number}",
                "description": "The portal is slow while many people search at once.",
                "type": "question",
                "severity": "question",
                "name": "Gina Guest",
                "email": "gina@example.org",
            }
            body = json.dumps(ticket)
            request = (
                "POST /api/v1/tickets HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nIdempotency-Key: overload-{number}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode()
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            await self._ask(reader, writer, request, "file")
            writer.close()
            await asyncio.sleep(1)

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: bytes,
        kind: str,
    ) -> int:
        began = time.perf_counter()
        async with asyncio.timeout(_ANSWER_SECONDS):
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split()[1])
            if "content-length: " in head:
                await reader.readexactly(int(head.split("content-length: ")[1].split("\r")[0]))
        self.seconds[f"{kind} {status}"].append(time.perf_counter() - began)
        return status


async def _run(port: int, connections: int, seconds: float) -> Workload:
    load = Workload(port, time.time() + seconds)
    asking = [load.suggest(name) for name in range(connections)]
    outcomes = await asyncio.gather(*asking, load.file(), return_exceptions=True)
    failed = [outcome for outcome in outcomes if outcome is not None]
    if failed:
        print(f"{len(failed)} connections ended early, the first with {failed[0]!r}")
    return load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=250)
    parser.add_argument("--seconds", type=float, default=12)
    arguments = parser.parse_args()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as data:
        told = {**_LIMITS, "KB_DATA": data, "KB_PORT": str(port), "KB_LOG_LEVEL": "ERROR"}
        environment = {**os.environ, **told}
        subprocess.run([*_KB, "index"], env=environment, check=True, capture_output=True)
        server = subprocess.Popen(
            [*_KB, "serve", "--without-worker"], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port)
            load = asyncio.run(_run(port, arguments.connections, arguments.seconds))
        finally:
            server.terminate()
            server.wait()

    for answer, times in sorted(load.seconds.items()):
        times.sort()
        middle, late = times[len(times) // 2], times[int(len(times) * 0.99)]
        print(
            f"{answer}: {len(times)} answers, p50 {middle * 1e3:.0f} ms, "
            f"p99 {late * 1e3:.0f} ms, at most {times[-1] * 1e3:.0f} ms"
        )


def _wait_for(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 60).close()
        except ConnectionRefusedError:
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    main()
