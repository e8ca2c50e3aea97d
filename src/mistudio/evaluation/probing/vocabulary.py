"""Words that are one token of the model's own vocabulary, and the prompts in which they are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from mistudio.corpora.encode import encode_texts
from mistudio.errors import BadInput
from mistudio.evaluation.probing.config import SpellingConfig
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.token_text import token_bytes


@dataclass(frozen=True, slots=True)
class Word:
    """A token that is a word."""

    id: int
    text: str
    """With the space before it, if the token has one."""

    @property
    def letter(self) -> str:
        """The letter that it begins with, as a capital."""
        return self.text.lstrip(" ")[0].upper()


def words_of(lm: LanguageModel, config: SpellingConfig, *, seed: int = 0) -> list[Word]:
    """The vocabulary's words in the order of their ids; at most `config.max_words`, drawn at random.

    Raises:
        BadInput: the vocabulary holds none.
    """
    space = " " if config.words == "with_space" else " ?"
    wanted = re.compile(rf"{space}[A-Za-z]{{{config.min_letters},}}".encode())
    added = lm.special_ids | set(lm.tokenizer.added_tokens_decoder)
    words = [
        Word(index, text.decode())
        for index, text in enumerate(token_bytes(lm.tokenizer)[: lm.vocab_size])
        if index not in added and wanted.fullmatch(text)
    ]
    if not words:
        raise BadInput(
            f"No token of {lm.name} is a word of {config.min_letters} letters or more.",
            remedy="Give --words all, or a smaller --min-letters.",
        )
    drawn = np.random.default_rng(seed).permutation(len(words))[: config.max_words]
    return [words[index] for index in np.sort(drawn)]


def prompts(lm: LanguageModel, words: Sequence[Word], config: SpellingConfig, *, seed: int = 0) -> list[list[int]]:
    """The ids that the model reads for each word: BOS, other words spelled, a line each, and the word at the end.

    Raises:
        BadInput: there are not enough other words for the examples.
    """
    if len(words) <= config.examples:
        raise BadInput(
            f"{config.examples} examples are asked for, and there are {len(words)} words.",
            remedy="Give fewer --examples.",
        )
    draw = np.random.default_rng(seed)
    before = config.template.partition("{word}")[0]
    fronts = []
    for place in range(len(words)):
        others = draw.choice(len(words) - 1, config.examples, replace=False)
        shown = [words[index + (index >= place)] for index in others]
        lines = [config.template.replace("{letter}", one.letter).replace("{word}", one.text) for one in shown]
        fronts.append("\n".join([*lines, before]))
    lead = [] if lm.bos_id is None else [lm.bos_id]
    encoded = encode_texts(lm.tokenizer, fronts, False)
    return [[*lead, *map(int, ids), word.id] for ids, word in zip(encoded, words, strict=True)]


def halve_words(words: Sequence[Word], *, train_share: float, seed: int) -> Bool[np.ndarray, " words"]:
    """Mark the words that probes are fitted on: of every letter the same share, and at least one on either side."""
    train = np.zeros(len(words), dtype=bool)
    draw = np.random.default_rng(seed)
    for letter in sorted({word.letter for word in words}):
        places = draw.permutation([place for place, word in enumerate(words) if word.letter == letter])
        count = min(max(round(train_share * len(places)), 1), max(len(places) - 1, 1))
        train[places[:count]] = True
    return train
