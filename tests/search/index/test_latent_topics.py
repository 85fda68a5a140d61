"""Topics bring together what says the same in other words, and only in an index that is large
enough.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from kb.search.analysis.passages import split_passages
from kb.search.build import partition_writer as postings
from kb.search.build.forward_index import ForwardIndex
from kb.search.documents import Document
from kb.search.index import latent_topics as topics
from kb.search.partition import Partition
from tests.search.library import document, partition_of

THEMES = {
    "money": ["invoice", "payment", "bill", "refund", "charge", "card", "receipt", "amount"],
    "access": ["password", "sign", "account", "login", "locked", "reset", "address", "link"],
    "speed": ["slow", "latency", "wait", "timeout", "seconds", "hang", "delay", "quick"],
}
FILLER = [f"filler{i}" for i in range(400)]


def corpus(count: int, *, audience: str = "public", seed: int = 1) -> list[Document]:
    """Texts of six words of one theme and some that mean nothing."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        theme = sorted(THEMES)[number % 3]
        said = [*dice.sample(THEMES[theme], 6), *dice.choices(FILLER, k=6)]
        made.append(
            document(
                f"doc/{audience}-{theme}-{number:04}", theme, " ".join(said), audience=audience
            )
        )
    return made


def arrays(documents: list[Document]) -> dict[str, np.ndarray]:
    gathered = ForwardIndex()
    for row, one in enumerate(documents):
        gathered.add(one, row, split_passages(one))
    return postings.partition_arrays(gathered, frozenset({"public"}))


def test_a_small_help_centre_has_none_and_is_answered_without() -> None:
    assert "topic_words" not in arrays(corpus(30))
    assert partition_of(corpus(30)).topics is None


def of_topics(partition: Partition, text: str, count: int) -> Any:
    """What topics say of the first documents."""
    question = partition.rescorer.question(partition.expand(text, prefix=False))
    return partition.rescorer.look(question, np.arange(count)).raw["topics"]


def test_a_word_lies_near_texts_of_its_theme_that_do_not_hold_it() -> None:
    documents = corpus(topics.SMALLEST + 200)
    partition = partition_of(documents)
    cosines = of_topics(partition, "refund", partition.size)
    places = {one.id: number for number, one in enumerate(sorted(documents, key=lambda d: d.id))}
    silent = [one for one in documents if "refund" not in one.text()]
    of_theme = np.mean([cosines[places[one.id]] for one in silent if "money" in one.id])
    of_others = np.mean([cosines[places[one.id]] for one in silent if "money" not in one.id])
    assert of_theme > 3 * abs(of_others)


def test_the_same_documents_give_the_same_bytes_whatever_is_hidden_beside_them() -> None:
    seen = corpus(topics.SMALLEST + 200)
    alone, beside = arrays(seen), arrays([*seen, *corpus(40, audience="staff", seed=9)])
    for name in ("topic_words", "topic_passages", "topic_place"):
        assert alone[name].tobytes() == beside[name].tobytes()


def test_a_query_without_known_words_has_no_direction() -> None:
    partition = partition_of(corpus(topics.SMALLEST + 200))
    assert of_topics(partition, "zzzzzz", 5).tolist() == [0.0] * 5


def test_what_is_about_the_same_as_the_best_is_kindred_to_it() -> None:
    documents = corpus(topics.SMALLEST + 200)
    partition = partition_of(documents)
    everything, best = np.arange(partition.size), np.array([0, 1])  # sorted by id: of access
    near = partition.rescorer.feedback(
        everything, np.zeros_like(everything), best, np.ones(2, dtype=np.float32)
    )
    ids = sorted(one.id for one in documents)
    of = {
        theme: np.mean([near[i] for i, id_ in enumerate(ids) if theme in id_]) for theme in THEMES
    }
    assert of["access"] > 2 * max(of["money"], of["speed"])
    assert near.min() >= 0


def test_nothing_is_kindred_in_an_index_without_topics() -> None:
    partition = partition_of(corpus(30))
    assert not partition.rescorer.feedback(
        np.arange(3), np.zeros(3, dtype=np.int64), np.array([0]), np.ones(1, dtype=np.float32)
    ).any()
