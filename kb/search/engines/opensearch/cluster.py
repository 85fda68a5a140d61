"""Cluster: the connection to OpenSearch and its failures. Only this module knows the client.

Visitors' queries have little time and go through a circuit breaker. Methods that build and
administer indexes have time, and raise Unavailable.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from kb.breaker import REST, Breaker
from kb.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

LOG = logging.getLogger(__name__)
T = TypeVar("T")
#: The share of the remaining time that a query may take, and the most seconds. The local index can
#: then still answer in time, which is 250 ms for a visitor.
_SHARE, QUERY_SECONDS = 0.5, 30.0
_TALK_SECONDS = 3.0  # to ask how it is
_WORK_SECONDS = 120.0  # to write, clone or merge an index
_DEFAULT_PREFIX = "askfirst"
_BULK_BYTES = 8 * 1024 * 1024
#: Errors of a cluster that does not accept changes. They have status 403, as a wrong user has.
_BLOCKS = {"cluster_block_exception", "index_create_block_exception"}
_KNN_PLUGIN = "org.opensearch.knn.plugin.KNNPlugin"
_OLDEST, _NEWEST = (2, 19), (4, 0)  # versions: from the first on, before the second

Search = tuple[str, Mapping[str, Any]]  # an index, and the body of a search in it


class NoAnswer(Exception):
    """A query was not answered, or not in time: the local index is used instead."""


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """The address of the cluster, from ``KB_OPENSEARCH``."""

    hosts: tuple[str, ...]  # with scheme and port, without a user
    prefix: str  # of the names of all indexes and aliases
    user: tuple[str, str] | None = None
    certificates: str | None = None  # a file, instead of the usual authorities

    @classmethod
    def parse(cls, text: str) -> ClusterAddress:
        """From one or more addresses; the user, path and ``ca`` of the first one apply to all."""
        parts = [urlsplit(word) for word in text.split()]
        first = parts[0]
        hosts = tuple(
            f"{each.scheme}://{each.netloc.rpartition('@')[2]}"
            if each.port
            else f"{each.scheme}://{each.netloc.rpartition('@')[2]}:9200"
            for each in parts
        )
        user = (unquote(first.username), unquote(first.password or "")) if first.username else None
        certificates = parse_qs(first.query).get("ca", [None])[0]
        return cls(hosts, first.path.strip("/") or _DEFAULT_PREFIX, user, certificates)

    def __str__(self) -> str:
        return ", ".join(self.hosts)  # names no password


class Cluster:
    """One OpenSearch cluster, in which our indexes and aliases begin with a prefix."""

    def __init__(self, address: ClusterAddress, *, query_seconds: float = QUERY_SECONDS) -> None:
        self.address = address
        self._query_seconds = query_seconds
        self._silence: tuple[float, str] | None = None  # since when, and the sentence
        self.breaker = Breaker()
        self.failure = ""  # why the last query was not answered, as a sentence

    @functools.cached_property
    def _client(self) -> OpenSearch:
        try:
            from opensearchpy import OpenSearch
        except ImportError:
            raise Misconfigured(
                "KB_SEARCH=opensearch requires the extra opensearch: "
                "pip install 'askfirst[opensearch]'."
            ) from None
        # Its log has every failed request; ours says when failures begin and end.
        logging.getLogger("opensearch").setLevel(logging.CRITICAL)
        return OpenSearch(
            list(self.address.hosts),
            http_auth=self.address.user,
            ca_certs=self.address.certificates,
            max_retries=0,
            retry_on_timeout=False,
            pool_maxsize=32,
        )

    def load(self) -> None:
        """Load the client, which takes longer than a visitor waits. Raises Misconfigured."""
        _ = self._client

    # --- visitors' queries

    def search(self, searches: Sequence[Search], *, deadline: float) -> list[Mapping[str, Any]]:
        """The answers to all ``searches``, asked in one request. Raises NoAnswer."""
        now = time.monotonic()
        seconds = min(self._query_seconds, _SHARE * (deadline - now))
        if seconds <= 0 or not self.breaker.allows():
            raise NoAnswer
        lines = [json.dumps(line) for index, body in searches for line in ({"index": index}, body)]
        try:
            answers = _within(
                seconds, lambda: self._answers("\n".join((*lines, "")), searches, seconds)
            )
        except Exception as error:  # anything but the answer of a healthy cluster
            self.breaker.timed_out()
            is_new = not self.failure
            self.failure = f"OpenSearch at {self.address} cannot be used: {_reason(error)}."
            if is_new:
                LOG.warning("%s The local index is used until it answers.", self.failure)
            raise NoAnswer from error
        self.breaker.answered()
        if self.failure:
            LOG.warning("OpenSearch at %s answers again.", self.address)
            self.failure = ""
        return answers

    def _answers(
        self, body: str, searches: Sequence[Search], seconds: float
    ) -> list[Mapping[str, Any]]:
        from urllib3 import Timeout

        answers: list[Mapping[str, Any]] = self._client.msearch(
            body=body, request_timeout=Timeout(total=seconds)
        )["responses"]
        if len(answers) != len(searches):
            raise ValueError("the number of answers differs from the number of queries")
        for (_, asked), answer in zip(searches, answers, strict=True):
            if "error" in answer:
                raise ValueError(answer["error"]["reason"])
            if answer["timed_out"] or answer["_shards"]["failed"]:
                raise ValueError("some shards did not answer")
            if not asked.get("aggs", {}).keys() <= answer.get("aggregations", {}).keys():
                raise ValueError("the counts are missing")
            if not all("key" in hit.get("fields", {}) for hit in answer["hits"]["hits"]):
                raise ValueError("the documents have no keys")
        return answers

    # --- building and administering

    def check(self) -> None:
        """Raises Unavailable with the reason if the cluster cannot be used."""
        with self._errors(_TALK_SECONDS) as patience:
            told = self._client.info(params=patience)
            version = told["version"] if isinstance(told, dict) and "version" in told else {}
            if not isinstance(version, dict) or version.get("distribution") != "opensearch":
                raise Unavailable(f"The server at {self.address} is not OpenSearch.")
            number = tuple(map(int, str(version["number"]).split(".")[:2]))
            if not _OLDEST <= number < _NEWEST:
                raise Unavailable(
                    f"OpenSearch at {self.address} is {version['number']}. "
                    "Askfirst works with 2.19 and 3.x."
                )

    def check_health(self, names: Iterable[str]) -> None:
        """Raises Unavailable if one of these indexes is missing or cannot answer."""
        for name in names:
            with self._errors(_TALK_SECONDS) as patience:
                if not self._client.indices.exists(index=name, params=patience):
                    raise Unavailable(f"OpenSearch at {self.address} has no index {name}.")
                health = self._client.cluster.health(index=name, params=patience)
                if health["status"] == "red":
                    raise Unavailable(
                        f"The index {name} of OpenSearch at {self.address} is red: some of it "
                        "cannot be read."
                    )

    def compares_vectors(self) -> bool:
        """Whether every node has the plugin for the search of nearest neighbours (k-NN)."""
        with self._errors(_TALK_SECONDS) as patience:
            told = self._client.nodes.info(metric="plugins", params=patience)
            return all(
                _KNN_PLUGIN in (plugin["classname"] for plugin in node["plugins"])
                for node in told["nodes"].values()
            )

    def create(self, name: str, body: Mapping[str, Any]) -> None:
        with self._errors() as patience:
            self._client.indices.create(index=name, body=body, params=patience)

    def clone(self, source: str, name: str) -> None:
        """Make a writable copy of a read-only index; the copy shares its files."""
        body = {"settings": {"index.blocks.write": None}}
        with self._errors() as patience:
            wait = {**patience, "wait_for_active_shards": 1}
            self._client.indices.clone(index=source, target=name, body=body, params=wait)

    def metadata(self, name: str) -> dict[str, Any]:
        """The metadata that was stored when an index was created; {} if the index is missing."""
        with self._errors(_TALK_SECONDS) as patience:
            if not self._client.indices.exists(index=name, params=patience):
                return {}
            mapping = self._client.indices.get_mapping(index=name, params=patience)
            written: dict[str, Any] = mapping[name]["mappings"].get("_meta", {})
            return written

    def change(self, actions: Iterable[dict[str, Any]]) -> None:
        """Write and delete documents, some megabytes at a time."""
        from opensearchpy import helpers

        with self._errors() as patience:
            for _ in helpers.streaming_bulk(
                self._client,
                actions,
                max_chunk_bytes=_BULK_BYTES,
                raise_on_error=True,
                request_timeout=float(patience["request_timeout"]),
            ):
                pass

    def seal(self, name: str, *, merge: bool) -> int:
        """Make all written documents searchable, and the index read-only; returns the number of
        documents. With ``merge``, the index gets as few segments as possible.
        """
        with self._errors() as patience:
            self._client.indices.refresh(index=name, params=patience)
            if merge:
                self._client.indices.forcemerge(
                    index=name, params={**patience, "max_num_segments": 1}
                )
                self._client.indices.refresh(index=name, params=patience)
            self._client.indices.put_settings(
                index=name, body={"index.blocks.write": True}, params=patience
            )
        return self.count(name)

    def count(self, name: str) -> int:
        """How many documents an index holds."""
        with self._errors() as patience:
            counted: int = self._client.count(index=name, params=patience)["count"]
            return counted

    def point(self, aliases: Mapping[str, str]) -> None:
        """Point each alias to one index, all of them at once."""
        actions: list[dict[str, Any]] = []
        with self._errors() as patience:
            for alias, name in aliases.items():
                actions += [
                    {"remove": {"index": other, "alias": alias}}
                    for other in self._named(alias, patience)
                    if other != name
                ]
                actions.append({"add": {"index": name, "alias": alias}})
            self._client.indices.update_aliases(body={"actions": actions}, params=patience)

    def pointed(self, alias: str) -> tuple[str, ...]:
        """The indexes that an alias points to."""
        with self._errors(_TALK_SECONDS) as patience:
            return self._named(alias, patience)

    def _named(self, alias: str, patience: dict[str, Any]) -> tuple[str, ...]:
        if not self._client.indices.exists_alias(name=alias, params=patience):
            return ()
        return tuple(self._client.indices.get_alias(name=alias, params=patience))

    def delete(self, names: Iterable[str]) -> None:
        """Delete indexes; a missing one counts as deleted."""
        with self._errors() as patience:
            for name in names:
                self._client.indices.delete(
                    index=name, params={**patience, "ignore_unavailable": "true"}
                )

    @contextlib.contextmanager
    def _errors(self, seconds: float = _WORK_SECONDS) -> Iterator[dict[str, Any]]:
        """Turn every error into Unavailable with a sentence.

        After a cluster did not answer in time, the next requests fail at once for a moment: a
        command makes several, and should not wait for each.
        """
        from opensearchpy.exceptions import ConnectionTimeout, OpenSearchException

        if self._silence is not None and time.monotonic() - self._silence[0] < REST:
            raise Unavailable(self._silence[1], retry_after=60)
        try:
            yield {"request_timeout": seconds}
        except (OpenSearchException, OSError, ValueError, KeyError, TypeError) as error:
            sentence = f"OpenSearch at {self.address} cannot be used: {_reason(error)}."
            if isinstance(error, ConnectionTimeout):
                self._silence = time.monotonic(), sentence
            raise Unavailable(sentence, retry_after=60) from error


def _within(seconds: float, ask: Callable[[], T]) -> T:
    """The result of ``ask``; raises TimeoutError if it takes longer than ``seconds``.

    The client's own timeouts begin only after the server's name is resolved, and the time for that
    can only be limited with another thread.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer.result(timeout=seconds)


