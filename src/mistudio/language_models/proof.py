"""Prove the hook points of a model whose family nobody has proven: run it on a few tokens and compare.

In every block, what enters plus what attention and MLP add must be what leaves; a block that does otherwise
(a multiplier, a norm after the sum, a third branch) is refused, because its hook points would not be what their
names say. A model is proven once.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from weakref import WeakSet

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mistudio.errors import UnsupportedModel
from mistudio.language_models.anatomy import blocks_of, site_of
from mistudio.language_models.families import family_of
from mistudio.language_models.hook_points import HookPoint, HookSite

_proven: WeakSet[PreTrainedModel] = WeakSet()
_PARTS = (HookSite.RESID_PRE, HookSite.ATTN_OUT, HookSite.MLP_OUT, HookSite.RESID_POST)


def ensure_proven(module: PreTrainedModel) -> None:
    """Return if the model's family is known or the model itself passes the proof.

    Raises:
        UnsupportedModel: a block's parts do not add up.
    """
    if family_of(module.config) is not None or module in _proven:
        return
    values: dict[HookPoint, Tensor] = {}
    layers = len(blocks_of(module)[1])
    with ExitStack() as hooks, torch.inference_mode():
        for point in (HookPoint(site, layer) for layer in range(layers) for site in _PARTS):
            hooks.callback(site_of(module, point).attach(partial(_keep, values, point)).remove)
        ids = torch.arange(4, device=module.device).unsqueeze(0) % module.config.get_text_config().vocab_size
        module.base_model(input_ids=ids, use_cache=False)
    for layer in range(layers):
        parts = [values.get(HookPoint(site, layer)) for site in _PARTS]
        if not _add_up(parts, torch.finfo(module.dtype).eps):
            raise UnsupportedModel(
                f"The hook points of {type(module).__name__} are not known: in layer {layer}, resid_pre + attn_out + "
                "mlp_out is not resid_post."
            )
    _proven.add(module)


def _keep(values: dict[HookPoint, Tensor], point: HookPoint, value: Tensor) -> None:
    values[point] = value.float().clone()


def _add_up(parts: list[Tensor | None], eps: float) -> bool:
    tensors = [part for part in parts if part is not None]
    if len(tensors) < len(parts) or len({part.shape for part in tensors}) > 1:
        return False
    pre, attn, mlp, post = tensors
    error = (pre + attn + mlp - post).norm(dim=-1)
    # Four roundings, each relative to the largest summand.
    size = sum(part.norm(dim=-1) for part in tensors)
    return bool((error <= 4 * eps * size).all())
