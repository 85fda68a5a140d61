"""Latent topics bring together texts that say the same in other words, in an index that is large
enough.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

from kb.search.analysis.passages import split_passages
from kb.search.build.forward_index import ForwardIndex
from kb.search.build.partition_writer import partition_arrays
from kb.search.documents import Document
from kb.search.index import latent_topics as topics
from kb.search.partition import Partition
from kb.search.standpoint import ANYWHERE
from tests.search.library import document, partition_of

THEMES = {
    "money": ["invoice", "payment", "bill", "refund", "charge", "card", "receipt", "amount"],
    "access": ["password", "sign", "account", "login", "locked", "reset", "address", "link"],
    "speed": ["slow", "latency", "wait", "timeout", "seconds", "hang", "delay", "quick"],
}
FILLER = [f"filler{i}" for i in range(400)]


def corpus(count: int, *, audience: str = "public", seed: int = 1) -> list[Document]:
    """Documents of six words of one theme, and some words that mean nothing."""
    dice = random.Random(seed)
    documents = []
    for number in range(count):
        theme = sorted(THEMES)[number % 3]
        words = [*dice.sample(THEMES[theme], 6), *dice.choices(FILLER, k=6)]
        document_id = f"doc/{audience}-{theme}-{number:04}"
        documents.append(document(document_id, theme, " ".join(words), audience=audience))
    return documents


def arrays(documents: list[Document]) -> dict[str, np.ndarray]:
    forward_index = ForwardIndex()
    for row, page in enumerate(documents):
        forward_index.add(page, row, split_passages(page))
    return partition_arrays(forward_index, frozenset({"public"}))


def test_a_small_help_centre_has_no_topics_and_is_answered_without() -> None:
    assert "topic_words" not in arrays(corpus(30))
    assert partition_of(corpus(30)).topics is None


def topic_scores(partition: Partition, text: str, count: int) -> Any:
    """What topics add to the score of each of the first documents."""
    question = partition.question(partition.expand(text, prefix=False))
    return partition.rescorer.rescore(question, np.arange(count)).raw["topics"]


def test_a_word_lies_near_texts_of_its_theme_that_do_not_hold_it() -> None:
    documents = corpus(topics.SMALLEST + 200)
    partition = partition_of(documents)
    cosines = topic_scores(partition, "refund", partition.size)
    number_of = {id_: number for number, id_ in enumerate(sorted(page.id for page in documents))}
    without_word = [page.id for page in documents if "refund" not in page.text()]
    of_theme = np.mean([cosines[number_of[id_]] for id_ in without_word if "money" in id_])
    of_others = np.mean([cosines[number_of[id_]] for id_ in without_word if "money" not in id_])
    assert of_theme > 3 * abs(of_others)


def test_hidden_documents_change_no_byte_of_the_topics() -> None:
    visible = corpus(topics.SMALLEST + 200)
    alone, beside = arrays(visible), arrays([*visible, *corpus(40, audience="staff", seed=9)])
    for name in ("topic_words", "topic_passages", "topic_place"):
        assert alone[name].tobytes() == beside[name].tobytes()


def test_a_query_without_known_words_has_no_topics() -> None:
    partition = partition_of(corpus(topics.SMALLEST + 200))
    assert topic_scores(partition, "zzzzzz", 5).tolist() == [0.0] * 5


def kindred_gains(partition: Partition, text: str) -> dict[int, float]:
    """What each candidate gains from being about the same as the best."""
    query = partition.expand(text, prefix=False)
    candidates = partition.candidates(query, None, deadline=math.inf)
    fused = partition.rank(query, candidates, ANYWHERE)
    gains = fused.gains[fused.names.index("kindred")].tolist()
    return dict(zip(candidates.documents.tolist(), gains, strict=True))


def test_relevance_feedback_raises_what_is_about_the_same_as_the_best() -> None:
    documents = corpus(topics.SMALLEST + 200)
    ids = sorted(page.id for page in documents)
    gains = kindred_gains(partition_of(documents), "password locked filler1 filler2 filler3")
    mean = {
        theme: np.mean([gain for number, gain in gains.items() if theme in ids[number]])
        for theme in THEMES
    }
    assert mean["access"] > 1.5 * max(mean["money"], mean["speed"])
    assert min(gains.values()) >= 0


def test_there_is_no_relevance_feedback_in_an_index_without_topics() -> None:
    assert not any(kindred_gains(partition_of(corpus(30)), "password").values())
