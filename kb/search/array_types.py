"""Array types: what the arrays of a search index hold, with dtype and shape.

Aliases only. The shape is given in the comment, because numpy's types cannot express it. An array
that only one module knows has its alias there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A document is known by its position among all that one audience may see, sorted by kind and id.
# Who breaks ties by the smaller number therefore breaks them by kind and id.
Documents = NDArray[np.int64]  # [candidates], ascending unless a docstring says otherwise
DocumentMask = NDArray[np.bool_]  # [documents of the partition]

# Postings: of each term the documents that hold it.
PostingDocs = NDArray[np.int32]  # [postings], ascending within a term
PostingCodes = NDArray[np.uint8]  # [postings], the saturated frequency (see weights.code)
DenseRows = NDArray[np.uint8]  # [terms in many documents, documents], the same code; 0: not held
Pointers = NDArray[np.int64]  # [rows + 1], where each row begins in a list; the last ends it

# Terms.
TermNumbers = NDArray[np.int64]  # [terms], positions in a term dictionary
Frequencies = NDArray[np.int32]  # [terms], documents that hold each

# Scores. Sums are whole numbers, so that they are the same in whatever order they are added.
Sums = NDArray[np.int32]  # [documents of the partition], fixed point (see bm25.POINT)
Scores = NDArray[np.float32]  # [candidates]
Totals = NDArray[np.float64]  # [candidates]
Contributions = NDArray[np.float64]  # [parts of a score, candidates]

# Directions: texts as points, of which only the angle counts.
Vector8 = NDArray[np.int8]  # [dimensions]
Vectors8 = NDArray[np.int8]  # [passages, dimensions]
Directions = NDArray[np.float32]  # [texts, dimensions], each row of length 1
