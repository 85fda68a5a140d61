"""The cost of a request over HTTP, beside two applications that do nothing on the same server.

    python -m bench.http [--sizes 10000 100000] [--requests 2000] [--rows suggest article]
    python -m bench.http --data FOLDER

One process of `kb serve` with the portal, a bare WSGI function and a Flask view that returns a
small JSON document, so that each figure can be divided by what the server and the framework cost by
themselves. For each kind of request: requests a second by two clients with a kept-alive connection
each, the CPU time of the server process for a request, and how long a client waited. The CPU time
is what can be compared: the clients take their share of the same processors. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from bench import corpora

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CLIENTS = 2
ROW_SECONDS = 8.0  # after which a kind of request has been measured, whatever is left to send
START_SECONDS = 300.0  # for the server to start: compiling loops takes 30 CPU seconds
_BARE, _FLASK = "/bare-wsgi", "/flask"

#: The highest limits that there are (each row has addresses of its own besides), and the lowest.
_LIMITS = {
    "open": {"KB_SUGGEST_PER_MINUTE": "100000", "KB_TICKETS_PER_HOUR": "10000"},
    "closed": {"KB_SUGGEST_PER_MINUTE": "1", "KB_TICKETS_PER_HOUR": "1"},
}


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of request. ``share`` is how many of the requests that are asked for are sent."""

    name: str
    requests: Callable[[Site, int], Iterable[bytes]]
    status: int = 200
    share: float = 1.0
    limits: str = "open"


@dataclass(slots=True)
class Site:
    """One server, and what is at it."""

    port: int
    worker: int
    titles: list[str]


@dataclass(frozen=True, slots=True)
class Measured:
    per_second: float
    cpu: float  # microseconds
    waits: list[float]  # milliseconds, sorted


# --- what is asked


