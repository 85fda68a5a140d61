"""Distil a query table from the sentence encoder, which ``bench.adapt`` then fits to help centres.

    python -m bench.distil --to FILE [--wordnet FOLDER]

A text's direction in the table is the sum of its pieces'; the sums are fitted to the encoder's
directions of public sentences, and of their beginnings, whose last word is taken as it goes on. The
texts: our own pages, the manuals and forums of ``KB_BENCH_DATA`` whose licences allow it (see
``SOURCES``), and the glosses of WordNet 3.0 (Debian's ``wordnet-base``); no judged set. The file
contains no text, only numbers derived from all-MiniLM-L6-v2 (Apache-2.0). A quarter of an hour on
one core.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import html
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench import corpora
from kb.search.array_types import Directions
from kb.search.index.array_file import save_arrays
from kb.search.meaning.query_table import MEANING_DIMENSIONS
from kb.search.meaning.sentence_encoder import ENCODER_DIMENSIONS, MiniLm
from kb.search.meaning.word_pieces import vocabulary, word_pieces

Matrix = NDArray[np.float32]

#: Folder of KB_BENCH_DATA's content, how its files end, and how many sentences are taken. Licences:
#: CC BY 4.0 and MIT; Apache-2.0; PostgreSQL, PSF and Debian's manuals; CC BY-SA.
SOURCES = (
    ("powershell", ".md", 6_000),
    ("hugo", ".md", 4_000),
    ("html", ".html", 9_000),
    ("forum-stackexchange", ".xml", 8_000),
)
OWN_SENTENCES = 4_000
GLOSSES = 45_000
REQUESTS = 12_000
BEGINNINGS = 30_000
REQUEST_FORMS = (
    "how do i {verb} my {noun}",
    "how to {verb} a {noun}",
    "cannot {verb} the {noun}",
    "i can't {verb} {noun}",
    "i cant {verb} my {noun}",
    "{noun} {other}",
    "{verb} {noun}",
    "why does my {noun} not {verb}",
    "{noun} not working",
    "{noun} is missing",
    "where is the {noun} {other}",
    "what is {noun}",
    "problem with my {noun}",
    "{noun} {other} error",
    "can i {verb} the {noun} to {other}",
    "need to {verb} {noun} for {other}",
    "i want to {verb} my {noun} and {other}",
    "when will my {noun} {verb}",
    "do you {verb} {noun}",
    "{verb} {noun} without {other}",
    "is it possible to {verb} more than one {noun}",
)
MOST_PIECES = 62  # of a text
AT_ONCE = 64  # texts
RIDGE = 1.0  # how strongly a piece is held to what the encoder says of it alone
ROUNDS, STEPS = 4, 12  # of rescaling, and of conjugate gradients in each

_PLAIN_PIECE = re.compile(r"(##)?[a-z0-9]+|[!-/:-@\[-`{-~]")
_INVISIBLE = re.compile(r"(?is)<(script|style|pre|head)\b.*?</\1>")
_BLOCK_END = re.compile(r"(?i)</(p|li|h\d|td|dt|dd|div)>")
_MARKDOWN = re.compile(r"(?s)```.*?```|[`*_]|!?\[|\]\([^)]*\)")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--to", type=Path, required=True, metavar="FILE")
    options = parser.parse_args()
    data, encoder = corpora.data(), MiniLm.installed()
    if data is None or encoder is None or not options.wordnet.is_dir():
        sys.exit("Needs KB_BENCH_DATA, the extra `meaning`, and Debian's wordnet-base.")

    dice = random.Random(7)
    texts = training_texts(data / "content", options.wordnet, dice)
    typed, meant = beginnings(texts, dice)
    print(f"{len(texts)} texts and {len(typed)} beginnings", flush=True)
    whole, begun = encoded(encoder, texts), encoded(encoder, meant)

    counts = piece_counts([*texts, *typed])
    table = fit(counts, np.concatenate([whole, begun]), alone(encoder))
    projection = principal_directions(whole)
    seen = np.asarray((counts > 0).sum(axis=0)).ravel() > 0
    save_table(options.to, table @ projection, projection, seen)
    print(f"{options.to}: sha256 {hashlib.sha256(options.to.read_bytes()).hexdigest()}")


# --- texts


def training_texts(content: Path, wordnet: Path, dice: random.Random) -> list[str]:
    def some(texts: Iterator[str], most: int) -> list[str]:
        distinct = sorted(set(texts))
        return dice.sample(distinct, min(most, len(distinct)))

    texts = some(sentences_in(corpora.ROOT / "content", ".md"), OWN_SENTENCES)
    for folder, ending, most in SOURCES:
        texts += some(sentences_in(content / folder, ending), most)
    texts += some(glosses(wordnet), GLOSSES)
    return texts + some(requests(wordnet, dice), REQUESTS)


def sentences_in(folder: Path, ending: str) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name.removesuffix(".gz").endswith(ending):
            content = path.read_bytes()
            text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode(
                "utf-8", "ignore"
            )
            yield from sentences(text, ending)


def sentences(text: str, ending: str) -> Iterator[str]:
    if ending == ".xml":  # of Stack Exchange: titles are sentences of their own
        rows = re.findall(r' (?:Title|Body)="([^"]*)"', text)
        text = "\n".join(html.unescape(row) for row in rows)
    if ending == ".md":
        text = _MARKDOWN.sub(" ", text)
    else:
        text = _BLOCK_END.sub("\n", _INVISIBLE.sub(" ", text))
        text = html.unescape(re.sub(r"<[^>]+>", " ", text))

    for line in text.split("\n"):
        for sentence in _SENTENCE_END.split(" ".join(line.split())):
            bare = sentence.strip(" #*->|")
            letters = sum(sign.isalpha() or sign == " " for sign in bare)
            if 8 <= len(bare) <= 300 and letters > 0.75 * len(bare):
                yield bare


def glosses(wordnet: Path) -> Iterator[str]:
    """The synonyms, the definition and the examples of each meaning."""
    for part in ("noun", "verb", "adj", "adv"):
        for line in (wordnet / f"data.{part}").read_text("ascii").splitlines():
            if line.startswith(" "):
                continue  # the licence
            entry, gloss = line.split("|", 1)
            fields = entry.split()
            names = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            yield ", ".join(re.sub(r"\(.*\)", "", name).replace("_", " ") for name in names)
            yield re.sub(r';?\s*"[^"]*"', "", gloss).strip(" ;")
            yield from re.findall(r'"([^"]+)"', gloss)


def requests(wordnet: Path, dice: random.Random) -> Iterator[str]:
    """Short requests of frequent verbs and nouns."""
    frequencies: dict[str, dict[str, int]] = {"1": {}, "2": {}}
    for line in (wordnet / "cntlist.rev").read_text("ascii").splitlines():
        sense, _, count = line.split()
        word, part = sense.split("%")
        counts = frequencies.get(part[0])
        if counts is not None and word.isalpha():
            counts[word] = counts.get(word, 0) + int(count)

    nouns, verbs = (
        sorted(counts, key=lambda word: (-counts[word], word))[:most]
        for counts, most in ((frequencies["1"], 2_500), (frequencies["2"], 900))
    )
    for _ in range(REQUESTS):
        form = dice.choice(REQUEST_FORMS)
        yield form.format(
            verb=dice.choice(verbs), noun=dice.choice(nouns), other=dice.choice(nouns)
        )


def beginnings(texts: list[str], dice: random.Random) -> tuple[list[str], list[str]]:
    """What was typed of some texts, and the same to the end of its last word."""
    typed, meant = [], []
    for text in dice.sample([text for text in texts if len(text) >= 10], BEGINNINGS):
        length = dice.randint(6, min(len(text) - 1, 60))
        rest = re.match(r"\S*", text[length:])
        end = length + (rest.end() if rest and not text[length - 1].isspace() else 0)
        typed.append(text[:length].rstrip())
        meant.append(text[:end].rstrip())
    return typed, meant


# --- fitting


def piece_counts(texts: list[str]) -> Any:
    """How often each text has each piece: a scipy sparse table, which has no types."""
    numbers = [word_pieces(text)[:MOST_PIECES] for text in texts]
    ends = np.cumsum([0, *map(len, numbers)])
    flat = np.concatenate([np.array(some, dtype=np.int64) for some in numbers])
    ones = np.ones(flat.size, dtype=np.float32)
    table = sparse.csr_matrix((ones, flat, ends), shape=(len(texts), len(vocabulary())))
    table.sum_duplicates()
    return table


def encoded(encoder: MiniLm, texts: list[str]) -> Directions:
    return encoded_pieces(encoder, [word_pieces(text)[:MOST_PIECES] for text in texts])


def encoded_pieces(encoder: MiniLm, texts: list[list[int]]) -> Directions:
    directions = np.empty((len(texts), ENCODER_DIMENSIONS), dtype=np.float32)
    by_length = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    for low in range(0, len(texts), AT_ONCE):
        batch = by_length[low : low + AT_ONCE]
        directions[batch] = encoder.encode_pieces([texts[number] for number in batch])
    return directions


def alone(encoder: MiniLm) -> Directions:
    """What the encoder says of each piece by itself; zeros for marks such as [CLS]."""
    directions = encoded_pieces(encoder, [[number] for number in vocabulary().values()])
    marks = [bool(re.fullmatch(r"\[\w+\]", piece)) for piece in vocabulary()]
    directions[marks] = 0
    return directions


def fit(counts: Any, targets: Directions, pieces: Directions) -> Matrix:
    """The direction of each piece, so that the sums point where the ``targets`` do.

    Least squares by conjugate gradients, with each text scaled by the length of its last sum, so
    that lengths do not matter in the end; held by a ridge to ``pieces``, less their middle, of
    which frequent ones have less to say.
    """
    holders = np.asarray((counts > 0).sum(axis=0)).ravel()
    rarity = np.log((counts.shape[0] + 1) / (holders + 1))
    prior = (pieces - pieces.mean(axis=0)) * (rarity / rarity.max())[:, None]
    prior = prior.astype(np.float32)

    table: Matrix = prior
    lengths = 0.5 * np.sqrt(np.asarray(counts.sum(axis=1)).ravel() + 1)
    for _ in range(ROUNDS):
        scaled = (sparse.diags((1 / np.maximum(lengths, 0.2)).astype(np.float32)) @ counts).tocsr()
        table = _conjugate_gradients(scaled, scaled.T @ targets + RIDGE * prior, table)
        sums = counts @ table
        lengths = np.linalg.norm(sums, axis=1)
        cosines = np.asarray(sums * targets).sum(axis=1) / np.maximum(lengths, 1e-9)
        print(f"mean cosine with the encoder {cosines.mean():.4f}", flush=True)
    return table


def _conjugate_gradients(scaled: Any, wanted: Matrix, table: Matrix) -> Matrix:
    transposed = scaled.T.tocsr()

    def product(rows: Matrix) -> Matrix:
        return np.asarray(transposed @ (scaled @ rows) + RIDGE * rows, dtype=np.float32)

    residual = wanted - product(table)
    direction, error = residual, (residual**2).sum(axis=0)
    for _ in range(STEPS):
        step = product(direction)
        share = error / np.maximum((direction * step).sum(axis=0), 1e-12)
        table = table + share * direction
        residual = residual - share * step
        last, error = error, (residual**2).sum(axis=0)
        direction = residual + direction * (error / np.maximum(last, 1e-12))
    return np.asarray(table, dtype=np.float32)


def principal_directions(directions: Directions) -> Matrix:
    """The axes of most of what directions differ in."""
    _, axes = np.linalg.eigh((directions.T @ directions).astype(np.float64))
    return np.asarray(axes[:, ::-1][:, :MEANING_DIMENSIONS], dtype=np.float32)


def save_table(path: Path, table: Matrix, projection: Matrix, seen: NDArray[np.bool_]) -> None:
    """The pieces of plain words that were seen, in eight bits each."""
    plain = [bool(_PLAIN_PIECE.fullmatch(piece)) for piece in vocabulary()]
    inside = [piece.startswith("##") for piece in vocabulary()]
    kept = np.flatnonzero(np.array(plain) & (seen | np.array(inside)))
    scales = np.maximum(np.abs(table[kept]).max(axis=1), 1e-9) / 127
    row_of = np.full(len(vocabulary()), -1, dtype=np.int16)
    row_of[kept] = np.arange(kept.size)
    save_arrays(
        path,
        {
            "pieces": np.rint(table[kept] / scales[:, None]).astype(np.int8),
            "scales": scales.astype(np.float32),
            "row_of": row_of,
            "projection": projection.astype(np.float16),
        },
    )


if __name__ == "__main__":
    main()
