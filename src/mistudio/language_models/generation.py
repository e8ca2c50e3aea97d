"""Continue many prompts at once, token by token, with a KV cache.

1. The prompts run once; the cache keeps their keys and values.
2. Each step picks a token a row: the largest logit, or at a temperature the largest `log p + Gumbel noise`, which is
   an exact sample from the softmax. Every row gets the same noise, so that rows differ only where their logits do:
   a steered row and its baseline part ways because of the steering and not by chance.
3. A row that has ended goes on with EOS; the loop stops when all have, or after `max_new_tokens`.

Prompts of unequal length are padded on the left. Edits of hooks.py apply to every step.

C contexts (rows), T positions, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mistudio.errors import BadInput
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import check_ids, model_inputs


class Prompts(NamedTuple):
    """Prompts of unequal length as one block."""

    ids_CT: Int[Tensor, "C T"]
    """Padded on the left."""
    attention_mask_CT: Int[Tensor, "C T"]
    """1 for tokens, 0 for padding."""


def pad_left(rows: Sequence[Sequence[int]], pad_id: int) -> Prompts:
    """Put prompts of unequal length into one block.

    Raises:
        BadInput: there is no prompt, or one has no token.
    """
    if not rows or not all(rows):
        raise BadInput("A prompt has no tokens.", remedy="Give some text to continue.")
    length = max(len(row) for row in rows)
    ids = [[pad_id] * (length - len(row)) + list(row) for row in rows]
    mask = [[0] * (length - len(row)) + [1] * len(row) for row in rows]
    return Prompts(torch.tensor(ids), torch.tensor(mask))


@torch.inference_mode()
def generate(
    lm: LanguageModel,
    ids_CT: Int[Tensor, "C T"],
    *,
    attention_mask_CT: Int[Tensor, "C T"] | None = None,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    on_step: Callable[[Tensor], None] | None = None,
    use_cache: bool = True,
) -> Int[Tensor, "C T_new"]:
    """The tokens that the model writes after each prompt.

    Args:
        ids_CT: prompts, padded on the left where they are of unequal length.
        attention_mask_CT: 1 for tokens, 0 for padding; None where there is no padding.
        max_new_tokens: at most so many tokens a row, at least 1.
        temperature: 0 takes the likeliest token; 1 samples from the model's own distribution.
        top_p: sample from the likeliest tokens that together have this probability, in (0, 1].
        seed: of the sampling noise, which does not depend on the device.
        on_step: called after each step with the new tokens, one a row; may raise to stop.
        use_cache: False recomputes everything at each step, which is slow and only good for checking.

    Returns:
        On the CPU; T_new is at most `max_new_tokens`, and rows that ended early are filled with EOS.

    Raises:
        BadInput: an option is out of its range, an id is outside the vocabulary, the prompt and the new tokens are
            together longer than the model was made for, or padding stands on the right.
    """
    _check(lm, ids_CT, attention_mask_CT, max_new_tokens, temperature, top_p)
    mask_CT = torch.ones_like(ids_CT) if attention_mask_CT is None else attention_mask_CT.to(ids_CT)
    padded = not bool(mask_CT.all())
    noise = torch.Generator().manual_seed(seed)
    ends = torch.tensor(sorted(end_ids(lm)), dtype=torch.long)
    ended_C = torch.zeros(ids_CT.shape[0], dtype=torch.bool)
    past: Any = None
    all_CT, fresh_CT, written = ids_CT, ids_CT, []
    for _ in range(max_new_tokens):
        inputs = model_inputs(lm, all_CT, mask_CT if padded else None)
        if use_cache:
            inputs["input_ids"] = fresh_CT.to(lm.device)
            if padded:
                inputs["position_ids"] = inputs["position_ids"][:, -fresh_CT.shape[1] :]
        output: Any = lm.module(
            **inputs,
            past_key_values=past,
            use_cache=use_cache,
            **_last_logits_only(lm, fresh_CT.shape[1] if use_cache else all_CT.shape[1]),
        )
        past = output.past_key_values if use_cache else None
        logits_CV = output.logits[:, -1].float()
        next_C = _pick(logits_CV, temperature, top_p, noise).cpu()
        if len(ends):
            next_C = torch.where(ended_C, ends[0], next_C)
            ended_C |= torch.isin(next_C, ends)
        written.append(next_C)
        if on_step is not None:
            on_step(next_C)
        if bool(ended_C.all()):
            break
        fresh_CT = next_C.unsqueeze(1).to(ids_CT)
        all_CT = torch.cat([all_CT, fresh_CT], dim=1)
        mask_CT = torch.cat([mask_CT, torch.ones_like(fresh_CT)], dim=1)
    return torch.stack(written, dim=1)


def end_ids(lm: LanguageModel) -> frozenset[int]:
    """The tokens that end a text: the tokenizer's EOS, and those that the checkpoint's generation settings name."""
    named = getattr(lm.module.generation_config, "eos_token_id", None)
    ids = named if isinstance(named, list) else [named]
    return frozenset(index for index in [lm.eos_id, *ids] if index is not None)


def _pick(logits_CV: Float[Tensor, "C V"], temperature: float, top_p: float, noise: torch.Generator) -> Tensor:
    if temperature == 0:
        return logits_CV.argmax(dim=-1)
    log_p_CV = torch.log_softmax(logits_CV / temperature, dim=-1)
    if top_p < 1:
        log_p_CV = log_p_CV.masked_fill(~_nucleus(log_p_CV, top_p), -torch.inf)
    uniform_V = torch.rand(logits_CV.shape[-1], generator=noise, dtype=torch.float64)
    gumbel_V = -torch.log(-torch.log(uniform_V.clamp(min=1e-300)))
    return (log_p_CV + gumbel_V.float().to(log_p_CV.device)).argmax(dim=-1)


def _nucleus(log_p_CV: Float[Tensor, "C V"], top_p: float) -> Bool[Tensor, "C V"]:
    """Which tokens belong to the smallest set of likeliest ones that together reach `top_p`; never none."""
    sorted_CV, order_CV = log_p_CV.sort(dim=-1, descending=True)
    before_CV = sorted_CV.exp().cumsum(dim=-1) - sorted_CV.exp()
    return torch.zeros_like(order_CV, dtype=torch.bool).scatter(-1, order_CV, before_CV < top_p)


def _last_logits_only(lm: LanguageModel, length: int) -> dict[str, Tensor]:
    """Ask for the logits of the last of `length` positions, where the model can be asked.

    By index, which copies the position: a slice is not contiguous, and PyTorch then copies the unembedding once a row
    (2.6 GiB for 50 rows of a vocabulary of 49,152).
    """
    accepted = inspect.signature(lm.module.forward).parameters
    return {"logits_to_keep": torch.tensor([length - 1], device=lm.device)} if "logits_to_keep" in accepted else {}


def _check(
    lm: LanguageModel,
    ids_CT: Int[Tensor, "C T"],
    mask_CT: Int[Tensor, "C T"] | None,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
) -> None:
    if max_new_tokens < 1:
        raise BadInput(f"max_new_tokens must be at least 1, and is {max_new_tokens}.")
    if not 0 <= temperature < float("inf"):
        raise BadInput(f"The temperature must be 0 or more, and is {temperature}.")
    if not 0 < top_p <= 1:
        raise BadInput(f"top_p must be above 0 and at most 1, and is {top_p}.")
    if mask_CT is not None and not bool(mask_CT[:, -1].all()):
        raise BadInput("The prompts are padded on the right.", remedy="Pad them on the left, as pad_left does.")
    check_ids(lm, ids_CT, more=max_new_tokens)
