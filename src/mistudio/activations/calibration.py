"""Find each hook point's median norm, from a sample of the text.

The sample is the same contexts of the split on every call, whatever shard is recorded and whatever seed shuffles, run
in batches of one size: so every shard, every resumed run and every trainer leaves out the same tokens.

C contexts, B tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from mistudio.activations.config import Split
from mistudio.activations.outliers import TokenFilter, calibrate, norms
from mistudio.corpora.tokens import Tokens
from mistudio.errors import BadInput, EmptyCorpus
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import Progress

_SAMPLE_TOKENS = 8_192
_SAMPLE_CONTEXTS_MIN = 8
_BATCH_CONTEXTS = 8
_SEED = 1729


class Calibration(NamedTuple):
    """What the sample says about one hook point."""

    filter: TokenFilter
    keep_B: Bool[Tensor, " B"]
    """Which of the sample's tokens it keeps; the sample is the same for every hook point."""

    @property
    def kept_share(self) -> float:
        """Of the sample's tokens."""
        return float(self.keep_B.float().mean())

    @property
    def sampled_tokens(self) -> int:
        """Size of the sample."""
        return len(self.keep_B)


def calibrate_points(
    lm: LanguageModel,
    tokens: Tokens,
    points: Sequence[HookPoint],
    *,
    split: Split,
    exclude_special: bool,
    multiple: float | None,
    progress: Progress,
) -> dict[HookPoint, Calibration]:
    """The filter of each hook point.

    Args:
        multiple: of the median norm, above which a token is massive; None switches that rule off.

    Raises:
        EmptyCorpus: the split holds no context.
        BadInput: the tokens do not fit the model, or a hook point has no usable median norm.
    """
    check_fit(lm, tokens)
    ids_CT = tokens.contexts(_sampled(tokens, split))
    special = special_ids_of(tokens)
    filters = {point: TokenFilter(special if exclude_special else frozenset()) for point in points}
    ids_B = torch.from_numpy(ids_CT).flatten()
    ordinary_B = TokenFilter(special).keep(ids_B, torch.empty(len(ids_B), 0))
    if multiple is None:
        keep_B = ordinary_B if exclude_special else torch.ones_like(ordinary_B)
        return {point: Calibration(filters[point], keep_B) for point in points}
    norms_of = _norms(lm, torch.from_numpy(ids_CT), points, progress)
    found = {}
    for point in points:
        rule = calibrate(norms_of[point][ordinary_B], special_ids=filters[point].special_ids, multiple=multiple)
        kept_B = rule.keep(ids_B, norms_of[point][:, None])  # A norm is its own norm.
        found[point] = Calibration(rule, kept_B)
    return found


def measure(lm: LanguageModel, tokens: Tokens, given: TokenFilter, *, split: Split) -> Calibration:
    """The share of the sample that a given filter's ids keep; its rule of norms is not tried, so nothing is run.

    Raises:
        EmptyCorpus: the split holds no context.
        BadInput: the tokens do not fit the model.
    """
    check_fit(lm, tokens)
    ids_B = torch.from_numpy(tokens.contexts(_sampled(tokens, split))).flatten()
    kept_B = TokenFilter(given.special_ids).keep(ids_B, torch.empty(len(ids_B), 0))
    return Calibration(given, kept_B)


def special_ids_of(tokens: Tokens) -> frozenset[int]:
    """The ids that are no text, BOS among them; 0 is an id."""
    return tokens.special_ids | ({tokens.bos_id} if tokens.bos_id is not None else set())


def check_fit(lm: LanguageModel, tokens: Tokens) -> None:
    """Check that the model can run on the tokens.

    Raises:
        BadInput: ids beyond its vocabulary, or contexts longer than it was made for.
    """
    # A tokenizer may know more ids than its model embeds (Gemma 3's does); what counts is whether the text uses them.
    if tokens.vocab_size > lm.vocab_size and int(tokens.flat.max()) >= lm.vocab_size:
        raise BadInput(
            f"The tokens hold the id {int(tokens.flat.max()):,}, and {lm.name} knows {lm.vocab_size:,} ids.",
            remedy="Tokenize the corpus with `mistudio corpus tokenize --model` for the model that is to run on it.",
        )
    if lm.max_context is not None and tokens.context_length > lm.max_context:
        raise BadInput(
            f"The tokens lie in contexts of {tokens.context_length:,}, and {lm.name} reads at most {lm.max_context:,}.",
            remedy=f"Tokenize the corpus with --context-length {lm.max_context} or less.",
        )


def _sampled(tokens: Tokens, split: Split) -> list[int]:
    rows = tokens.rows(split)
    if len(rows) == 0:
        raise EmptyCorpus(
            f"The tokens hold no context of the split {split!r}.",
            remedy="Tokenize a corpus with --held-out, or choose --split train.",
        )
    wanted = max(math.ceil(_SAMPLE_TOKENS / tokens.context_length), _SAMPLE_CONTEXTS_MIN)
    picked = np.random.default_rng(_SEED).choice(len(rows), min(wanted, len(rows)), replace=False)
    return [rows[int(index)] for index in np.sort(picked)]


def _norms(
    lm: LanguageModel, ids_CT: Tensor, points: Sequence[HookPoint], progress: Progress
) -> dict[HookPoint, Tensor]:
    """The norm of every token of the contexts, on the CPU."""
    found: dict[HookPoint, list[Tensor]] = {point: [] for point in points}
    for start in range(0, len(ids_CT), _BATCH_CONTEXTS):
        progress.checkpoint()
        acts = run_until(lm, ids_CT[start : start + _BATCH_CONTEXTS].to(lm.device), points)
        for point in points:
            found[point].append(norms(acts[point].flatten(0, 1)).cpu())
        progress.advance("measure norms", min(start + _BATCH_CONTEXTS, len(ids_CT)), len(ids_CT))
    return {point: torch.cat(pieces) for point, pieces in found.items()}
