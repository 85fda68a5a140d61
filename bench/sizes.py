"""What a document and a ticket cost: the coefficients of `kb size`.

    python -m bench.sizes [--documents 2000 20000] [--tickets 2000] [--write]

Builds an index of each size, opens it, asks it half-typed titles, and files tickets, in processes
of their own; then lets the sentence encoder read questions and pages, if it is installed. Prints
the coefficients as TOML; ``--write`` puts them into ``kb/operations/coefficients.toml``. The
figures are CPU, bytes and memory, which a busy machine does not change much.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.corpora import documents, titles
from bench.scale import CONTENT, NOW
from kb.database import DATABASE_FILE, open_database
from kb.people.accounts import Accounts
from kb.people.demo import add_demo_accounts
from kb.search.analysis.passages import split_passages
from kb.search.build.builder import IndexBuilder
from kb.search.build.passage_meanings import passage_text
from kb.search.kernels.compilation import compiled_loops
from kb.search.meaning.sentence_encoder import MiniLm
from kb.search.searcher import Searcher
from kb.sla import policy_file
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import load_catalogue
from kb.tickets.desk import Desk
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.ticket import Draft

TABLE = Path(__file__).parent.parent / "kb" / "operations" / "coefficients.toml"
_SUGGESTIONS = 400
_PAGES_READ = 60  # by the encoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, nargs=2, default=[2_000, 20_000])
    parser.add_argument("--tickets", type=int, default=2_000)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        what, folder, count = arguments.measure
        print(json.dumps(_MEASURES[what](Path(folder), int(count))))
        return

    compiled_loops()  # once for an installation, not for the first size
    with tempfile.TemporaryDirectory() as folder:
        sizes = []
        for count in arguments.documents:
            data = Path(folder) / str(count)
            sizes.append(
                _in_process("build", data, count) | _in_process("suggest", data, _SUGGESTIONS)
            )
        filed = _in_process("file", Path(folder) / "tickets", arguments.tickets)
        encoder = _in_process("encode", Path(folder), _SUGGESTIONS)
    table = _table(arguments.documents, sizes, filed)
    of_encoder = _of_encoder(encoder) if encoder else _kept("encoder")
    print(table + of_encoder)
    if arguments.write:
        # Those of a cluster are measured by ``bench.opensearch``.
        TABLE.write_text(table + of_encoder + _kept("opensearch"), "utf-8")


def _in_process(what: str, folder: Path, count: int) -> dict[str, float]:
    """Memory is that of one process, so that each measure has its own."""
    command = [sys.executable, "-m", "bench.sizes", "--measure", what, str(folder), str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    values: dict[str, float] = json.loads(done.stdout)
    return values


def _build(data: Path, count: int) -> dict[str, float]:
    before = time.process_time()
    with IndexBuilder(data, operators=True, meaning=True) as builder:
        for document in documents(count):
            builder.add(document)
        builder.publish(ledger={"sources": {}}, settings={})
    return {
        "build_cpu": time.process_time() - before + _cpu_of_children(),
        "build_memory": _peak_memory(),
        "index_bytes": _bytes_of(data / "index"),
    }


def _suggest(data: Path, count: int) -> dict[str, float]:
    asked = [title[: 5 + number % 30] for number, title in enumerate(titles(count + 50))]
    searcher = Searcher(data, budget_ms=60_000)
    for text in asked[:50]:
        searcher.suggest(text)
    times = []
    for text in asked[50:]:
        before = time.process_time()
        searcher.suggest(text)
        times.append((time.process_time() - before) * 1000)
    times.sort()
    return {"suggest_p50": times[len(times) // 2]}


def _encode(_folder: Path, count: int) -> dict[str, float]:
    compiled_loops()  # any process that searches has them
    before = _peak_memory()
    encoder = MiniLm.installed()
    if encoder is None:
        return {}
    questions = titles(count)
    encoder.encode(questions[:1])
    memory = _peak_memory() - before
    sample = list(documents(_PAGES_READ))
    passages = [
        passage_text(document.title, passage)
        for document in sample
        for passage in split_passages(document)
    ]
    return {
        "memory": memory,
        "question_ms": _cpu_ms(encoder, questions) / count,
        "document_ms": _cpu_ms(encoder, passages) / len(sample),
    }


def _cpu_ms(encoder: MiniLm, texts: list[str]) -> float:
    started = time.process_time()
    encoder.encode(texts)
    return (time.process_time() - started) * 1000


def _file(data: Path, count: int) -> dict[str, float]:
    """Tickets with an answer and a comment each, as the average one has."""
    with contextlib.closing(open_database(data)) as database:
        accounts = Accounts(database, demo=True)
        add_demo_accounts(accounts, NOW)
        alice, bob = (accounts.by_email(f"{name}@example.com") for name in ("alice", "bob"))
        assert alice is not None
        assert bob is not None
        policy = policy_file.load_policy(CONTENT / "policies.toml")
        products = load_catalogue(CONTENT / "catalogue.toml")
        desk = Desk(TicketRepository(database), policy, Attachments(data / "attachments"), products)
        text = "It does not print since this morning, and the display shows an error. " * 8
        before = time.process_time()
        for number in range(count):
            now = NOW + dt.timedelta(minutes=30 * number)
            draft = Draft(f"Case {number} of the bench", "problem", "question", text)
            ticket = desk.filing.file(draft, alice, key=f"k{number}", now=now)
            desk.act(ticket, bob, actions.reply(text), now=now + dt.timedelta(minutes=5))
            desk.act(ticket, alice, actions.comment(text), now=now + dt.timedelta(minutes=9))
        cpu = time.process_time() - before

    # Closing moves the log into the file, which has nothing but the tickets and some 500 kB.
    file_bytes = (data / DATABASE_FILE).stat().st_size
    return {"ticket_bytes": file_bytes / count, "ticket_cpu_ms": cpu * 1000 / count}


_MEASURES: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "build": _build,
    "suggest": _suggest,
    "encode": _encode,
    "file": _file,
}


def _table(counts: list[int], sizes: list[dict[str, float]], filed: dict[str, float]) -> str:
    small, large = sizes

    def per_document(name: str) -> float:
        return (large[name] - small[name]) / (counts[1] - counts[0])

    rows: dict[str, Any] = {
        "measured_on": f"{platform.machine()}, {counts[0]:,} and {counts[1]:,} documents",
        "index_bytes_per_document": round(per_document("index_bytes")),
        "build_memory_bytes_per_document": round(per_document("build_memory")),
        "build_cpu_ms_per_document": round(per_document("build_cpu") * 1000, 2),
        "suggest_documents": counts,
        "suggest_cpu_ms_p50": [round(size["suggest_p50"], 2) for size in sizes],
        "database_bytes_per_ticket": round(filed["ticket_bytes"]),
        "cpu_ms_per_ticket": round(filed["ticket_cpu_ms"], 1),
    }
    lines = ["# Written by `python -m bench.sizes --write`; read by `kb size`."]
    lines += [f"{name} = {json.dumps(value)}" for name, value in rows.items()]
    return "\n".join(lines) + "\n"


def _of_encoder(measured: dict[str, float]) -> str:
    return (
        "\n[encoder]  # memory of a process; CPU to read a question, and all passages of a page\n"
        f"process_bytes = {round(measured['memory'])}\n"
        f"cpu_ms_per_question = {measured['question_ms']:.1f}\n"
        f"cpu_ms_per_document = {measured['document_ms']:.1f}\n"
    )


def _kept(section: str) -> str:
    """A section of the table as it is; nothing if there is none."""
    _, heading, rest = TABLE.read_text("utf-8").partition(f"\n[{section}]")
    return heading + rest.partition("\n[")[0]


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peak_memory() -> float:
    """Bytes; macOS counts in bytes, Linux in kilobytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _bytes_of(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
