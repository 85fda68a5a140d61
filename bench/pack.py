"""The pack from which embedded boxes answer by themselves: its size, and whose order it has.

    python -m bench.pack [SITE]

Publishes a site's folder (by default the built-in help centre) into a temporary index. Prints the
size of the pack, and of the settled texts, which are the titles of all public documents and the
golden queries, how many the box answers and how many of its first hits are those of the help
centre. The box's own ``pack.js`` answers, in Node.js.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from bench.corpora import ROOT
from kb.search.documents import DOCUMENT_KINDS, PUBLIC
from kb.search.searcher import Searcher
from webapp.api.embed_pack import signed_pack

_READER = ROOT / "webapp" / "static" / "embed" / "pack.js"
_ANSWERS = """
const { Pack } = await import(process.argv[1]);
let sent = "";
for await (const part of process.stdin) sent += part;
const [text, queries] = JSON.parse(sent);
const pack = new Pack(text);
console.log(JSON.stringify(queries.map((query) => pack.search(query, 5)[0]?.id ?? "")));
"""


def settled_texts(searcher: Searcher, site: Path) -> list[str]:
    """What people mean when they stop typing."""
    titles = [
        hit.title
        for kind in DOCUMENT_KINDS
        for hit in searcher.titled(PUBLIC, kind, count=100_000)[2]
    ]
    golden = site / "golden.toml"
    queries = tomllib.loads(golden.read_text("utf-8"))["queries"] if golden.exists() else []
    return [*titles, *(query["query"] for query in queries if "expect" in query)]


def first_hits(pack: str, queries: list[str]) -> list[str]:
    """The id of the first hit of each query in the pack, "" for none."""
    node = shutil.which("node")
    if node is None:
        sys.exit("Node.js is needed: the box is answered by its own script.")
    with tempfile.TemporaryDirectory() as folder:
        reader = shutil.copy(_READER, Path(folder) / "pack.mjs")
        command = [node, "--input-type=module", "--eval", _ANSWERS, str(reader)]
        sent = json.dumps([pack, queries])
        run = subprocess.run(command, input=sent, capture_output=True, text=True, check=True)
    answered: list[str] = json.loads(run.stdout)
    return answered


def main() -> None:
    site = Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "content"
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "kb", "index", "--site", str(site), "--data", data]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        searcher = Searcher(Path(data), budget_ms=5000)
        pack = signed_pack(searcher, "bench").partition("\n")[2]
        queries = settled_texts(searcher, site)
        answered = first_hits(pack, queries)
        pairs = [
            (mine, hits[0].id if (hits := searcher.suggest(query).hits) else "")
            for query, mine in zip(queries, answered, strict=True)
            if mine
        ]
    documents, size = pack.count("\n"), len(gzip.compress(pack.encode(), 6))
    same = sum(mine == theirs for mine, theirs in pairs)
    print(f"{documents:,} documents: {size:,} bytes compressed, {size / documents:.1f} for each")
    print(f"{len(queries)} settled texts: {len(pairs)} answered ({len(pairs) / len(queries):.0%})")
    print(f"first hit as of the help centre: {same} of {len(pairs)} ({same / len(pairs):.0%})")


if __name__ == "__main__":
    main()
