"""Meaning run: the sentence encoder reads what a published generation has drafts of.

Takes its time beside everything else: a build waits for it no longer than the new files take to be
written. The result is a generation of its own that differs from the one that it refines in nothing
but directions; all else is linked. Build time only.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kb.disk import link_file, sync
from kb.search.build.passage_meanings import (
    MEANINGS_FILE,
    PassageMeanings,
    first_of_each_audience,
    passage_text,
    read_drafts,
)
from kb.search.generations.checksums import ChecksumWriter
from kb.search.generations.generation import (
    Generation,
    Generations,
    write_errors_as_unavailable,
)
from kb.search.index.array_file import Arrays, load_arrays, save_arrays
from kb.search.index.document_store import DocumentStore, Segment, segment_file
from kb.search.index.edits import edits_file, load_edits, rows_with_edits
from kb.search.kernels.ranges import positions_of
from kb.search.meaning.embeddings import pack_embeddings
from kb.search.meaning.query_table import installed_table
from kb.search.meaning.sentence_encoder import installed_encoder

LOG = logging.getLogger(__name__)
#: A run publishes after so many passages of an audience, or after an eighth of them.
AT_LEAST = 512

Progress = Callable[[int, int], None]


def read_meanings(generations: Generations, *, progress: Progress) -> int:
    """Let the encoder read some drafts of the published generation, and publish the result.

    Returns how many passages are still drafts; 0 too where nothing can be read. Raises Conflict
    while a build runs, and Unavailable when the result could not be written.
    """
    table, encoder = installed_table(), installed_encoder()
    generation = generations.current(trusted=True)
    if table is None or encoder is None or generation is None:
        return 0
    with contextlib.closing(generation.store) as store:
        parts = [PassageMeanings.read(generation.path, segment) for segment in store.segments]
        if any(part is None for part in parts):
            return 0  # the next build drafts them
        meanings = PassageMeanings.joined([part for part in parts if part is not None])
        firsts = store.passage_firsts()
        owners = np.repeat(np.arange(firsts.size - 1), np.diff(firsts))
        audience_of = [audience for _, (_, audience) in sorted(store.audiences().items())]
        audiences = [audience_of[row] for row in owners.tolist()]
        most = max(AT_LEAST, int(meanings.drafts.sum()) // 8)
        numbers = first_of_each_audience(np.flatnonzero(meanings.drafts), audiences, most)

        def texts_of(some: Sequence[int]) -> list[str]:
            titles = (title for _, _, title, _ in store.shown(owners[list(some)].tolist()))
            return list(map(passage_text, titles, store.passages(some)))

        read_drafts(meanings, numbers, texts_of, table, encoder, progress)

        if numbers:
            with write_errors_as_unavailable(), generations.lock():
                if generations.published_name() == generation.name:
                    _publish(generations, generation, store, meanings, set(numbers))
    return int(meanings.drafts.sum())


def _publish(
    generations: Generations,
    generation: Generation,
    store: DocumentStore,
    meanings: PassageMeanings,
    read: set[int],
) -> None:
    """Publish the ``meanings`` of all passages, of which those of ``read`` are new."""
    manifest = generation.manifest
    partitions = [Path(name) for name in sorted(set(manifest.partitions.values()))]
    changed = {str(file) for part in partitions for file in (part, edits_file(part))}
    refined_parts = dict(_refined_segments(store, meanings, read))
    folder = Path(tempfile.mkdtemp(prefix="building-", dir=generations.folder))
    with contextlib.ExitStack() as aside:
        aside.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in manifest.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if name not in changed and name not in refined_parts:
                link_file(generation.path / name, folder / name)

        for name, (segment, part_meanings) in refined_parts.items():
            part_meanings.save(folder / name, segment)
        firsts = store.passage_firsts()
        for part in partitions:
            _refine(generation.path / part, folder / part, firsts, meanings)

        before = (generation.path, manifest.files)
        with ChecksumWriter(folder, before) as checksums:
            files = checksums.checksums()
        origin = generations.origin(manifest.name)
        refined = replace(
            manifest,
            name=generations.next_name(),
            created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            settings=manifest.settings | {"drafts": int(meanings.drafts.sum()), "refines": origin},
            files=files,
        )
        refined.write(folder)
        for inner in [*(path for path in folder.rglob("*") if path.is_dir()), folder]:
            sync(inner)
        warning = generations.adopt(folder, refined, checksums.identities)
        if warning:
            LOG.warning(warning)

    # Whoever still answers from the generation before keeps it; those before it are left by now.
    for name in generations.names():
        if origin == generations.origin(name) and name < manifest.name and name != origin:
            shutil.rmtree(generations.path(name), ignore_errors=True)


def _refined_segments(
    store: DocumentStore, meanings: PassageMeanings, read: set[int]
) -> Iterator[tuple[str, tuple[Segment, PassageMeanings]]]:
    """The files beside the segments with passages that were ``read``, and the meanings in them."""
    for segment in store.segments:
        here = range(segment.first_passage, segment.first_passage + segment.part.passages)
        if not read.isdisjoint(here):
            numbers = np.array(here, dtype=np.int64)
            yield segment_file(segment.name, MEANINGS_FILE), (segment, meanings.take(numbers))


def _refine(
    source: Path, target: Path, firsts: NDArray[np.int64], meanings: PassageMeanings
) -> None:
    """Write a partition with these directions; its large file only if any of its own differ.

    ``firsts`` are the first passages of the documents by their rows in the store, and of all.
    """
    arrays, edits = load_arrays(source), load_edits(source)
    rows = rows_with_edits(arrays, edits).astype(np.int64)
    edited = edits.get("edited", np.zeros(0, dtype=np.int32))

    same = np.setdiff1d(np.flatnonzero(rows >= 0), edited)
    doc_passages = arrays["doc_passages"]
    here = positions_of(doc_passages[same], doc_passages[same + 1])
    refined = dict(arrays)
    for name, values in _packed(meanings, firsts, rows[same]).items():
        before = arrays.get(name)
        if before is None or len(before) == len(values):
            refined[name] = values
        else:
            # What the large file says of edited documents counts no more.
            refined[name] = before.copy()
            refined[name][here] = values
    if all(np.array_equal(arrays.get(name, ()), array) for name, array in refined.items()):
        link_file(source, target)
    else:
        save_arrays(target, refined)

    if edited.size:
        taken = rows[edited] >= 0  # removed documents have no passages
        of_edited = _packed(meanings, firsts, rows[edited][taken])
        del of_edited["meaning_model"]  # that of the large file
        edits |= {f"edited_{name}": values for name, values in of_edited.items()}
    if edits:
        save_arrays(edits_file(target), edits)


def _packed(
    meanings: PassageMeanings, firsts: NDArray[np.int64], rows: NDArray[np.int64]
) -> Arrays:
    """The directions of all passages of the documents at ``rows``."""
    numbers = positions_of(firsts[rows], firsts[rows + 1])
    return pack_embeddings(meanings.rows[numbers], meanings.drafts[numbers])