def _get(path: str, **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _post(path: str, body: str, media: str, **headers: str) -> bytes:
    data = body.encode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {media}"]
    lines += [f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def _same(path: str, **headers: str) -> Callable[[Site, int], Iterable[bytes]]:
    return lambda _site, amount: [_get(path, **headers)] * amount


def _suggest_path(text: str) -> str:
    return f"/api/v1/suggest?q={urllib.parse.quote(text)}"


def _first_suggestions(site: Site, amount: int) -> Iterable[bytes]:
    """Titles at every third letter, each text once."""
    typed = dict.fromkeys(
        title[:end] for title in site.titles for end in range(5, min(len(title), 41), 3)
    )
    texts = random.Random(3).sample(list(typed), min(amount, len(typed)))
    return [_get(_suggest_path(text)) for text in texts]


def _again(site: Site, amount: int) -> Iterable[bytes]:
    """Texts that were asked before."""
    paths = [_suggest_path(title[:20]) for title in site.titles[:100]]
    for path in paths:
        _fetch(site.port, path)
    return [_get(paths[number % len(paths)]) for number in range(amount)]


def _unchanged(site: Site, amount: int) -> Iterable[bytes]:
    """Asks again with the tags of the answers that it has."""
    paths = [_suggest_path(title[:20]) for title in site.titles[:50]]
    requests = [_get(path, If_None_Match=_header(site.port, path, "etag")) for path in paths]
    return [requests[number % len(requests)] for number in range(amount)]


def _searches(path: str, part: int) -> Callable[[Site, int], Iterable[bytes]]:
    """Searches for one of the two halves of the titles, because repeated searches are cached."""

    def requests(site: Site, amount: int) -> Iterable[bytes]:
        half = site.titles[part::2]
        titles = random.Random(4).sample(half, min(amount, len(half)))
        return [_get(f"{path}?q={urllib.parse.quote(title)}") for title in titles]

    return requests


def _searches_again(site: Site, amount: int) -> Iterable[bytes]:
    """Searches of which the first page was shown since the last publish."""
    paths = [f"/search?q={urllib.parse.quote(title)}" for title in site.titles[:30]]
    for path in paths:
        _fetch(site.port, path)
    return [_get(paths[number % len(paths)]) for number in range(amount)]


def _first_articles(site: Site, amount: int) -> Iterable[bytes]:
    """Each article once."""
    return [_get(path) for path in _articles_of(site)[:amount]]


def _articles_again(site: Site, amount: int) -> Iterable[bytes]:
    """Articles that were read since the last publish."""
    paths = _articles_of(site)[:50]
    for path in paths:
        _fetch(site.port, path)
    return [_get(paths[number % len(paths)]) for number in range(amount)]


def _unchanged_articles(site: Site, amount: int) -> Iterable[bytes]:
    paths = _articles_of(site)[:50]
    requests = [_get(path, If_None_Match=_header(site.port, path, "etag")) for path in paths]
    return [requests[number % len(requests)] for number in range(amount)]


def _tickets_as_json(site: Site, amount: int) -> Iterable[bytes]:
    del site
    for number in range(amount):
        body = json.dumps(_ticket(number))
        key = f"bench-{time.time_ns()}-{number}"
        yield _post("/api/v1/tickets", body, "application/json", Idempotency_Key=key)


def _tickets_by_form(site: Site, amount: int) -> Iterable[bytes]:
    cookie, token = _form_of(site.port)
    for number in range(amount):
        fields = {
            **_ticket(number),
            "csrf_token": token,
            "key": f"bench-{time.time_ns()}-{number}",
            "zone": "Europe/Berlin",
            "consulted": "[]",
        }
        yield _post(
            "/tickets",
            urllib.parse.urlencode(fields),
            "application/x-www-form-urlencoded",
            Cookie=cookie,
        )


_GUESTS = count(1)


def _ticket(number: int) -> dict[str, str]:
    return {
        "title": f"The export of part {number} is empty",
        "description": "Since yesterday the exported file has a header and no rows.",
        "type": "question",
        "severity": "question",
        "name": "Gina Guest",
        "email": f"gina{time.time_ns()}.{next(_GUESTS)}@example.org",
    }


_PROMISE = "/api/v1/promise?type=question&severity=question&zone=Europe/Berlin"
NO_OPS = (Row("bare WSGI no-op", _same(_BARE)), Row("Flask no-op", _same(_FLASK)))
ROWS = (
    *NO_OPS,
    Row("/healthz", _same("/healthz")),
    Row("/embed.js", _same("/embed.js")),
    Row("static file", _same("/static/shared/site.css")),
    Row("suggest, first", _first_suggestions),
    Row("suggest, again", _again),
    Row("suggest, 304", _unchanged, 304),
    Row("/api/v1/search", _searches("/api/v1/search", 0), share=0.15),
    Row("search page, first", _searches("/search", 1), share=0.15),
    Row("search page, again", _searches_again, share=0.5),
    Row("article, first", _first_articles, share=0.25),
    Row("article, again", _articles_again),
    Row("article, 304", _unchanged_articles, 304),
    Row("home page", _same("/"), share=0.25),
    Row("ticket form", _same("/tickets/new"), share=0.25),
    Row("/api/v1/promise", _same(_PROMISE), share=0.25),
    Row("file a ticket, API", _tickets_as_json, 201, 0.1),
    Row("file a ticket, form", _tickets_by_form, 303, 0.1),
    Row("suggest, refused", _same(_suggest_path("export")), 429, limits="closed"),
    Row("file, API, refused", _tickets_as_json, 429, 0.25, "closed"),
    Row("file, form, refused", _tickets_by_form, 429, 0.25, "closed"),
)


# --- asking


def measure(site: Site, row: Row, amount: int, address: int) -> Measured:
    requests = list(row.requests(site, max(40, int(amount * row.share))))
    shares = [requests[number::CLIENTS] for number in range(CLIENTS)]
    with multiprocessing.get_context("fork").Pool(CLIENTS) as pool:
        ask = partial(_ask, site.port, row.status)
        pool.map(_nothing, range(CLIENTS))
        cpu, began = _cpu_seconds(site.worker), time.perf_counter()
        jobs = [
            (share, f"127.{row.status // 100}.{address}.{number + 1}")
            for number, share in enumerate(shares)
        ]
        waits = [wait for part in pool.starmap(ask, jobs, chunksize=1) for wait in part]
        seconds = time.perf_counter() - began
        cpu = _cpu_seconds(site.worker) - cpu
    waits.sort()
    return Measured(len(waits) / seconds, cpu / len(waits) * 1e6, waits)


def _nothing(_number: int) -> None:
    """Lets the processes of a pool start before the time is taken."""


def _ask(port: int, status: int, requests: Sequence[bytes], address: str) -> list[float]:
    """How long each request took, in milliseconds, on one connection."""
    waits: list[float] = []
    end = time.perf_counter() + ROW_SECONDS
    expected = f"HTTP/1.1 {status} ".encode()
    with _connected(port, address) as connection:
        for request in requests:
            began = time.perf_counter()
            connection.sendall(request)
            head, _ = _answer(connection)
            waits.append((time.perf_counter() - began) * 1000)
            if not head.startswith(expected) and not (status == 429 and len(waits) <= 60):
                raise RuntimeError(f"{request[:80]!r} answered {head[:300]!r}")
            if began > end:
                break
    return waits


@contextlib.contextmanager
def _connected(port: int, address: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 30, (address, 0)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def _answer(connection: socket.socket) -> tuple[bytes, bytes]:
    data = connection.recv(65536)
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(connection)
    head, body = data[:end], data[end + 4 :]
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += _more(connection)
    return head, body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


def _fetch(port: int, path: str) -> tuple[bytes, bytes]:
    with _connected(port, "127.9.0.1") as connection:
        connection.sendall(_get(path))
        return _answer(connection)


def _header(port: int, path: str, name: str) -> str:
    head, _ = _fetch(port, path)
    match = re.search(rf"(?i)\r\n{name}: (.+)", head.decode("latin-1"))
    return match[1].strip() if match else ""


def _form_of(port: int) -> tuple[str, str]:
    """The cookie and the token of a ticket form."""
    head, body = _fetch(port, "/tickets/new")
    cookies = re.findall(r"(?i)\r\nset-cookie: ([^;]+)", head.decode("latin-1"))
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', body.decode())
    assert token is not None
    return "; ".join(cookies), token[1]


def _cpu_seconds(process: int) -> float:
    """All CPU time of a process (Linux: the clock of a process by its number)."""
    return time.clock_gettime(~process << 3 | 2)


# --- the server


def serve(data: str, port: str) -> None:
    """What the process of the bench that serves runs: `kb serve`, with two no-ops beside it."""
    from dataclasses import replace

    from kb.operations import logs
    from kb.settings import load_settings
    from webapp import cli, server

    settings = load_settings(data=data, port=port, workers="1")
    settings = replace(settings, base_url=f"http://127.0.0.1:{port}")
    logs.set_up(settings.log_level, settings.log_format)
    cli.prepare(settings)
    cli.hand_over(settings)
    server.run(settings, beside)


def beside(portal: WSGIApplication) -> WSGIApplication:
    from flask import Flask, jsonify

    flask = Flask("no-op")
    flask.add_url_rule(_FLASK, view_func=lambda: jsonify(status="ok"), endpoint="no-op")

    def bare(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        del environ
        headers = [("Content-Type", "application/json"), ("Content-Length", "16")]
        start_response("200 OK", headers)
        return [b'{"status":"ok"}\n']

    applications: dict[str, WSGIApplication] = {_BARE: bare, _FLASK: flask}

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return applications.get(environ["PATH_INFO"], portal)(environ, start_response)

    return application


@contextlib.contextmanager
def server_at(data: Path, limits: dict[str, str], titles: list[str]) -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.http", "--serve", str(data), str(port)]
    # The log of requests goes to a file, as it does on a real server.
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            command, env={**os.environ, **limits}, cwd=corpora.ROOT, stderr=log
        )
        try:
            _wait_for(port, process, Path(log.name))
            site = Site(port, _worker_of(process.pid), titles)
            _fetch(port, _suggest_path("export"))
            _wait_until_idle(site.worker)  # the index is loaded aside after the first question
            yield site
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when a server process answers; exits if the server ends or takes too long.

    Until then, its messages are printed: it may be compiling, or waiting for a correction.
    """
    told, end = 0, time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            head, _ = _fetch(port, "/healthz")
            if head.startswith(b"HTTP/1.1 200"):
                return
        messages = log.read_text()
        sys.stderr.write(messages[told:])
        told = len(messages)
        time.sleep(0.1)
    sys.exit(
        f"The server ended with code {process.returncode}: {log.read_text()[-2000:]}"
        if process.poll() is not None
        else f"The server did not answer within {START_SECONDS:.0f} seconds."
    )


def _wait_until_idle(process: int) -> None:
    used = -1.0
    while (now_used := _cpu_seconds(process)) - used > 0.01:
        used = now_used
        time.sleep(0.5)


def _worker_of(parent: int) -> int:
    """The child that has used most memory: the other one only tracks resources."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    sizes = {child: Path(f"/proc/{child}/statm").read_text().split()[1] for child in children}
    return int(max(sizes, key=lambda child: int(sizes[child])))


def _articles_of(site: Site) -> list[str]:
    """The addresses of what searches find."""
    documents: dict[str, None] = {}
    for title in site.titles[:60]:
        _, body = _fetch(site.port, f"/api/v1/search?q={urllib.parse.quote(title)}")
        documents |= dict.fromkeys(hit["id"] for hit in json.loads(body)["results"])
    return [f"/help/{urllib.parse.quote(document)}" for document in documents]


def memory_of(process: int) -> str:
    """Own memory in MB, and with the share of what is shared."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    kilobytes = dict(re.findall(r"(\w+):\s+(\d+) kB", text))
    own = int(kilobytes["Private_Dirty"]) / 1024
    return f"{own:.0f} MB private, {int(kilobytes['Pss']) / 1024:.0f} MB with its part of the rest"


# --- the report


def report(data: Path, amount: int, chosen: Sequence[str]) -> None:
    # Without signs: this index is not built for operators.
    titles = sorted({re.sub(r"[^\w ]+", " ", title) for title in corpora.titles(4000, seed=2)})
    random.Random(1).shuffle(titles)
    rows = [row for row in ROWS if not chosen or any(word in row.name for word in chosen)]
    print(
        f"{'':22} {'requests/s':>10} {'CPU µs':>8} {'× bare':>7} {'× Flask':>8} "
        f"{'p50 ms':>7} {'p99 ms':>7}"
    )
    for limits, values in _LIMITS.items():
        group = [row for row in rows if row.limits == limits]
        if not group:
            continue
        with server_at(data, values, titles) as site:
            for number, row in enumerate(group, 1):
                # Just before, so that both meet the same load of other programs.
                bare, flask = (measure(site, no_op, amount // 2, 100 + number) for no_op in NO_OPS)
                measured = measure(site, row, amount, number)
                print(_line(row.name, measured, bare.cpu, flask.cpu), flush=True)
            print(f"{'server process':22} {memory_of(site.worker)}", flush=True)


def _line(name: str, measured: Measured, bare: float, flask: float) -> str:
    p50 = statistics.median(measured.waits)
    p99 = measured.waits[int(len(measured.waits) * 0.99)]
    return (
        f"{name:22} {measured.per_second:>10.0f} {measured.cpu:>8.0f} {measured.cpu / bare:>7.1f} "
        f"{measured.cpu / flask:>8.2f} {p50:>7.2f} {p99:>7.2f}"
    )


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000])
    parser.add_argument("--requests", type=int, default=2000, help="of the quick kinds")
    parser.add_argument("--rows", nargs="+", default=[], help="parts of names of rows")
    parser.add_argument("--data", type=Path, help="an index that was built before")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if options.data:
        report(options.data, options.requests, options.rows)
        return
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n{size:,} documents")
            build(Path(folder), size)
            report(Path(folder), options.requests, options.rows)


def build(data: Path, size: int) -> None:
    from kb.search.build.builder import IndexBuilder

    with IndexBuilder(data, operators=False, meaning=True, read=0) as builder:
        for document in corpora.documents(size):
            builder.add(document)
        builder.publish(ledger={}, settings={})


if __name__ == "__main__":
    main()
