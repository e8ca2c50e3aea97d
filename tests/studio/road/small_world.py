"""A text in which some words go together, so that a tiny model's SAE has something to find."""

from __future__ import annotations

import random
from pathlib import Path

_THEMES = {
    "war": "army battle civil soldiers field dead brave fought peace testing endure",
    "law": "liberty equal nation rights people government proposition conceived dedicated created",
    "land": "fathers continent river years field earth new great ago seven four score",
}


def save_text(directory: Path, *, documents: int = 120, words: int = 300, seed: int = 0) -> Path:
    """A folder of documents, each about one or two themes; about two tokens a word of the tiny tokenizer."""
    chance = random.Random(seed)
    directory.mkdir(parents=True)
    for number in range(documents):
        themes = chance.sample(list(_THEMES), chance.choice([1, 2]))
        choice = [word for theme in themes for word in _THEMES[theme].split()]
        sentences = [" ".join(chance.choices(choice, k=12)).capitalize() + "." for _ in range(words // 12)]
        (directory / f"{number:03}-{'-and-'.join(themes)}.txt").write_text(" ".join(sentences), encoding="utf-8")
    return directory
