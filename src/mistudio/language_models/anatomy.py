"""Find the parts of a transformer by their structure, and tap the values that flow between them.

1. Blocks: the outermost `nn.ModuleList` of the decoder that has one entry a layer.
2. In a block, attention is the child whose name says so and that has projections of its own; the MLP likewise.
3. Attention's output projection is its child of a usual name, or else its last one that is d_model wide.
4. families.py says where a family differs.

The same model class always gives the same paths. Knows nothing of tokens.

C contexts, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from mistudio.errors import HookMissing, UnsupportedModel
from mistudio.language_models.families import Family, family_of
from mistudio.language_models.hook_points import HookPoint, HookSite

_ATTENTION = ("self_attn", "attn", "attention", "self_attention")
_MLP = ("mlp", "feed_forward", "ffn")
_OUTPUT_PROJECTION = ("o_proj", "out_proj", "c_proj", "dense", "wo")
_FINAL_NORM = ("norm", "ln_f", "final_layer_norm", "final_layernorm")

_See = Callable[[Tensor], Tensor | None]


@dataclass(frozen=True)
class Site:
    """A module whose input or output is the value of a hook point."""

    module: nn.Module
    path: str
    """The module's name in the model."""
    side: Literal["input", "output"]
    block: nn.Module
    """The block that it belongs to."""
    flat: bool = False
    """The value comes as `C*T D`."""
    overwritten: bool = False
    """The model changes the value in place afterwards."""

    def attach(self, see: _See) -> RemovableHandle:
        """Call `see` with each value that passes; what it returns takes the value's place, unless it is None."""
        if self.side == "input":
            return self.module.register_forward_pre_hook(partial(_before, see), with_kwargs=True)
        return self.module.register_forward_hook(partial(_after, see))


def _before(see: _See, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    new = see(args[0] if args else kwargs["hidden_states"])
    if new is None:
        return None
    return ((new, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": new})


def _after(see: _See, _module: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
    if isinstance(output, tuple):
        new = see(output[0])
        return None if new is None else (new, *output[1:])
    return see(output)


def blocks_of(module: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """The path of the list of blocks in the model, and the list.

    Raises:
        UnsupportedModel: there is no such list.
    """
    layers = module.config.get_text_config().num_hidden_layers
    decoder: nn.Module = module.get_decoder()  # type: ignore[no-untyped-call]
    level = [(next(name for name, child in module.named_modules() if child is decoder), decoder)]
    while level:
        for name, part in level:
            if isinstance(part, nn.ModuleList) and len(part) == layers:
                return name, part
        level = [
            (f"{name}.{child}" if name else child, part)
            for name, parent in level
            for child, part in parent.named_children()
        ]
    raise UnsupportedModel(f"{type(module).__name__} has no list of {layers} blocks.")


def site_of(module: PreTrainedModel, point: HookPoint) -> Site:
    """Where the model computes a hook point.

    Raises:
        HookMissing: the model has no such layer.
        UnsupportedModel: the block's parts could not be recognised.
    """
    prefix, blocks = blocks_of(module)
    if point.layer >= len(blocks):
        raise HookMissing(
            f"There is no {point}: {module.config.name_or_path or type(module).__name__} has {len(blocks)} layers.",
            remedy=f"Choose a layer from 0 to {len(blocks) - 1}.",
        )
    block = blocks[point.layer]
    family = family_of(module.config) or Family()
    path = f"{prefix}.{point.layer}"

    def at(child: tuple[str, nn.Module], side: Literal["input", "output"], **traits: bool) -> Site:
        return Site(module=child[1], path=f"{path}.{child[0]}", side=side, block=block, **traits)

    match point.site:
        case HookSite.RESID_PRE:
            return Site(module=block, path=path, side="input", block=block)
        case HookSite.RESID_POST:
            return Site(module=block, path=path, side="output", block=block)
        case HookSite.ATTN_Z:
            return at(_output_projection(block, _width(module)), "input")
        case HookSite.ATTN_OUT:
            return at(_child(block, (family.attn_out,) if family.attn_out else _ATTENTION), "output")
        case HookSite.MLP_IN:
            return at(_child(block, (family.mlp_in,) if family.mlp_in else _MLP), "input", flat=family.flat_mlp)
        case HookSite.MLP_OUT:
            return at(
                _child(block, (family.mlp_out,) if family.mlp_out else _MLP),
                "output",
                flat=family.flat_mlp,
                overwritten=family.overwrites_mlp_out,
            )


def output_projection(module: PreTrainedModel, layer: int) -> nn.Module:
    """The matrix that maps attn_z to attention's output."""
    return _output_projection(blocks_of(module)[1][layer], _width(module))[1]


def final_norm(module: PreTrainedModel) -> nn.Module | None:
    """The norm between the last block and the unembedding; None where the model has none (OPT-350m)."""
    prefix, _ = blocks_of(module)
    owner = module.get_submodule(prefix.rpartition(".")[0])
    for name in _FINAL_NORM:
        if isinstance(child := getattr(owner, name, None), nn.Module):
            return child
    return None


def _child(block: nn.Module, names: tuple[str, ...]) -> tuple[str, nn.Module]:
    for name in names:
        if isinstance(child := getattr(block, name, None), nn.Module):
            return name, child
    raise UnsupportedModel(f"{type(block).__name__} has no part called {' or '.join(names)}.")


def _output_projection(block: nn.Module, width: int) -> tuple[str, nn.Module]:
    name, attention = _child(block, _ATTENTION)
    children = dict(attention.named_children())
    usual = [child for child in _OUTPUT_PROJECTION if child in children]
    wide = [child for child, part in children.items() if _output_width(part) == width]
    if not usual and not wide:
        raise UnsupportedModel(f"{type(attention).__name__} has no output projection of width {width}.")
    chosen = usual[0] if usual else wide[-1]
    return f"{name}.{chosen}", children[chosen]


def _output_width(part: nn.Module) -> int | None:
    width = getattr(part, "out_features", getattr(part, "nf", None))
    return width if isinstance(width, int) else None


def _width(module: PreTrainedModel) -> int:
    return int(module.config.get_text_config().hidden_size)
