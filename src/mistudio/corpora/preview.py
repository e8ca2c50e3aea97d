"""What a source of text holds, before it is brought in."""

from __future__ import annotations

from typing import Any, Literal

from mistudio.config import Config


class PreviewColumn(Config):
    """A column of the source, or a key of its objects."""

    name: str
    type: Literal["text", "number", "truth value", "date", "nested", "empty"]
    """What its first rows hold; `nested` columns are left out when the text is brought in."""


class CorpusPreview(Config):
    """The first rows of a source."""

    source: str
    origin: Literal["file", "folder", "saved", "hub"]
    """`saved` is a folder that the `datasets` library wrote."""
    format: str
    """Of the files: txt, md, json, jsonl, csv, parquet, or several joined by a comma; of the Hub, `hub`."""
    files: int | None
    """Files of a known kind; none known of the Hub."""
    bytes: int | None
    """Their size."""
    documents: int | None
    """How many there are, where that can be told without reading everything."""
    splits: tuple[str, ...]
    """Splits to choose from; none where there is no choice."""
    config_names: tuple[str, ...]
    """Configurations to choose from."""
    columns: tuple[PreviewColumn, ...]
    text_column: str | None
    """The column that most likely holds the text; none where no column holds any."""
    rows: tuple[dict[str, Any], ...]
    """The first rows; long texts are cut."""
