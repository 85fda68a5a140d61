"""Weights: the numbers and formulas that ranking is made of, each with its source.

Tuned on the development halves of judged sets and reported on others (see bench/). Shared by the
code that builds an index and the code that searches it. Pure.

BM25F: Robertson, Zaragoza, Taylor, "Simple BM25 extension to multiple weighted fields", CIKM 2004.
The weighted, length-normalised term frequency of all fields is saturated once: ``idf * (k1 + 1) *
tf / (k1 + tf)``.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

K1 = 2.0
B = 0.75
BODY_B = 0.5  # long pages answer many questions: they lose less than long titles
TITLE = 3.0  # a title word counts as three words of the body
#: A word of a code sample counts as this much of one of the text, in a page and in a passage. With
#: .3 to .5, manuals and error messages gain or stay.
CODE = 0.4
PASSAGE_TITLE = 2  # the title stands in front of each passage, twice
PASSAGE_K1 = 0.3  # in a passage it counts which words are there, hardly how often

#: The convex sum over scores that were each divided by their best candidate. The optimum is flat.
MIX = MappingProxyType(
    {"words": 0.40, "passage": 0.25, "letters": 0.22, "topics": 0.13, "meaning": 0.60}
)
#: The same for threads, in a partition with more threads than articles: words count most. Threads
#: are long and change their subject, so nearly every thread has a passage that is close in meaning,
#: and the titles of threads are questions that begin alike.
THREAD_MIX = MappingProxyType(
    {"words": 0.40, "passage": 0.25, "letters": 0.10, "topics": 0.07, "meaning": 0.10}
)
#: The weight of meaning in ``MIX`` where the sentence encoder has read the query and most passages.
MEANING_READ = 0.75
#: A part whose best candidate scores less is divided by this: where no title resembles the query,
#: the best of them is not a match. Only for parts that are cosines; sums of idfs have no scale of
#: their own.
MIN_SCALES = MappingProxyType({"letters": 0.3})
#: Added for documents that the answers to tickets like this one linked; in full for most votes.
VOTES = 0.8
#: A ticket that shares one word of many is no precedent: votes count in full where the nearest
#: title has this share of the query's weight, and less where it has less, by this power. Where
#: threads prevail (second), pages are rarely found by their own words; elsewhere they mostly are,
#: and tickets that are merely alike do harm.
VOTING_SHARE = (1.0, 0.25)
VOTING_POWER = (2, 1)
#: How much better candidates may be that a page passes by the words of customers.
TRANSLATED = 0.4
NEAREST = 20  # resolved tickets that vote
#: Added to articles and FAQ entries beside few threads, which they are compared with; from one
#: thread to as many threads as articles.
FEW_THREADS_BONUS, MANY_THREADS_BONUS = 0.1, 0.2
#: Where threads are the majority, the odds that an article answers: e to the power of this, and of
#: the weighted logarithms of how much better the best article is than the third thread, in shares
#: of what is given here. The weights are alike, not fitted: fitted on one site, they do worse on
#: another.
ARTICLE_LOG_ODDS = 1.25
KIND_PARTS = MappingProxyType(
    {"words": (0.8, 3.0), "letters": (0.8, 1.0), "passage": (0.8, 1.3), "topics": (0.8, 1.0)}
)
KIND_IN_WORDS = frozenset({"words", "passage"})  # times what all words of the query are worth
KIND_VOTES = 0.5  # the same for votes of resolved tickets, articles' against threads'
THREAD_VOTES = 0.5  # added to the article that the best threads are most about
VOTING_THREADS = 30
FEEDBACK_WEIGHT = 0.2  # added by relevance feedback, to the candidate nearest to the leaders
LEADERS = 3  # candidates that the others are compared with
#: Added in full where a document has what the name says; a name that no document has data for
#: changes nothing.
SIGNAL_WEIGHTS = MappingProxyType(
    {
        # the share of the query's identifiers, error codes, paths and versions that it holds
        "exact": 0.35,
        # the share of what was typed, up to its end, that its title holds in one piece
        "phrase": 0.12,
        "heading": 0.8,  # the whole query is one of its headings
        "version": 0.15,  # it is about the version that the query names
        "language": -0.15,  # it is written in another language than the reader's
        "otherversion": -0.15,  # it is about other versions than the reader's only
        "otherproduct": -0.15,  # it is about another product; suggestions leave it out
        # it lists what changed, release by release, and nobody asked for a version or what is new
        "changelog": -0.2,
        # recently updated: hardly more than a tie-break, as old pages are not wrong pages
        "fresh": 0.02,
    }
)
FRESH_DAYS = 730  # after so many days a document is half as fresh
UNSOLVED = 0.85  # an unsolved thread keeps this share of its score

CONSIDERED = 5  # the best, which decide whether any is worth showing
#: Log-odds of "this candidate answers" against "none does", for each kind of evidence (see
#: ``scoring.evidence``). Fitted by bench/confidence.py on development queries and queries without
#: an answer of unlike sites, whole and half-typed (25 characters), and on invented help centres. A
#: weight has the sign that its name promises.
CONFIDENCE = MappingProxyType(
    {
        "letters": 1.35,
        "weight": 0.47,
        "title": 1.69,
        "topics": 1.51,
        "meaning": 6.99,
        "phrase": 1.69,
        "exact": 0.65,
        "quoted": 8.0,  # by hand: too few of the queries that it was fitted on are whole headings
        "in_title": 1.44,
        "complete": 0.31,
        "missing": -1.73,
        "corrected": -0.18,
        "common": -5.0,  # by hand: nobody types only "how do i" and expects an answer
        "behind": -2.22,
    }
)
CONFIDENCE_BIAS = -3.62  # fitted: -3.52; lower by hand, for one threshold in both lanes
#: The same where the sentence encoder has read the query (``--settled``) and most passages: its
#: cosines say more, and the parts that stood in for them less.
CONFIDENCE_READ = MappingProxyType(
    {
        "letters": 1.01,
        "weight": 0.22,
        "words": 0.2,
        "title": 1.05,
        "topics": 1.87,
        "reading": 12.97,
        "phrase": 1.78,
        "exact": 0.78,
        "quoted": 8.0,  # by hand, as above
        "in_title": 1.83,
        "complete": 0.41,
        "missing": -1.44,
        "common": -5.0,
        "behind": -1.21,
    }
)
CONFIDENCE_READ_BIAS = -5.30  # fitted: -4.90
#: The same for an index or a query without meanings; on the same scale, so that one threshold
#: holds for all.
CONFIDENCE_BY_WORDS = MappingProxyType(
    {
        "letters": 5.5,
        "weight": 1.37,
        "words": 1.4,
        "title": 2.1,
        "heading": 0.75,
        "topics": 1.75,
        "phrase": 2.6,
        "exact": 1.4,
        "quoted": 8.0,
        "complete": 0.9,
        "missing": -1.6,
        "corrected": -1.2,
        "common": -5.0,
        "behind": -0.8,
    }
)
CONFIDENCE_BY_WORDS_BIAS = -2.18
#: Log-odds below which nothing is shown, where a site has not been calibrated.
THRESHOLD = 0.15
#: The log-odds that a tenth of a site's questions without an answer exceeds: an offset, plus
#: a slope times the natural logarithm of how many documents it has (with more, it is more likely
#: that one is close). Numbers beyond these bounds change nothing. The log-odds have a logistic
#: distribution with the scale ``OUT_OF_SCOPE_SPREAD``. Chosen on all sixteen sites of
#: bench/confidence.py, which prints the values of each; estimates from what a tenth of the bundled
#: foreign questions exceeds were further off.
OUT_OF_SCOPE_TENTH = (-3.3, 0.85)
OUT_OF_SCOPE_DOCUMENTS = (20, 100)
OUT_OF_SCOPE_SPREAD = 1.0
#: Phrases are looked for in so many of the best candidates, unless a word as rare as this share of
#: the rarest is missing there.
PHRASES = 3
PHRASE_MISSING = 0.8
#: Suggestions are ordered by the logarithm of their score, and this much of the log-odds that they
#: answer: scores say which words are found, log-odds whether that is all that was asked.
PREFERENCE = 0.3
STRONG = 0.45  # a suggestion of this confidence is shown first, others quietly below
PERHAPS = 0.05  # a suggestion of less confidence is not shown beside others, nor
BESIDE = 0.07  # one of less than this beside a strong one, except
ALONE = 1.5  # where its own log-odds are higher than these: it is only that others are better

#: Of documents that say almost the same: share of the best one's score from which a newer one is
#: shown in its place.
AS_GOOD = 0.9
SURE = 0.65  # a suggestion of this confidence is quoted above the list
#: From these confidences on, a page of one passage is quoted even if its title asks something else:
#: where it is short enough to be quoted whole, and where it is not.
LIKELY, CERTAIN = 0.75, 0.9
CLEAR = 0.6  # unless another has more than this share of its confidence: then either may answer

COMPLETIONS = 100  # most frequent words that a prefix may stand for
FIRST_LETTER = 0.3  # share of a correction that changes the first letter
CANDIDATES = 60  # by BM25; 100 change no judged set by more than .0003, 40 do
CANDIDATES_EACH = 40  # of each kind where there are several; 60 of each make no judged set better
LETTER_CANDIDATES = 40  # by n-grams of titles
MEANING_CANDIDATES = 20  # by the direction of a passage
MEANING_FOUND = 0.4  # the cosine that lets a search show a document without any of its words
#: What cosines are multiplied by, of drafts and of passages that the encoder has read, with the
#: questions that the table and that the encoder reads. The table's directions are nearer to each
#: other than to the encoder's, by about as much on all judged sets: without this, what has been
#: read is less likely to be shown than a draft of the same text.
MEANING_SCALES = MappingProxyType({"table": (1.0, 1.15), "encoder": (1.12, 1.0)})
MEANING_LEAST = 0.3  # the cosine that makes a document a candidate: others have hardly any relation
LETTER_POSTINGS = 100  # heaviest documents kept for each character n-gram; 200 change no judged set

#: One byte a posting: the saturated frequency ``tf / (k1 + tf)``, from 0 to 1, in 255 equal steps.
#: In that form a score is a sum of whole numbers, byte times weight, which a processor makes eight
#: at a time.
STEPS = 255


def threads_prevail(articles: int, documents: int) -> bool:
    """Whether threads are the majority beside some ``articles``."""
    return 0 < articles < documents - articles


def code(tf: NDArray[np.float64], k1: float = K1) -> NDArray[np.uint8]:
    """The one-byte code of each weighted term frequency: 1 at least, and 0 only for 0."""
    steps = k1 + tf
    np.divide(tf, steps, out=steps)
    steps *= STEPS
    np.rint(steps, out=steps)
    np.maximum(steps, 1, out=steps)
    steps[tf <= 0] = 0
    return steps.astype(np.uint8)


def frequency(codes: NDArray[np.uint8], k1: float = K1) -> NDArray[np.float64]:
    """The weighted term frequency that each code stands for; finite for the last code too."""
    share = np.minimum(codes, STEPS - 0.5) / STEPS
    return np.asarray(k1 * share / (1 - share))


def idf(df: npt.ArrayLike, documents: int) -> NDArray[np.float64]:
    """Lucene's BM25 idf, ``ln(1 + (N - df + 0.5) / (df + 0.5))``: never negative."""
    counts = np.asarray(df, dtype=np.float64)
    return np.asarray(np.log1p((documents - counts + 0.5) / (counts + 0.5)))


def average_length(length: NDArray[np.int64] | NDArray[np.float64]) -> float:
    return float(length.mean()) if length.size else 0.0


def shorten(
    length: NDArray[np.float64], b: float = B, average: float | None = None
) -> NDArray[np.float64]:
    """BM25's length normalisation ``1 - b + b * length / average`` for each field length."""
    if average is None:
        average = average_length(length)
    return 1 - b + b * length / average if average > 0 else np.ones_like(length)
