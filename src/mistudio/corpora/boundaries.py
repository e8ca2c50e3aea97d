"""Which ids of a tokenizer stand at the start of contexts and at the end of documents, and which are no text."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from mistudio.corpora.config import TokenizeConfig
from mistudio.errors import BadInput


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The ids that the packer places."""

    bos_id: int | None
    separator_id: int | None
    note: str | None
    """What was done otherwise than asked, and why."""


def boundaries(tokenizer: PreTrainedTokenizerBase, config: TokenizeConfig) -> Boundaries:
    """Choose the ids. A GPT-2-like tokenizer, whose BOS is its EOS, gives that one id for both.

    Raises:
        BadInput: the separator asked for does not exist; without one, documents would run into one another.
    """
    bos, eos = _single(tokenizer.bos_token_id), _single(tokenizer.eos_token_id)
    note = None
    if config.prepend_bos and bos is None:
        note = "The tokenizer has no BOS token, so contexts begin with text."
    separator = {"eos": eos, "bos": bos, "none": None}[config.separator]
    if config.separator != "none" and separator is None:
        raise BadInput(
            f"The tokenizer has no {config.separator.upper()} token to separate documents with.",
            remedy=f"Choose --separator {'bos' if config.separator == 'eos' and bos is not None else 'none'}.",
        )
    return Boundaries(bos_id=bos if config.prepend_bos else None, separator_id=separator, note=note)


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Every id that is no text: BOS, EOS, padding and what else the tokenizer marks as special."""
    marked = {token_id for token_id, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset({*tokenizer.all_special_ids, *marked})


def vocabulary(tokenizer: PreTrainedTokenizerBase) -> list[tuple[int, str]]:
    """Every id and its piece, by id; ids may have gaps."""
    return sorted((token_id, piece) for piece, token_id in tokenizer.get_vocab().items())


def vocabulary_sha256(pieces: list[tuple[int, str]]) -> str:
    """Identity of a vocabulary."""
    return hashlib.sha256(json.dumps(pieces).encode("ascii")).hexdigest()


def _single(token_id: int | list[int] | None) -> int | None:
    return token_id[0] if isinstance(token_id, list) else token_id
