"""Which documents are set aside.

1. Each document has a fingerprint: a 64-bit hash of its name and text.
2. The documents with the smallest fingerprints are held out, as many as the share asks for.

The choice depends on the documents alone, not on their order, and adding documents changes it little.
"""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Bool, UInt64


def fingerprint(name: str, text: str) -> int:
    """64-bit hash of a document."""
    content = name.encode("utf-8") + b"\0" + text.encode("utf-8")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")


def held_out(fingerprints: UInt64[np.ndarray, " documents"], share: float) -> Bool[np.ndarray, " documents"]:
    """Mark the documents that are set aside.

    Args:
        share: of the documents, from 0 to below 1; above 0 at least one of two documents lands on either side.
    """
    documents = len(fingerprints)
    marked = np.zeros(documents, dtype=bool)
    if share > 0 and documents > 1:
        count = min(max(round(documents * share), 1), documents - 1)
        marked[np.argsort(fingerprints, kind="stable")[:count]] = True
    return marked
