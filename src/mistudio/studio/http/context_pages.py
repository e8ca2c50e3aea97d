"""Pages of a tokenization's contexts. Importing this imports pyarrow: only asking for a page does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from mistudio.corpora.description import SampleContext
from mistudio.corpora.statistics import contexts
from mistudio.corpora.tokens import Tokens
from mistudio.language_models.tokenizer_files import TokenTable
from mistudio.studio.http.dependencies import Paging
from mistudio.studio.http.schemas import Page

_PAGE_TOKENS = 65_536


def page_of(
    path: Path, text: Path, paging: Paging, split: Literal["train", "held_out", "all"], seed: int | None
) -> Page[SampleContext]:
    """Contexts with a piece of text for every token; fewer than asked for where they are long.

    Args:
        text: of every token, as `TokenTable.write` wrote it.
        seed: draws the contexts at random; in their order where None.
    """
    tokens = Tokens.open(path)
    rows = tokens.rows(split)
    order: Sequence[int] = rows if seed is None else np.random.default_rng(seed).permutation(rows).tolist()
    shorter = replace(paging, limit=max(1, min(paging.limit, _PAGE_TOKENS // tokens.context_length)))
    shown = order[shorter.offset : shorter.offset + shorter.limit]
    page = shorter.of(contexts(tokens, shown, TokenTable.open(text).pieces), len(order))
    return Page[SampleContext](data=page.data, pagination=page.pagination)
