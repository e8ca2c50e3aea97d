"""SAEs as other libraries write them, read as ours: encodings and reconstructions equal the library's own.

    miStudio, SAELens      cfg.json, sae_weights.safetensors: our own layout
    sparsify               cfg.json, sae.safetensors: encoder.weight [F, D], encoder.bias, W_dec [F, D], b_dec; TopK
    dictionary_learning    ae.safetensors: the trainer's state. TopK and BatchTopK: encoder.weight [F, D], encoder.bias,
                           decoder.weight [D, F], b_dec, k, threshold; JumpReLU: W_enc [D, F], b_enc, W_dec [F, D],
                           b_dec, threshold [F]

F latents, D d_in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from mistudio.bench.config import ComparedArchitecture, LibraryName
from mistudio.sae.config import JumpReLUConfig, SaeConfig, TopKConfig
from mistudio.sae.native_file import load_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights, rescale


def read_export(
    library: LibraryName, folder: Path, architecture: ComparedArchitecture, *, scale: float = 1.0
) -> SparseAutoencoder:
    """The SAE that a library wrote into `folder`.

    Args:
        library: who wrote it.
        folder: where to.
        architecture: how it was trained.
        scale: what the activations were multiplied with before they were given to the library; folded in, so that the
            SAE takes them as they are.

    Raises:
        NotFound, ArtifactBroken, FormatUnsupported: the files are not such an SAE.
    """
    return _READERS[library](folder, architecture, scale)


def _native(folder: Path, architecture: ComparedArchitecture, scale: float) -> SparseAutoencoder:  # noqa: ARG001
    sae = load_sae(folder)
    return _sae(sae.config, sae.weights, scale)


def _sparsify(folder: Path, architecture: ComparedArchitecture, scale: float) -> SparseAutoencoder:  # noqa: ARG001
    tensors = load_file(folder / "sae.safetensors")
    k = int(json.loads((folder / "cfg.json").read_text(encoding="utf-8"))["k"])
    weights = Weights(tensors["encoder.weight"], tensors["encoder.bias"], tensors["W_dec"], tensors["b_dec"])
    return _sae(TopKConfig(k=k), weights, scale)


def _dictionary_learning(folder: Path, architecture: ComparedArchitecture, scale: float) -> SparseAutoencoder:
    tensors = load_file(folder / "ae.safetensors")
    if architecture == "jumprelu":
        W_enc_FD, b_dec_D = tensors["W_enc"].T, tensors["b_dec"]
        # It doesn't take b_dec off its input: W x + b = W (x − b_dec) + (b + W b_dec).
        b_enc_F = tensors["b_enc"] + W_enc_FD @ b_dec_D
        weights = Weights(W_enc_FD, b_enc_F, tensors["W_dec"], b_dec_D, _thresholds(tensors["threshold"]))
        return _sae(JumpReLUConfig(), weights, scale)
    W_enc_FD = tensors["encoder.weight"]
    weights = Weights(W_enc_FD, tensors["encoder.bias"], tensors["decoder.weight"].T, tensors["b_dec"])
    if architecture == "topk":
        return _sae(TopKConfig(k=int(tensors["k"])), weights, scale)
    weights.more = _thresholds(tensors["threshold"].expand(len(W_enc_FD)))
    return _sae(JumpReLUConfig(), weights, scale)


def _thresholds(threshold_F: Tensor) -> dict[str, Tensor]:
    # It applies a ReLU too: a threshold below 0 means 0.
    return {"threshold_F": threshold_F.clamp(min=0.0).clone()}


def _sae(config: SaeConfig, weights: Weights, scale: float) -> SparseAutoencoder:
    with torch.no_grad():
        return SparseAutoencoder(config, rescale(weights, scale), hook="given", model_name="given")


_READERS: dict[LibraryName, Callable[[Path, ComparedArchitecture, float], SparseAutoencoder]] = {
    "mistudio": _native,
    "saelens": _native,
    "sparsify": _sparsify,
    "sparsify-adam": _sparsify,
    "dictionary_learning": _dictionary_learning,
}
