"""Let the model continue prompts, by itself and steered, in one batch.

1. Look up the direction and the unit of every edit (`delta.py`).
2. Put, for each prompt, a baseline row and one row a spec into one left-padded batch.
3. Generate with a KV cache; one hook adds each row's delta, and counts (`row_edits.py`).
4. Fail if the hook reached fewer tokens than the texts have: unsteered text must not be called steered.
5. Read the texts again and say how active the edited latents were (`readings.py`).

C rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jaxtyping import Int64
from torch import Tensor

from mistudio.errors import BadInput, ShapeError
from mistudio.language_models.generation import end_ids, generate, pad_left
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import edit, width_of
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import Progress, Silent
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.steering.compare import Comparison, Written
from mistudio.steering.config import GenerateConfig, SteeringSpec
from mistudio.steering.delta import Delta
from mistudio.steering.readings import read_back
from mistudio.steering.row_edits import RowEdits, RowPlan

OnTokens = Callable[[Sequence[int | None]], None]
"""Is told the token that each row of the batch has just got, in the order of `Comparison.rows`; None for a row whose
text had ended before."""


def steer(
    lm: LanguageModel,
    sae: SparseAutoencoder,
    specs: SteeringSpec | Sequence[SteeringSpec],
    prompts: Sequence[str],
    config: GenerateConfig | None = None,
    *,
    max_activation: Mapping[int, float],
    max_norm: float | None = None,
    on_tokens: OnTokens | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Continue each prompt once by itself and once under each spec.

    Args:
        specs: what to steer with, at the SAE's hook point.
        max_activation: largest activation of each edited latent, which is what a strength of 1 means.
        max_norm: tokens with a larger norm at the hook point are left alone; the SAE's token filter decides where
            None.
        on_tokens: called after each step, while the texts are being written; may raise to stop.

    Raises:
        BadInput: no prompt, an unknown latent or unit, another hook point, or a prompt too long for the model.
        ShapeError: the SAE does not fit the model.
        HookMissing: the model has no such hook point, or not every token passed through it.
        Interrupted: `progress` asked to stop; nothing is kept.
    """
    specs = (specs,) if isinstance(specs, SteeringSpec) else tuple(specs)
    config = config or GenerateConfig()
    point = _check_fit(lm, sae, specs, prompts)
    deltas = [Delta.of(spec, sae, max_activation) for spec in specs]
    rows_per_prompt = 1 + len(specs)
    plan = RowPlan(
        sae=sae,
        deltas=(None, *deltas) * len(prompts),
        untouched_ids=lm.special_ids if config.skip_special else frozenset(),
        end_ids=end_ids(lm),
        max_norm=max_norm if max_norm is not None else _max_norm_of(sae),
    )
    encoded = [encode_prompt(lm, prompt, config) for prompt in prompts]
    prompt_ids = [ids for ids in encoded for _ in range(rows_per_prompt)]
    generated = _generate(lm, point, plan, prompt_ids, config, on_tokens, progress or Silent())
    latents = sorted({one.latent for spec in specs for one in spec.edits})
    readings = read_back(lm, point, plan, prompt_ids, generated.written, latents)
    tokens = sum(len(ids) for ids in generated.written)
    return Comparison(
        model=lm.identity(),
        hook=sae.hook,
        specs=specs,
        max_activation={latent: max_activation[latent] for latent in latents},
        config=config,
        prompts=tuple(prompts),
        rows=tuple(
            Written(
                prompt=row // rows_per_prompt,
                spec=None if row % rows_per_prompt == 0 else row % rows_per_prompt - 1,
                text=lm.tokenizer.decode(ids, skip_special_tokens=True),
                token_ids=tuple(ids),
                prompt_ids=tuple(prompt_ids[row]),
                tokens_edited=int(generated.edits.edited_C[row]),
                tokens_massive=int(generated.edits.massive_C[row]),
                readings=readings[row],
            )
            for row, ids in enumerate(generated.written)
        ),
        seconds=generated.seconds,
        tokens_per_second=tokens / generated.seconds,
    )


def encode_prompt(lm: LanguageModel, prompt: str, config: GenerateConfig) -> list[int]:
    """The prompt's tokens, after BOS where the tokenizer has one and the prompt does not begin with it.

    Raises:
        BadInput: there is no token.
    """
    ids = list(lm.tokenizer.encode(prompt, add_special_tokens=False))
    if config.prepend_bos and lm.bos_id is not None and ids[:1] != [lm.bos_id]:
        ids.insert(0, lm.bos_id)
    if not ids:
        raise BadInput("The prompt is empty, and the model has no BOS to begin with.", remedy="Give some text.")
    return ids


class _Generated(NamedTuple):
    written: list[list[int]]
    edits: RowEdits
    seconds: float


def _generate(
    lm: LanguageModel,
    point: HookPoint,
    plan: RowPlan,
    prompt_ids: Sequence[Sequence[int]],
    config: GenerateConfig,
    on_tokens: OnTokens | None,
    progress: Progress,
) -> _Generated:
    batch = pad_left(prompt_ids, pad_id=0)
    edits = RowEdits(plan, batch.ids_CT, batch.attention_mask_CT.bool())
    steps = 0
    ended = [False] * len(prompt_ids)

    def on_step(ids_C: Int64[Tensor, " C"]) -> None:
        nonlocal steps
        steps += 1
        edits.on_step(ids_C)
        ids = ids_C.tolist()
        if on_tokens is not None:
            on_tokens([None if over else index for index, over in zip(ids, ended, strict=True)])
        ended[:] = [over or index in plan.end_ids for index, over in zip(ids, ended, strict=True)]
        progress.advance("generate", steps, config.max_new_tokens)
        progress.checkpoint()

    started = time.perf_counter()
    with edit(lm, point, edits) as firing:
        new_CT = generate(
            lm,
            batch.ids_CT,
            attention_mask_CT=batch.attention_mask_CT,
            max_new_tokens=config.max_new_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
            seed=config.seed,
            on_step=on_step,
        )
    seconds = time.perf_counter() - started
    firing.demand(batch.ids_CT.numel() + new_CT[:, 1:].numel())
    written = [_until_end(ids, plan.end_ids) for ids in new_CT.tolist()]
    edits.demand([[*prompt, *ids[:-1]] for prompt, ids in zip(prompt_ids, written, strict=True)])
    return _Generated(written, edits, seconds)


def _until_end(ids: list[int], end_ids: frozenset[int]) -> list[int]:
    """What was written, up to and including the token that ends the text."""
    for length, index in enumerate(ids, start=1):
        if index in end_ids:
            return ids[:length]
    return ids


def _check_fit(
    lm: LanguageModel, sae: SparseAutoencoder, specs: Sequence[SteeringSpec], prompts: Sequence[str]
) -> HookPoint:
    if not prompts or not specs:
        raise BadInput("There is nothing to steer: at least one prompt and one spec are needed.")
    sae.demand_autoencoder("Steering")
    point = HookPoint.parse(sae.hook)
    for spec in specs:
        if HookPoint.parse(spec.hook) != point:
            raise BadInput(
                f"The spec steers at {spec.hook}, and the SAE was trained on {sae.hook}.",
                remedy=f"Steer at {sae.hook}, or use an SAE of {spec.hook}.",
            )
    width = width_of(lm, point)
    if width != sae.d_in:
        raise ShapeError(f"The SAE reads {sae.d_in} dimensions, and {point} of {lm.name} has {width}.")
    return point


def _max_norm_of(sae: SparseAutoencoder) -> float | None:
    described = sae.metadata.get("token_filter")
    return described.get("max_norm") if isinstance(described, dict) else None
