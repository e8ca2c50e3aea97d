"""Replace the value at a hook point while the model runs, and count how often that happened.

Works wherever the module runs: whole contexts, padded batches, decoding steps of one token with a KV cache.

C contexts, T positions (1 in a decoding step), D width of the hook point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.errors import HookMissing, ShapeError, UnsupportedModel
from mistudio.language_models.anatomy import Site, output_projection, site_of
from mistudio.language_models.hook_points import HookPoint, HookSite
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.proof import ensure_proven


@dataclass
class Firing:
    """How often an edit was applied."""

    point: HookPoint
    tokens: int = 0
    """Token positions seen so far, padding included."""
    calls: int = 0
    """Forward passes seen so far."""

    def demand(self, tokens: int) -> None:
        """Check that the edit was applied to as many tokens as the caller ran.

        Raises:
            HookMissing: it was applied to fewer, or to more.
        """
        if self.tokens != tokens:
            raise HookMissing(
                f"{self.point} fired on {self.tokens:,} of {tokens:,} tokens: the output is not what was asked for.",
                remedy="Report this with the model's name; the model may compute this point inside a fused kernel.",
            )


@contextmanager
def edit(
    lm: LanguageModel, point: HookPoint, function: Callable[[Tensor], Tensor], *, unused_is_an_error: bool = True
) -> Iterator[Firing]:
    """Put `function(value)` in the place of the value at `point` until the context ends.

    At `mlp_in` and `attn_z` the module's input is replaced; what else reads the same value (attention in a parallel
    block) keeps the original. Edits of one point are applied in the order in which their contexts were entered, and
    `run_until` inside the context sees the edited value.

    Args:
        function: from `C T D` to `C T D`; the result is cast to the model's dtype and device. Must not change its
            argument in place.
        unused_is_an_error: complain at the end if the model never ran through the point.

    Raises:
        HookMissing: the model has no such point; or the context ended and the edit was never applied.
        ShapeError: `function` gave back another shape.
    """
    ensure_proven(lm.module)
    site = site_of(lm.module, point)
    firing = Firing(point)
    contexts = [1]

    def note_contexts(value: Tensor) -> None:
        contexts[0] = value.shape[0]

    def replace(value: Tensor) -> Tensor:
        value_CTD = value.reshape(contexts[0], -1, value.shape[-1]) if value.dim() == 2 else value
        new_CTD = function(value_CTD)
        if new_CTD.shape != value_CTD.shape:
            raise ShapeError(
                f"The edit of {point} gave back {tuple(new_CTD.shape)} for {tuple(value_CTD.shape)}.",
                remedy="An edit must keep the shape of the value that it replaces.",
            )
        firing.tokens += value_CTD.shape[0] * value_CTD.shape[1]
        firing.calls += 1
        new = new_CTD.to(value).reshape(value.shape)
        return new.clone() if site.overwritten else new

    with ExitStack() as hooks:
        if site.flat:
            hooks.callback(Site(site.block, "", "input", site.block).attach(note_contexts).remove)
        hooks.callback(site.attach(replace).remove)
        yield firing
    if unused_is_an_error and firing.calls == 0:
        raise HookMissing(f"{point} never fired: the model did not run through it while the edit was in place.")


def width_of(lm: LanguageModel, point: HookPoint) -> int:
    """How many numbers the value at `point` has per token: d_model, or heads × head size at attn_z.

    Raises:
        HookMissing: the model has no such point.
    """
    site = site_of(lm.module, point)
    if point.site is not HookSite.ATTN_Z:
        return lm.d_model
    return _input_width(site.module)


def output_matrix(lm: LanguageModel, layer: int) -> Float[Tensor, "H D"]:
    """Attention's output projection as the matrix `W` of `attn_z @ W`: heads × head size to d_model.

    Raises:
        UnsupportedModel: the weights are packed by a quantiser.
    """
    projection = output_projection(lm.module, layer)
    weight = projection.weight
    if not isinstance(weight, Tensor) or not weight.is_floating_point():
        raise UnsupportedModel(f"The output projection of layer {layer} is quantised and has no plain matrix.")
    # GPT-2's Conv1D stores its matrix the other way round.
    return weight.detach() if hasattr(projection, "nf") else weight.detach().T


def _input_width(projection: torch.nn.Module) -> int:
    width = getattr(projection, "in_features", None)
    if isinstance(width, int):
        return width
    weight = projection.weight
    assert isinstance(weight, Tensor)
    return int(weight.shape[0])
