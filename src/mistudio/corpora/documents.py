"""Look into a corpus: a page of its documents, those in which a text occurs, and what they are like."""

from __future__ import annotations

from mistudio.config import Config
from mistudio.corpora.rows import Scalar


class DocumentSample(Config):
    """A document to look at."""

    doc: int
    """Its number in the corpus, from 0."""
    name: str
    text: str
    """The first characters."""
    characters: int
    """Of the whole text."""
    held_out: bool
    """Set aside for evaluation."""
    metadata: dict[str, Scalar]


class CharacterBin(Config):
    """A bar of the histogram of document lengths."""

    low: int
    """Characters, included."""
    high: int
    """Characters, not included."""
    documents: int


class CharacterLengths(Config):
    """How long documents are, in characters."""

    min: int
    median: float
    mean: float
    max: int
    histogram: tuple[CharacterBin, ...]
    """Bars whose bounds are powers of two."""


class MetadataField(Config):
    """A key of the documents' metadata."""

    name: str
    documents: int
    """Documents that have it."""
    examples: tuple[Scalar, ...]
    """Some of its values."""


class DocumentStatistics(Config):
    """What is in a corpus, before any tokenization."""

    documents: int
    documents_held_out: int
    characters: int
    utf8_bytes: int
    words: int
    """Runs of characters between white space."""
    lengths: CharacterLengths
    metadata: tuple[MetadataField, ...]
    """Of the first 10,000 documents."""
