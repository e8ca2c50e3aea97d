"""The SAE's own files, which are SAELens v6's, so that every SAE made here opens there without an export.

    cfg.json                  architecture, shapes, and free metadata
    sae_weights.safetensors   W_enc [d_in, d_sae], b_enc, W_dec [d_sae, d_in], b_dec, float32; JumpReLU also threshold
                              [d_sae]; Gated r_mag, b_mag, b_gate [d_sae], and no b_enc
                              A transcoder's W_dec and b_dec are d_out wide; W_skip [d_out, d_in] where it has one
    sparsity.safetensors      "sparsity" [d_sae]: log10(share of tokens on which the latent fired + 1e-10)

Format: docs/reference/formats.md.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mistudio.artifacts.atomic import new_file, write_json
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, open_artifact
from mistudio.errors import ArtifactBroken, BadInput, FormatUnsupported, NotFound
from mistudio.sae.registry import architecture_of
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights

WEIGHTS = "sae_weights.safetensors"
_CONFIG, _SPARSITY = "cfg.json", "sparsity.safetensors"
_LAYOUT_VERSION = "6.0.0"
"""SAELens reads files without a version ≥ 6 as an older layout."""
# Not mlp_in: ours is what the MLP reads, after the norm; the foreign hook_mlp_in is the stream before it.
_FOREIGN_SITES = {
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_post": "blocks.{layer}.hook_resid_post",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "attn_out": "blocks.{layer}.hook_attn_out",
    "attn_z": "blocks.{layer}.attn.hook_z",
}


def save_sae(sae: SparseAutoencoder, directory: Path, *, firing_share_F: Tensor | None = None) -> None:
    """Write the three files into an existing directory.

    Args:
        sae: what to save.
        directory: where to.
        firing_share_F: share of tokens on which each latent fired; no sparsity file where it is not known.
    """
    save_description(sae, directory, firing_share_F=firing_share_F)
    names = file_names(sae.config.architecture)
    tensors = {names[name]: tensor.cpu() for name, tensor in sae.weights.tensors().items()}
    tensors["W_enc"] = tensors["W_enc"].T.contiguous()
    with new_file(directory / WEIGHTS) as path:
        save_file(tensors, path)


def save_description(sae: SparseAutoencoder, directory: Path, *, firing_share_F: Tensor | None = None) -> None:
    """The files of `save_sae` that hold no weights, which may then be on no device."""
    write_json(directory / _CONFIG, _config_json(sae))
    if firing_share_F is not None:
        with new_file(directory / _SPARSITY) as path:
            save_file({"sparsity": torch.log10(firing_share_F.double() + 1e-10).float().cpu()}, path)


def load_sae(directory: Path | str, *, device: str | torch.device = "cpu") -> SparseAutoencoder:
    """Read an SAE from its directory, whether made here or by SAELens.

    Raises:
        NotFound: the directory or one of its files is not there.
        ArtifactBroken: a file is truncated, changed or does not fit the other.
        FormatUnsupported: the architecture is not known here.
        BadInput: the path is that of a single file.
    """
    directory = Path(directory).expanduser()
    if directory.is_file():
        raise BadInput(f"{directory} is a file.", remedy="Give the directory that holds cfg.json.")
    if not (directory / _CONFIG).is_file():
        raise NotFound(f"{directory} holds no SAE: there is no {_CONFIG}.", remedy="Give the directory of an SAE.")
    if (directory / MANIFEST).is_file():
        open_artifact(directory, Kind.SAE)
    content = _read_json(directory / _CONFIG)
    architecture = str(content.get("architecture", ""))
    kind = architecture_of(architecture).config
    try:
        fields = {name: content[name] for name in kind.model_fields if name in content}
        config = kind.model_validate(fields)
    except ValidationError as error:
        raise ArtifactBroken(f"{directory / _CONFIG} is not valid: {error.errors()[0]['msg']}.") from error
    names = file_names(architecture)
    tensors = _read_tensors(directory / WEIGHTS, tuple(names.values()))
    tensors["W_enc"] = tensors["W_enc"].T
    weights = Weights.of({ours: tensors[theirs] for ours, theirs in names.items()})
    _fold(weights, content, directory)
    metadata = dict(content.get("metadata") or {})
    hook_out = str(metadata.get("mistudio_hook_out") or _native_hook(str(metadata.get("hook_name_out") or "")))
    sae = SparseAutoencoder(
        config,
        weights,
        hook=str(metadata.get("mistudio_hook") or _native_hook(str(metadata.get("hook_name", "")))),
        hook_out=hook_out or None,
        model_name=str(metadata.get("model_name", "")),
        metadata=metadata,
        normalisation="layer_norm" if content.get("normalize_activations") == "layer_norm" else "none",
    )
    return sae.to(device)


def firing_share(directory: Path) -> Tensor | None:
    """Share of training tokens on which each latent fired, float32 `d_sae`; None where it was not saved."""
    if not (directory / _SPARSITY).is_file():
        return None
    log_share_F = _read_tensors(directory / _SPARSITY, ("sparsity",))["sparsity"]
    return (10.0 ** log_share_F.double() - 1e-10).clamp_min(0).float()


def file_names(architecture: str) -> dict[str, str]:
    """What our tensors are called in the file."""
    b_enc = "b_gate" if architecture == "gated" else "b_enc"  # Our gate has the place of the encoder.
    first = {"W_enc_FD": "W_enc", "b_enc_F": b_enc, "W_dec_FD": "W_dec", "b_dec_D": "b_dec"}
    return first | {name: name.rpartition("_")[0] for name in architecture_of(architecture).tensors}


def _config_json(sae: SparseAutoencoder) -> dict[str, Any]:
    site = sae.hook.partition(".")[0]
    own = {"mistudio_hook": sae.hook, "hook_name": _foreign_hook(sae.hook)}
    if sae.transcodes:
        own |= {"mistudio_hook_out": sae.hook_out, "hook_name_out": _foreign_hook(sae.hook_out)}
    return {
        **sae.config.model_dump(mode="json"),
        "d_in": sae.d_in,
        **({"d_out": sae.d_out} if sae.transcodes else {}),
        "d_sae": sae.d_sae,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": not sae.transcodes,
        "normalize_activations": sae.normalisation,
        "reshape_activations": "hook_z" if site == "attn_z" else "none",
        "rescale_acts_by_decoder_norm": False,
        "metadata": {
            **sae.metadata,
            "sae_lens_version": _LAYOUT_VERSION,
            "model_name": sae.model_name,
            "hook_head_index": None,
            **own,
        },
    }


def _fold(weights: Weights, content: dict[str, Any], directory: Path) -> None:
    """Bring other conventions of the layout into ours, which has none of these switches."""
    if content.get("normalize_activations", "none") not in ("none", "layer_norm", None):
        raise FormatUnsupported(
            f"{directory} normalises its activations ({content['normalize_activations']}) outside its weights.",
            remedy="Save it with the normalisation folded in, which SAELens does in its final save.",
        )
    transcodes = architecture_of(str(content["architecture"])).transcodes
    if not transcodes and not content.get("apply_b_dec_to_input", True):  # W(x − b) + (W b + c) = W x + c
        shift_F = weights.W_enc_FD @ weights.b_dec_D
        weights.b_enc_F = weights.b_enc_F + shift_F
        if "b_mag_F" in weights.more:
            weights.more["b_mag_F"] = weights.more["b_mag_F"] + weights.more["r_mag_F"].exp() * shift_F
    if content.get("rescale_acts_by_decoder_norm", False):
        norm_F = weights.W_dec_FD.norm(dim=1)
        weights.W_enc_FD = weights.W_enc_FD * norm_F[:, None]
        weights.b_enc_F = weights.b_enc_F * norm_F
        weights.W_dec_FD = weights.W_dec_FD / norm_F[:, None].clamp_min(1e-8)  # A row of zeros stays one.


def _foreign_hook(hook: str) -> str:
    site, _, layer = hook.partition(".")
    return _FOREIGN_SITES[site].format(layer=layer) if site in _FOREIGN_SITES else hook


def _native_hook(hook_name: str) -> str:
    parts = hook_name.split(".")
    for site, pattern in _FOREIGN_SITES.items():
        if len(parts) > 1 and parts[1].isdigit() and pattern.format(layer=parts[1]) == hook_name:
            return f"{site}.{parts[1]}"
    return hook_name


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactBroken(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ArtifactBroken(f"{path} does not hold a JSON object.")
    return content


def _read_tensors(path: Path, names: tuple[str, ...]) -> dict[str, Tensor]:
    if not path.is_file():
        raise NotFound(f"{path} is missing.", remedy="Restore the file, or train the SAE again.")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ArtifactBroken(f"{path} is truncated or not a safetensors file: {error}.") from error
    for name in names:
        if name not in tensors:
            raise ArtifactBroken(f"{path} has no tensor called {name}.")
        if not math.isfinite(float(tensors[name].float().sum())):
            raise ArtifactBroken(f"{path}: {name} holds NaN or infinity.")
    return {name: tensors[name].float() for name in names}
