"""What probing an SAE will need: memory and time, part by part. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mistudio.activations.estimate import PROGRAM, RunningModel
from mistudio.evaluation.probing.config import ProbingConfig
from mistudio.hardware import Estimate, Part, Reached, time_for

_LINE_TOKENS = 11
"""Of a line of a spelling prompt."""
_SAMPLE_BYTES = 20
"""Of one mean of a document: itself, its half's copy, and the probe's in float64, standardised."""
_MOST_ACTIVE = 256
"""Latents of a word that are counted with; each takes a value and a number."""


@dataclass(frozen=True)
class ProbedSae:
    """An SAE, and what it is probed on."""

    d_in: int
    d_sae: int
    model: RunningModel
    documents: int | None
    """With labels; None where words are spelled."""


def estimate(
    config: ProbingConfig, sae: ProbedSae, *, device: str = "cpu", reached: Sequence[Reached] = ()
) -> Estimate:
    """What probing will need at most: documents and words may be fewer or shorter.

    Args:
        device: where model and SAE run: `cpu`, or the name of a GPU.
        reached: how fast the model ran in earlier recordings, by its `flop_per_token`.
    """
    labels, spelling = config.labels, config.spelling
    if sae.documents is not None:
        samples = min(sae.documents, labels.max_documents)
        tokens, length = samples * labels.document_tokens, labels.context_length
        held = samples * (sae.d_in + sae.d_sae) * _SAMPLE_BYTES
        meaning = "Means of the documents: of the activation and of every latent, as probes read them."
    else:
        samples, length = spelling.max_words, (spelling.examples + 1) * _LINE_TOKENS
        tokens = samples * length
        held = samples * (sae.d_in * _SAMPLE_BYTES + min(sae.d_sae, _MOST_ACTIVE) * 16)
        meaning = "Activations at the words, and their latents."
    weights = 4 * (2 * sae.d_in * sae.d_sae + sae.d_in + sae.d_sae)
    encoding = config.fit.batch_contexts * length * sae.d_sae * 4
    computing = (
        *sae.model.parts(),
        Part("SAE", weights, "Encoder and decoder in float32."),
        Part("encoding", encoding, "Pre-activations of the texts that run at a time."),
    )
    flop = sae.model.flop_per_token + 2.0 * sae.d_in * sae.d_sae
    seconds, basis = time_for(tokens, flop, reached)
    on_gpu = device != "cpu"
    kept = (PROGRAM, Part("samples", held, meaning))
    return Estimate(
        memory=kept if on_gpu else (*kept, *computing),
        device_memory=computing if on_gpu else (),
        seconds=seconds,
        seconds_basis=basis,
        facts={"tokens": tokens, "samples": samples},
    )
