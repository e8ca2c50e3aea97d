"""Run a language model up to the last hook point that is wanted, and no further.

1. Each point's module gets a hook that keeps the value.
2. When the last one has fired, an exception leaves the forward pass: later blocks, the final norm and the logits are
   never computed.
3. Each point must have fired on every token, or the call fails.

Values are the model's own tensors, in its dtype, under inference mode: copy them to keep them for training.

C contexts, T positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Int
from torch import Tensor

from mistudio.errors import BadInput, HookMissing
from mistudio.language_models.anatomy import Site, site_of
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.proof import ensure_proven


class _Reached(Exception):
    """Everything that was wanted has been seen."""


@dataclass(frozen=True)
class _Recorder:
    contexts: int
    wanted: int
    seen: dict[HookPoint, Tensor]

    def keep(self, point: HookPoint, site: Site, value: Tensor) -> None:
        if point in self.seen:
            raise HookMissing(f"{point} fired twice in one forward pass.")
        value_CTD = value.reshape(self.contexts, -1, value.shape[-1]) if value.dim() == 2 else value
        last = len(self.seen) == self.wanted - 1
        self.seen[point] = value_CTD.clone() if site.overwritten and not last else value_CTD
        if last:
            raise _Reached


def run_until(
    lm: LanguageModel,
    ids_CT: Int[Tensor, "C T"],
    points: Sequence[HookPoint],
    attention_mask_CT: Int[Tensor, "C T"] | None = None,
) -> dict[HookPoint, Tensor]:
    """The values at `points` for every token of every context.

    Args:
        ids_CT: token ids, on any device.
        attention_mask_CT: 1 for tokens and 0 for padding, on either side; None where there is no padding.

    Returns:
        For each point a tensor `C T width`, on the model's device; rows of padding are meaningless.

    Raises:
        BadInput: no point, an id that the model does not know, or contexts longer than the model was made for.
        HookMissing: the model has no such point, or one fired on fewer tokens than there are.
    """
    if not points:
        raise BadInput("No hook point is asked for.", remedy="Name at least one, such as resid_post.0.")
    check_ids(lm, ids_CT)
    ensure_proven(lm.module)
    sites = {point: site_of(lm.module, point) for point in points}
    recorder = _Recorder(contexts=ids_CT.shape[0], wanted=len(sites), seen={})
    with ExitStack() as hooks, torch.inference_mode():
        for point, site in sites.items():
            hooks.callback(site.attach(partial(recorder.keep, point, site)).remove)
        with suppress(_Reached):
            lm.module.base_model(**model_inputs(lm, ids_CT, attention_mask_CT), use_cache=False)
    for point in sites:
        fired = recorder.seen[point].shape[:2].numel() if point in recorder.seen else 0
        if fired != ids_CT.numel():
            raise HookMissing(f"{point} fired on {fired:,} of {ids_CT.numel():,} tokens.")
    return {point: recorder.seen[point] for point in sites}


def model_inputs(
    lm: LanguageModel, ids_CT: Int[Tensor, "C T"], attention_mask_CT: Int[Tensor, "C T"] | None
) -> dict[str, Tensor]:
    """The arguments of a forward pass; padding shifts nobody's position, on whichever side it is."""
    inputs = {"input_ids": ids_CT.to(lm.device)}
    if attention_mask_CT is not None:
        mask_CT = attention_mask_CT.to(lm.device)
        inputs |= {"attention_mask": mask_CT, "position_ids": (mask_CT.cumsum(dim=-1) - 1).clamp(min=0)}
    return inputs


def check_ids(lm: LanguageModel, ids_CT: Int[Tensor, "C T"], more: int = 0) -> None:
    """Check that the model can run on these ids and `more` tokens after them.

    Raises:
        BadInput: there are none, an id is outside the vocabulary, or a context is longer than the model was made for.
    """
    if ids_CT.numel() == 0:
        raise BadInput("There are no tokens to run the model on.", remedy="Give at least one token.")
    low, high = (int(value) for value in torch.aminmax(ids_CT))
    if low < 0 or high >= lm.vocab_size:
        raise BadInput(
            f"Token id {low if low < 0 else high} is outside the vocabulary of {lm.name}, which has {lm.vocab_size:,}.",
            remedy="Tokenize the text with this model's own tokenizer.",
        )
    length = ids_CT.shape[1] + more
    if lm.max_context is not None and length > lm.max_context:
        raise BadInput(
            f"{lm.name} was made for {lm.max_context:,} tokens, and {length:,} are asked of it.",
            remedy="Use shorter contexts or prompts.",
        )
