"""Which documents are set aside.

1. Each document has a fingerprint: a 64-bit hash of its text. Its name does not count, so that the same text under two
   names is never on both sides.
2. The documents with the smallest fingerprints are held out, as many as the share asks for.

The choice depends on the documents alone, not on their order, and adding documents changes it little.
"""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Bool, UInt64


def fingerprint(text: str) -> int:
    """64-bit hash of a document's text."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "big")


def held_out(fingerprints: UInt64[np.ndarray, " documents"], share: float) -> Bool[np.ndarray, " documents"]:
    """Mark the documents that are set aside.

    Args:
        share: of the documents, from 0 to below 1; above 0 at least one of two different documents lands on either
            side, and repetitions of a document follow it.
    """
    documents = len(fingerprints)
    marked = np.zeros(documents, dtype=bool)
    if share > 0 and documents > 1:
        count = min(max(round(documents * share), 1), documents - 1)
        distinct = np.unique(fingerprints)
        last = np.partition(fingerprints, count - 1)[count - 1]
        marked = fingerprints <= (last if last < distinct[-1] else distinct[-2:][0])
        if marked.all():  # One text throughout: there is nothing to set aside.
            marked[:] = False
    return marked
