"""How what a help centre needs grows with its documents and tickets: the table of `kb size`.

    python -m bench.growth [--sizes 1000 10000 100000] [--tickets 2000] [--folder DIR] [--write]

Builds an index of each size, in a process of its own; then opens them all and asks each in turn
half-typed titles, in five rounds of which the quietest counts; files tickets; and lets the sentence
encoder read questions and pages, if it is installed. Prints the table as TOML. ``--write`` puts it
into ``kb/operations/coefficients.toml`` and draws the chart of the guide. With ``--folder``, the
indexes are kept, and the next run with the same folder does not build them again. The figures are
CPU, bytes and memory, which a busy machine changes less than wall time, but it does: measure on a
quiet one.
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
from statistics import median

from bench import growth_chart
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
_SUGGESTIONS = 400  # in a round
_ROUNDS = 5
_PAGES_READ = 60  # by the encoder
_COST = "cost.json"  # of an index that was built, beside it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--tickets", type=int, default=2_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        what, folder, count = arguments.measure
        print(json.dumps(_MEASURES[what](Path(folder), int(count))))
        return
    if arguments.write and len(arguments.sizes) < 2:
        parser.error("--write needs two sizes, from which costs of others are calculated")

    compiled_loops()  # once for an installation, not for the first size
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        built = [_built(folder / str(count), count) for count in sorted(arguments.sizes)]
        asked = _in_process("suggest", folder, _SUGGESTIONS)
        filed = _in_process("file", Path(temporary) / "tickets", arguments.tickets)
        encoder = _in_process("encode", Path(temporary), _SUGGESTIONS)
    table = _table(sorted(arguments.sizes), built, asked, filed)
    table += _of_encoder(encoder) if encoder else _kept("encoder")
    # Those of a cluster are measured by ``bench.opensearch``.
    table += _kept("opensearch")
    print(table)
    if arguments.write:
        TABLE.write_text(table, "utf-8")
        growth_chart.CHART.write_text(growth_chart.drawn(), "utf-8")


def _built(data: Path, count: int) -> dict[str, float]:
    cost = data / _COST
    if not cost.exists():
        cost.write_text(json.dumps(_in_process("build", data, count)), "utf-8")
    values: dict[str, float] = json.loads(cost.read_text("utf-8"))
    return values


def _in_process(what: str, folder: Path, count: int) -> dict[str, float]:
    """Memory is that of one process, so that each measure has its own."""
    command = [sys.executable, "-m", "bench.growth", "--measure", what, str(folder), str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    values: dict[str, float] = json.loads(done.stdout)
    return values


def _build(data: Path, count: int) -> dict[str, float]:
    compiled_loops()
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


def _suggest(folder: Path, count: int) -> dict[str, float]:
    """The median CPU ms of each index in ``folder``, by its number of documents."""
    asked = [title[: 5 + number % 30] for number, title in enumerate(titles(_ROUNDS * count + 50))]
    searchers = {
        data.parent.name: Searcher(data.parent, budget_ms=60_000)
        for data in folder.glob(f"*/{_COST}")
    }
    medians: dict[str, list[float]] = {size: [] for size in searchers}
    for searcher in searchers.values():
        for text in asked[:50]:
            searcher.suggest(text)
    for number in range(_ROUNDS):
        texts = asked[50 + number * count :][:count]
        for size, searcher in searchers.items():
            medians[size].append(median(_suggestion_ms(searcher, text) for text in texts))
    return {size: min(of_rounds) for size, of_rounds in medians.items()}


def _suggestion_ms(searcher: Searcher, text: str) -> float:
    started = time.process_time()
    searcher.suggest(text)
    return (time.process_time() - started) * 1000


def _encode(_folder: Path, count: int) -> dict[str, float]:
    compiled_loops()  # any process that searches has them
    before = _peak_memory()
    encoder = MiniLm.installed()
    if encoder is None:
        return {}
    encoder.encode(["How do I reset my password?"])
    memory = _peak_memory() - before  # before the bench reads its own corpora
    questions = titles(count)
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


def _table(
    sizes: list[int],
    built: list[dict[str, float]],
    asked: dict[str, float],
    filed: dict[str, float],
) -> str:
    return (
        "# Written by `python -m bench.growth --write`; read by `kb size`.\n"
        f'measured_on = "{platform.machine()}, {sizes[0]:,} to {sizes[-1]:,} documents"\n'
        f"database_bytes_per_ticket = {round(filed['ticket_bytes'])}\n"
        f"cpu_ms_per_ticket = {filed['ticket_cpu_ms']:.1f}\n"
        "\n[documents]  # what so many documents take; CPU of one core\n"
        f"count = {sizes}\n"
        f"index_bytes = {[round(cost['index_bytes']) for cost in built]}\n"
        f"build_memory_bytes = {[round(cost['build_memory']) for cost in built]}\n"
        f"build_cpu_seconds = {[round(cost['build_cpu'], 1) for cost in built]}\n"
        f"suggest_cpu_ms_p50 = {[round(asked[str(size)], 2) for size in sizes]}\n"
    )


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
