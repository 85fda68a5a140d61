"""Outages of OpenSearch, driven against a real portal: what a customer gets, how late, and for how
long.

    python -m bench.cluster_outages URL

Publishes the built-in help centre to the cluster through a server that can fail, and serves it with
one process. In each outage, one customer types, searches and files a ticket: printed are answers
that differ from those before the outage, how long the first suggestion, the longest other one and
the longest search took, and after how many seconds of health the cluster answers again. Then it
damages the indexes themselves, and prints what `kb doctor` and `kb index` say. The disk of the
cluster counts as full for a while: use a cluster that nobody else needs.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from tests.faulty_server import FaultyServer, Outage

TEXTS = ("forgot my password", "back up the tickets", "behind a proxy", "webhook", "export users")
_KB = (sys.executable, "-P", "-m", "kb")
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
_ASKED, _PAUSE = 40, 0.25  # suggestions in an outage, and the seconds between them
_RECOVERED_WITHIN = 30.0


class Customer:
    """A connection to the portal."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._asked = 0

    def suggest(self, text: str) -> tuple[list[str], float]:
        """What is suggested, and after how many milliseconds."""
        answer, took = self._get(f"/api/v1/suggest?q={quote(self._new(text))}")
        return [hit["id"] for hit in answer["suggestions"]], took

    def search(self, text: str) -> tuple[list[str], float]:
        answer, took = self._get(f"/api/v1/search?q={quote(self._new(text))}")
        return [hit["id"] for hit in answer["results"]], took

    def _new(self, text: str) -> str:
        """The same text as nobody has written it: an answer that is kept shows nothing."""
        self._asked += 1
        before, after = self._asked % 20, 1 + self._asked // 20
        return " " * before + text + " " * after

    def file(self) -> bool:
        """Whether a ticket is filed."""
        ticket = {
            "title": "The export is empty",
            "description": "Since yesterday the exported file has no rows.",
            "type": "question",
            "severity": "question",
            "name": "Gina Guest",
            "email": "gina@example.org",
        }
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": secrets.token_hex(8),
        }
        self._connection.close()
        self._connection.request("POST", "/api/v1/tickets", json.dumps(ticket), headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == 201

    def _get(self, path: str) -> tuple[dict[str, Any], float]:
        self._connection.close()  # the portal closes connections that are idle for long
        start = time.perf_counter()
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body: dict[str, Any] = json.loads(answer.read())
        took = (time.perf_counter() - start) * 1000
        if answer.status != 200:
            raise SystemExit(f"{path} has status {answer.status}: {body}")
        return body, took


class Cluster:
    """The cluster itself, for damage that no portal does."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url, self.prefix = url, prefix

    def ask(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self._url}/{path}", content, headers, method=method)
        with urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith((b"{", b"[")) else None

    def live(self) -> str:
        """The index that the public is answered from."""
        (name,) = self.ask("GET", f"_alias/{self.prefix}-public")
        return str(name)

    def queries(self) -> int:
        """How many searches the indexes have answered."""
        told = self.ask("GET", f"{self.prefix}-*/_stats/search")
        return int(told["_all"]["primaries"]["search"]["query_total"])

    def lose(self) -> None:
        self.ask("DELETE", self.live())

    def redden(self) -> None:
        """An index of which no node has anything."""
        name = self.live()
        mapping = self.ask("GET", f"{name}/_mapping")[name]["mappings"]
        nowhere = {"index.routing.allocation.require._name": "nowhere"}
        body = {
            "settings": nowhere,
            "mappings": {"_meta": mapping["_meta"]},
            "aliases": {f"{self.prefix}-public": {}},
        }
        self.ask("DELETE", name)
        self.ask("PUT", f"{name}?wait_for_active_shards=0", body)

    def move_alias(self) -> None:
        self.ask("PUT", f"{self.prefix}-elsewhere")
        alias = f"{self.prefix}-public"
        moves = [
            {"remove": {"index": self.live(), "alias": alias}},
            {"add": {"index": f"{self.prefix}-elsewhere", "alias": alias}},
        ]
        self.ask("POST", "_aliases", {"actions": moves})

    def mark_as_another_version(self) -> None:
        self.ask("PUT", f"{self.live()}/_mapping", {"_meta": {"format": 99}})

    def fill(self) -> None:
        """What OpenSearch does by itself while its disk is nearly full; an index is to be written:
        without that, an edit is a clone, which needs no space.
        """
        self.lose()
        self.ask("PUT", "_cluster/settings", {"persistent": {"cluster.blocks.create_index": True}})

    def empty(self) -> None:
        self.ask("PUT", "_cluster/settings", {"persistent": {"cluster.blocks.create_index": None}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url", help="a cluster that nobody else needs, without a path")
    url = parser.parse_args().url
    upstream = urlsplit(url)
    cluster = Cluster(url, f"outage-{secrets.token_hex(4)}")
    with (
        tempfile.TemporaryDirectory() as data,
        FaultyServer((str(upstream.hostname), upstream.port or 9200), _ERROR) as server,
    ):
        environment = {
            **os.environ,
            "KB_DATA": data,
            "KB_SEARCH": "opensearch",
            "KB_OPENSEARCH": f"http://127.0.0.1:{server.port}/{cluster.prefix}",
            "KB_SUGGEST_PER_MINUTE": "100000",
            "KB_TICKETS_PER_HOUR": "10000",
        }
        _kb("index", environment, check=True)
        try:
            with _portal(environment) as customer:
                _compare_outages(customer, cluster, server)
                _compare_damage(customer, cluster, environment)
        finally:
            cluster.empty()
            cluster.ask("DELETE", f"{cluster.prefix}-*")


def _compare_outages(customer: Customer, cluster: Cluster, server: FaultyServer) -> None:
    healthy = [customer.suggest(text)[0] for text in TEXTS]
    found = [customer.search(text)[0] for text in TEXTS]
    print(
        f"{'the cluster':38} {'other answers':>13} {'first ms':>9} {'most ms':>8} "
        f"{'search ms':>10} {'files':>6} {'back after s':>13}"
    )
    for outage in (None, *Outage):
        _wait_until_used(customer, cluster)
        if outage is not None:
            server.fail(outage)
        others, waits = 0, []
        for number in range(_ASKED):
            which = number % len(TEXTS)
            hits, wait = customer.suggest(TEXTS[which])
            others += hits != healthy[which]
            waits.append(wait)
            time.sleep(_PAUSE)  # longer than the breaker rests, so that it also tries again
        searches = []
        for expected, text in zip(found, TEXTS, strict=True):
            hits, wait = customer.search(text)
            others += hits != expected
            searches.append(wait)
        files = customer.file()
        if outage is not None:
            server.recover()
        back = _wait_until_used(customer, cluster)
        print(
            f"{outage.value if outage else 'answers':38} {others:>13} {waits[0]:>9.0f} "
            f"{max(waits[1:]):>8.0f} "
            f"{max(searches):>10.0f} {'yes' if files else 'NO':>6} {back:>13.1f}",
            flush=True,
        )


def _compare_damage(customer: Customer, cluster: Cluster, environment: dict[str, str]) -> None:
    damages: dict[str, Callable[[], None]] = {
        "an index is gone": cluster.lose,
        "an index is red": cluster.redden,
        "an index is of another version": cluster.mark_as_another_version,
        "an alias was moved": cluster.move_alias,
        "the disk is full": cluster.fill,
    }
    for name, damage in damages.items():
        healthy = [customer.suggest(text)[0] for text in TEXTS]
        _wait_until_used(customer, cluster)
        damage()
        asked = [customer.suggest(text) for text in TEXTS]
        others = sum(hits != expected for (hits, _), expected in zip(asked, healthy, strict=True))
        print(f"\n{name}: {others} other answers, at most {max(ms for _, ms in asked):.0f} ms")
        print("  kb doctor:", _kb("doctor", environment))
        print("  kb index: ", _kb("index", environment))
        if damage == cluster.fill:
            cluster.empty()
            print("  with space again:", _kb("index", environment))
        print("  kb doctor then:", _kb("doctor", environment), flush=True)


def _wait_until_used(customer: Customer, cluster: Cluster) -> float:
    """The seconds until the cluster answers a suggestion."""
    start = time.monotonic()
    while time.monotonic() - start < _RECOVERED_WITHIN:
        before = cluster.queries()
        customer.suggest(TEXTS[0])
        if cluster.queries() > before:
            return time.monotonic() - start
        time.sleep(0.1)
    return float("nan")


def _kb(verb: str, environment: dict[str, str], *, check: bool = False) -> str:
    """The exit code of a command, and what it says about the cluster."""
    done = subprocess.run(
        [*_KB, verb], env=environment, capture_output=True, text=True, check=check
    )
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    about = [line for line in lines if "OpenSearch" in line]
    return f"{done.returncode} {' / '.join(about)}"


@contextlib.contextmanager
def _portal(environment: dict[str, str]) -> Iterator[Customer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = Path(environment["KB_DATA"]) / "portal.log"
    with log.open("w") as written:
        server = subprocess.Popen(
            [*_KB, "serve", "--without-worker", "--port", str(port), "--workers", "1"],
            env=environment,
            stderr=written,
        )
        try:
            while server.poll() is None:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 60).close()
                    break
                time.sleep(0.2)
            yield Customer(port)
        finally:
            server.terminate()
            server.wait()
    print("\nThe portal's log:")
    print("\n".join(line for line in log.read_text().splitlines() if "OpenSearch" in line))


if __name__ == "__main__":
    main()
