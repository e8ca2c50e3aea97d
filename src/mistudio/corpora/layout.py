"""How tokens lie in a token artifact; stands in its manifest, so that every later step reads the same facts.

Flat position = context * context_length + position in the context. It is the only coordinate that later steps store.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mistudio.config import Config


class Layout(Config):
    """The shape and the special ids of packed tokens."""

    context_length: int = Field(ge=2)
    """Tokens in a context."""
    contexts_train: int
    """Contexts of training documents; they come first."""
    contexts_held_out: int
    """Contexts of held-out documents; no context holds tokens of both."""
    dtype: Literal["uint16", "uint32"]
    """Little-endian type of a token in `tokens.bin`."""
    vocab_size: int
    """One more than the largest id of the tokenizer."""
    bos_id: int | None
    """Id at the start of every context; None where contexts have no BOS. 0 is an id."""
    separator_id: int | None
    """Id that ends each document; None where documents are glued."""
    special_ids: tuple[int, ...]
    """Ids that are no text, in order."""
    tokenizer_source: str
    """Model whose tokenizer was used."""
    tokenizer_sha256: str
    """Of the vocabulary: each piece and its id, by id."""
    note: str | None = None
    """What was done otherwise than asked, and why."""

    @property
    def n_contexts(self) -> int:
        """Contexts of both splits."""
        return self.contexts_train + self.contexts_held_out