def _refusals(error: Exception) -> set[str]:
    """Why documents of a bulk request were refused, as the cluster calls it."""
    return {
        answer.get("error", {}).get("type", "")
        for refused in getattr(error, "errors", ())
        for answer in refused.values()
    }


def _reason(error: Exception) -> str:
    """The reason, for people. Not the client's own text, which quotes any answer of a server."""
    status = getattr(error, "status_code", None)
    if getattr(error, "error", "") in _BLOCKS or _BLOCKS & _refusals(error):
        return "it does not accept changes; check whether its disk is full"
    if status in (401, 403):
        return "it does not accept the user or the password in KB_OPENSEARCH"
    if isinstance(status, int):
        kind = str(getattr(error, "error", ""))
        return f"it answered with status {status}" + (f" ({kind})" if kind.isidentifier() else "")
    names = {
        "ConnectionTimeout": "it does not answer in time",
        "TimeoutError": "it does not answer in time",
        "SSLError": "its certificate is not trusted",
        "ConnectionError": "nothing accepts the connection",
        "NameResolutionError": "its host name cannot be resolved",
        "SerializationError": "its answer is not JSON",
        "BulkIndexError": "it refused some documents",
    }
    cause = getattr(error, "info", None)  # of a ConnectionError: what the HTTP library raised
    told = names.get(type(cause).__name__) or names.get(type(error).__name__)
    return told or str(error) or type(error).__name__
