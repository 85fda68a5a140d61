"""One engine of others, built and asked in a process of its own (called by bench.engines in the
peers' environment).

    python bench/peers.py ENGINE CORPUS.jsonl QUERIES.json

Prints one JSON object: CPU ms of each query (top 5, ids only), CPU seconds to build, MB on disk.
Every engine gets the same words: lower case, OR, English stems where the engine has them; with an
open last word where asked.
"""

from __future__ import annotations

import bisect
import json
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Ask = Callable[[list[str], bool], object]
Build = Callable[[list[dict[str, str]], Path], Ask]
TOP = 5
COMPLETIONS = 100


def tantivy(rows: list[dict[str, str]], folder: Path) -> Ask:
    import tantivy

    schema = tantivy.SchemaBuilder().add_text_field("id", stored=True, tokenizer_name="raw")
    for name in ("title", "body"):
        schema.add_text_field(name, stored=False, tokenizer_name="en_stem")
    built = schema.build()
    index = tantivy.Index(built, path=str(folder))
    writer = index.writer(256_000_000, 2)
    for row in rows:
        writer.add_document(tantivy.Document(id=row["id"], title=row["title"], body=row["text"]))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def ask(words: list[str], open_ended: bool) -> object:
        whole = words[:-1] if open_ended else words
        parts = (
            [(tantivy.Occur.Should, index.parse_query(" ".join(whole), ["title", "body"]))]
            if whole
            else []
        )
        if open_ended:
            for field in ("title", "body"):
                pattern = re.escape(words[-1]) + ".*"
                parts.append(
                    (tantivy.Occur.Should, tantivy.Query.regex_query(built, field, pattern))
                )
        found = searcher.search(tantivy.Query.boolean_query(parts), TOP, count=False)
        return [searcher.doc(address)["id"] for _, address in found.hits]

    return ask


def xapian(rows: list[dict[str, str]], folder: Path) -> Ask:
    import xapian

    database = xapian.WritableDatabase(str(folder), xapian.DB_CREATE_OR_OVERWRITE)
    terms = xapian.TermGenerator()
    terms.set_stemmer(xapian.Stem("en"))
    for row in rows:
        document = xapian.Document()
        terms.set_document(document)
        terms.index_text(row["title"], 3)
        terms.increase_termpos()
        terms.index_text(row["text"])
        document.set_data(row["id"])
        database.add_document(document)
    database.commit()
    parser = xapian.QueryParser()
    parser.set_database(database)
    parser.set_stemmer(xapian.Stem("en"))
    parser.set_stemming_strategy(xapian.QueryParser.STEM_SOME)
    parser.set_default_op(xapian.Query.OP_OR)
    parser.set_max_expansion(COMPLETIONS, xapian.Query.WILDCARD_LIMIT_MOST_FREQUENT)
    enquire = xapian.Enquire(database)

    def ask(words: list[str], open_ended: bool) -> object:
        flags = xapian.QueryParser.FLAG_PARTIAL if open_ended else 0
        enquire.set_query(parser.parse_query(" ".join(words), flags))
        return [match.document.get_data() for match in enquire.get_mset(0, TOP)]

    return ask


def sqlite_fts5(rows: list[dict[str, str]], folder: Path) -> Ask:
    database = sqlite3.connect(folder / "index.sqlite")
    database.execute(
        "CREATE VIRTUAL TABLE t USING fts5(id UNINDEXED, title, body, tokenize='porter unicode61')"
    )
    database.executemany(
        "INSERT INTO t VALUES (?,?,?)", ((r["id"], r["title"], r["text"]) for r in rows)
    )
    database.commit()

    def ask(words: list[str], open_ended: bool) -> object:
        terms = [f'"{word}"' for word in words]
        if open_ended:
            terms[-1] += "*"
        sql = "SELECT id FROM t WHERE t MATCH ? ORDER BY bm25(t, 0, 3.0, 1.0) LIMIT ?"
        return database.execute(sql, (" OR ".join(terms), TOP)).fetchall()

    return ask


def bm25s_numba(rows: list[dict[str, str]], folder: Path) -> Ask:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    texts = [f"{row['title']} {row['text']}" for row in rows]
    tokens = bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)
    engine = bm25s.BM25(method="lucene", backend="numba")
    engine.index(tokens, show_progress=False)
    engine.save(str(folder))
    vocabulary = sorted(word for word in engine.vocab_dict if word)

    def ask(words: list[str], open_ended: bool) -> object:
        stems = stemmer.stemWords(words)
        if open_ended:  # it has no prefixes: the first completions stand for them
            at = bisect.bisect_left(vocabulary, words[-1])
            near = vocabulary[at : at + COMPLETIONS]
            stems = stems[:-1] + [word for word in near if word.startswith(words[-1])]
        known = [engine.vocab_dict[s] for s in stems if s in engine.vocab_dict]
        if not known:
            return []
        return engine.retrieve([known], k=min(TOP, len(rows)), show_progress=False)

    return ask


def whoosh(rows: list[dict[str, str]], folder: Path) -> Ask:
    from whoosh import analysis, fields, index, query

    stem = analysis.StemmingAnalyzer(cachesize=-1)
    schema = fields.Schema(
        id=fields.STORED,
        title=fields.TEXT(analyzer=stem, field_boost=3.0),
        body=fields.TEXT(analyzer=stem),
    )
    writer = index.create_in(str(folder), schema).writer(limitmb=512)
    for row in rows:
        writer.add_document(id=row["id"], title=row["title"], body=row["text"])
    writer.commit()
    searcher = index.open_dir(str(folder)).searcher()

    def ask(words: list[str], open_ended: bool) -> object:
        wanted = []
        for field in ("title", "body"):
            whole = words[:-1] if open_ended else words
            wanted += [query.Term(field, t.text) for t in stem(" ".join(whole))]
            wanted += [query.Prefix(field, words[-1])] if open_ended else []
        return [hit["id"] for hit in searcher.search(query.Or(wanted), limit=TOP)]

    return ask


ENGINES: dict[str, Build] = {
    "tantivy": tantivy,
    "xapian": xapian,
    "sqlite-fts5": sqlite_fts5,
    "bm25s+numba": bm25s_numba,
    "whoosh": whoosh,
}


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def main() -> None:
    engine, corpus, questions = sys.argv[1:4]
    queries: dict[str, list[list[str]]] = json.loads(Path(questions).read_text("utf-8"))
    rows = list(_rows(Path(corpus)))
    folder = Path(tempfile.mkdtemp(prefix="peer-"))
    try:
        begun = time.process_time()
        ask = ENGINES[engine](rows, folder)
        answer: dict[str, Any] = {
            "build_cpu_s": time.process_time() - begun,
            "documents": len(rows),
        }
        answer["mb"] = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
        most = 40 if engine == "whoosh" and len(rows) > 20_000 else len(queries["full"])
        for name, open_ended in (("full", False), ("prefix", True)):
            for words in queries[name][:20]:
                ask(words, open_ended)
            answer[name] = [_timed(ask, words, open_ended) for words in queries[name][:most]]
        print(json.dumps(answer))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _timed(ask: Ask, words: list[str], open_ended: bool) -> float:
    begun = time.process_time()
    ask(words, open_ended)
    return (time.process_time() - begun) * 1000


if __name__ == "__main__":
    main()
