"""What can be chosen when text is brought in and when it is tokenized. Importable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mistudio.config import Config

FILE_KINDS = (".txt", ".md", ".json", ".jsonl", ".csv", ".parquet")
"""Endings of the files that hold text."""


class CorpusConfig(Config):
    """Which texts make up a corpus, and which of them are set aside."""

    sources: tuple[str, ...] = Field(min_length=1)
    """Files (.txt .md .json .jsonl .csv .parquet), folders of such files, or ids of Hugging Face data sets."""
    split: str = "train"
    """Split of a Hugging Face data set; files have none."""
    config_name: str | None = None
    """Configuration (subset) of a Hugging Face data set."""
    revision: str | None = None
    """Branch, tag or commit of a Hugging Face data set; its main branch where not given."""
    column: str = Field(default="text", min_length=1)
    """Column or key that holds the text of a row; the other scalar columns become metadata."""
    streaming: bool = True
    """Read a Hugging Face data set as it arrives, without storing it first."""
    limit: int | None = Field(default=None, ge=1)
    """Take at most this many documents."""
    held_out: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the documents that is set aside for evaluation, chosen by a hash of name and text."""


class TokenizeConfig(Config):
    """How documents become contexts of equal length."""

    context_length: int = Field(default=256, ge=2)
    """Tokens in a context, a BOS token at its start included."""
    separator: Literal["eos", "bos", "none"] = "eos"
    """Token that ends each document; `none` glues documents together."""
    prepend_bos: bool = True
    """Begin every context with the BOS token, if the tokenizer has one (id 0 is an id like any other)."""
    truncate: int | None = Field(default=None, ge=1)
    """Longest piece of a document, in tokens; whole documents where not given."""
    stride: int | None = Field(default=None, ge=1)
    """With `truncate`: tokens from the start of one piece to the start of the next. Less than `truncate` makes pieces
    overlap, equal covers the document once, more leaves gaps; where not given only the first piece is kept."""
    min_length: int = Field(default=1, ge=1)
    """Documents of fewer tokens are left out."""
    special_in_text: Literal["text", "special", "drop"] = "text"
    """What a special token spelled out in a document (such as `<|endoftext|>`) becomes: ordinary text, the special
    token, or nothing."""
    processes: int = Field(default=1, ge=1)
    """Processes that tokenize; 1 uses this one and the tokenizer's own threads, which is best for fast tokenizers on
    machines of few cores."""

    @model_validator(mode="after")
    def _stride_needs_truncate(self) -> TokenizeConfig:
        if self.stride is not None and self.truncate is None:
            raise ValueError("stride needs truncate: it is the distance between pieces of that length")
        return self
