"""Memory of an index build, and its growth with the number of documents.

    python -m bench.memory [--sizes 10000 100000] [--operators]

For each size, in a process of its own: a full build, as `kb index` does it once documents are read.
``own`` is the peak of the process's own memory; ``resident`` that of all its pages, including those
of mapped files, which the system takes back when it needs them; ``while read`` is ``own`` before
anything is built from the documents. Linux only.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench import corpora


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument(
        "--operators", action="store_true", help="with the index for phrases and fields"
    )
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure_build(options.one, operators=options.operators)))
        return
    print(
        f"{'documents':>10} | {'while read MB':>13} {'own MB':>8} {'resident MB':>12} "
        f"{'index MB':>9} {'CPU s':>7}"
    )
    rows = []
    for size in options.sizes:
        command = [
            sys.executable,
            "-m",
            "bench.memory",
            "--one",
            str(size),
            *["--operators"] * options.operators,
        ]
        rows.append(
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        )
        read, own, resident, index, cpu = (
            rows[-1][name] for name in ("read", "own", "resident", "index", "cpu")
        )
        print(
            f"{size:>10} | {read:>13.0f} {own:>8.0f} {resident:>12.0f} {index:>9.0f} {cpu:>7.1f}",
            flush=True,
        )
    for (low, less), (high, more) in zip(
        zip(options.sizes, rows, strict=True),
        zip(options.sizes[1:], rows[1:], strict=True),
        strict=False,
    ):
        print(
            f"from {low} to {high}: {(more['own'] - less['own']) * 1e6 / (high - low):,.0f} bytes "
            f"a document"
        )


def measure_build(size: int, *, operators: bool) -> dict[str, float]:
    from kb.search.build.builder import IndexBuilder

    with tempfile.TemporaryDirectory() as folder, MemoryWatch() as watch:
        start = time.process_time()
        with IndexBuilder(Path(folder), operators=operators) as builder:
            for document in corpora.documents(size):
                builder.add(document)
            while_read = watch.peak
            manifest = builder.publish(ledger={}, settings={})
        cpu = time.process_time() - start
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    index = sum(size for size, _ in manifest.files.values()) / 1e6
    return {"read": while_read, "own": watch.peak, "resident": resident, "index": index, "cpu": cpu}


class MemoryWatch:
    """Samples the memory of its process fifty times a second in a thread; ``peak`` is in MB."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(0.02):
            rows = dict(
                line.split(":", 1)
                for line in Path("/proc/self/status").read_text("ascii").splitlines()
            )
            self.peak = max(self.peak, int(rows["RssAnon"].split()[0]) / 1000)


if __name__ == "__main__":
    main()
