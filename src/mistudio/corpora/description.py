"""What is said of text: of a source before it is added, of a corpus, and of its tokens.

Imports neither numpy nor pyarrow, so that a process that only passes it on stays small.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from mistudio.config import Config

Scalar: TypeAlias = str | int | float | bool | None
ColumnType: TypeAlias = Literal["text", "number", "truth value", "date", "nested", "empty"]

# ── a source ─────────────────────────────────────────────────────────────────────────────────────


class PreviewColumn(Config):
    """A column of the source, or a key of its objects."""

    name: str
    type: ColumnType
    """What its first rows hold; `nested` columns are left out when the text is brought in."""


class CorpusPreview(Config):
    """The first rows of a source."""

    source: str
    origin: Literal["file", "folder", "saved", "hub"]
    """`saved` is a folder that the `datasets` library wrote."""
    formats: tuple[str, ...]
    """Of the files: txt, md, json, jsonl, csv, parquet; none of data sets."""
    files: int | None
    """Files of a known kind; null of data sets."""
    bytes: int | None
    """Their size, or of a data set of the Hub the size that its page states; null where nobody states it."""
    documents: int | None
    """Rows of the files or of the split; null where that takes reading all."""
    split: str | None
    """The split that was looked into; files have none."""
    splits: tuple[str, ...]
    """Splits to choose from."""
    config_name: str | None
    """The configuration that was looked into."""
    config_names: tuple[str, ...]
    """Configurations to choose from."""
    columns: tuple[PreviewColumn, ...]
    text_column: str | None
    """The column that most likely holds the text; null where no column holds any."""
    rows: tuple[dict[str, Any], ...]
    """The first rows; long texts are cut."""


# ── a corpus ─────────────────────────────────────────────────────────────────────────────────────


class DocumentSample(Config):
    """A document to look at."""

    doc: int
    """Its number in the corpus, from 0."""
    name: str
    text: str
    """A part of its text."""
    offset: int
    """Where that part begins, in characters."""
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
    """Some of its values; long ones are cut."""


class DocumentStatistics(Config):
    """What is in a corpus, before any tokenization."""

    documents: int
    documents_held_out: int
    characters: int
    utf8_bytes: int
    lengths: CharacterLengths
    metadata: tuple[MetadataField, ...]
    """Of the first 10,000 documents."""


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────


class LengthBin(Config):
    """A bar of the histogram of document lengths."""

    low: int
    """Tokens, included."""
    high: int
    """Tokens, not included."""
    documents: int


class Lengths(Config):
    """How long documents are, in tokens of text; of a document cut to pieces, each piece."""

    min: int
    median: float
    mean: float
    max: int
    histogram: tuple[LengthBin, ...]
    """Bars whose bounds are powers of two."""


class FrequentToken(Config):
    """A token that is often used."""

    id: int
    text: str
    count: int


class CorpusStatistics(Config):
    """What `stats` found."""

    documents: int
    documents_held_out: int
    contexts: int
    contexts_held_out: int
    context_length: int
    tokens: int
    """Of all contexts, BOS and separators included."""
    text_tokens: int
    """Without special tokens."""
    lengths: Lengths
    vocabulary: int
    """Ids of the tokenizer."""
    vocabulary_used: int
    """Ids other than special ones that occur."""
    vocabulary_used_share: float
    """`vocabulary_used` by the number of ids that are not special."""
    most_frequent: tuple[FrequentToken, ...]
    """Most frequent first; special tokens aside."""


class SampleContext(Config):
    """A context to look at."""

    context: int
    held_out: bool
    documents: tuple[str, ...]
    """Names of the documents in it, in order."""
    metadata: tuple[dict[str, Any], ...]
    """Of those documents."""
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    """Text of each token, as many as `ids`."""
    special: tuple[bool, ...]
    """Whether each token is no text: BOS, separator and the like."""
