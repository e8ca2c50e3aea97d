"""Several SAEs at once: which hook points are meant, what they need, how they compare on held-out text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mistudio.artifacts.store import LocalStore
from mistudio.cli import console, inputs
from mistudio.errors import BadInput, NotEnoughMemory
from mistudio.evaluation.config import EvaluateConfig
from mistudio.hardware import memory_bytes, processor_has_bfloat16
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.hook_points import HookPoint
from mistudio.progress import Progress, under
from mistudio.training.config import TrainConfig
from mistudio.training.estimate import Activations, memory_of_several

if TYPE_CHECKING:
    from mistudio.activations.stream import ActivationSource
    from mistudio.evaluation.result import Evaluation
    from mistudio.training.sweep_result import Sweep

_GIB = 2**30


def points(hooks: Sequence[str], layers: Sequence[int], configs: Sequence[TrainConfig]) -> list[str]:
    """The hook points that `--hook` and `--layer` name together: those with a layer of their own, the others at each.

    With a target they are the one that is read and the target; then `mlp_in` is read where nothing is named.

    Raises:
        BadInput: a layer or a hook point is left without the other, or a target with several to read.
    """
    targeted = next((config.sae for config in configs if config.sae.target is not None), None)
    found = _named(hooks, layers, "resid_post" if targeted is None else "mlp_in")
    if targeted is None:
        return found
    if len(found) > 1:
        raise BadInput(
            f"With --target {targeted.target} one hook point is read, and these are several: {', '.join(found)}.",
            remedy="Give one --hook and one --layer.",
        )
    return list(targeted.hooks(found[0] if found else None) or ())


def _named(hooks: Sequence[str], layers: Sequence[int], usual: str) -> list[str]:
    complete = [HookPoint.parse(hook) for hook in hooks if "." in hook]
    open_ended = [hook for hook in hooks if "." not in hook]
    if open_ended and not layers:
        raise BadInput(
            f"--hook {open_ended[0]} does not say which layer.",
            remedy=f"Add --layer N, or write --hook {open_ended[0]}.N.",
        )
    if complete and not open_ended and not set(layers) <= {point.layer for point in complete}:
        raise BadInput(f"--hook {complete[0]} and --layer {layers[0]} name two layers.", remedy="Leave out --layer.")
    sites = open_ended or ([] if complete else [usual])
    found = [*map(str, complete), *(f"{site}.{layer}" for site in sites for layer in layers)]
    return list(dict.fromkeys(found))


def count(source: ActivationSource, configs: Sequence[TrainConfig]) -> int:
    """How many SAEs these are: each configuration at each hook point, or at a transcoder's two."""
    from mistudio.training.columns import read_parts

    return len(configs) * len(read_parts(source, configs))


def say_memory(source: ActivationSource, configs: Sequence[TrainConfig]) -> None:
    """Say what training all of them at once needs, before it starts.

    Raises:
        NotEnoughMemory: the machine has less.
    """
    import torch

    from mistudio.training.columns import read_parts

    block = source.sample(1)
    needs = memory_of_several(
        [(config, part.width) for part in read_parts(source, configs) for config in configs],
        Activations(source.d_in, source.n_tokens, block.element_size()),
        half_precision=processor_has_bfloat16(),
    )
    total, buffer = sum(part.bytes for part in needs), sum(p.bytes for p in needs if p.name == "shuffle buffer")
    beside = " beside the model" if source.identity.get("from") == "model" else ""
    number = count(source, configs)
    console.remark(
        f"{number} SAEs on one pass over the data: about {total / _GIB:.1f} GiB of memory{beside}, of it the shuffle "
        f"buffer {buffer / _GIB:.1f} GiB, which they share."
    )
    if not torch.cuda.is_available() and total > memory_bytes():
        raise NotEnoughMemory(
            f"{number} SAEs at once need about {total / _GIB:.1f} GiB, and there are {memory_bytes() / _GIB:.1f}.",
            remedy="Train fewer at a time, or choose a smaller --expansion or --buffer-tokens.",
        )


def evaluated(
    store: LocalStore, saes: Mapping[str, Path], model: str | None, corpus: str | None, progress: Progress
) -> dict[str, Evaluation]:
    """Each SAE's numbers on held-out text, by its name; they are also kept where the studio lists them."""
    from mistudio.evaluation.evaluate import evaluate
    from mistudio.sae.native_file import load_sae

    assert model is not None
    assert corpus is not None
    tokens = inputs.tokens_for(store, corpus, model, progress)
    lm = inputs.load_model(store, ModelConfig(source=model), progress)
    found = {}
    for name, path in saes.items():
        sae = load_sae(path)
        with under(name, progress) as told:
            found[name] = evaluate(sae, lm, tokens, EvaluateConfig(), progress=told)
        inputs.keep_evaluation(store, found[name], path)
    return found


def report(sweep: Sweep, folder: Path, *, as_json: bool) -> None:
    """Print the comparison, and which members ended early."""
    from mistudio.training.sweep_page import PAGE, rows

    if as_json:
        console.print_json({"path": str(folder), **sweep.model_dump(mode="json")})
    else:
        console.print_table(f"Sweep {folder}", *rows(sweep))
        console.remark(f"Plots: {folder / PAGE}")
    for member in sweep.diverged:
        console.remark(f"{member.name} ended early: {member.diverged}")
