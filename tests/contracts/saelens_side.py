"""What SAELens does in the contract with it: run by the peers' Python, which has no miStudio.

    python saelens_side.py FOLDER

Opens every SAE in FOLDER/ours and writes what it makes of them, then saves SAEs of its own, each beside what it makes
of it. Activations come from FOLDER/activations.safetensors.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from sae_lens import SAE
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.gated_sae import GatedSAE, GatedSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
from sae_lens.saes.topk_sae import TopKSAE, TopKSAEConfig, TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.saes.transcoder import (
    JumpReLUSkipTranscoder,
    JumpReLUSkipTranscoderConfig,
    Transcoder,
    TranscoderConfig,
)
from safetensors.torch import load_file, save_file

SHAPE = {"d_in": 24, "d_sae": 200, "k": 7}


def write_codes(sae, x, path: Path) -> None:
    with torch.no_grad():
        acts = sae.encode(x)
        x_hat = sae(x) if hasattr(sae, "W_skip") else sae.decode(acts)  # decode leaves the skip connection out
        codes = {"acts": acts.contiguous(), "x_hat": x_hat.contiguous()}
    save_file(codes, path)


def with_random_weights(sae):
    """Weights as training leaves them: biases that are not zero, decoder rows of very different norms."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        sae.W_dec.mul_(torch.linspace(0.2, 3.0, sae.cfg.d_sae)[:, None])
    return sae


def foreign_saes():
    metadata = {"model_name": "tiny", "hook_name": "blocks.3.hook_resid_post"}

    def made(sae, config):
        config.metadata.model_name, config.metadata.hook_name = metadata.values()
        return with_random_weights(sae(config))

    def plain(**options):
        return made(TopKSAE, TopKSAEConfig(**SHAPE, **options))

    def training():
        return with_random_weights(TopKTrainingSAE(TopKTrainingSAEConfig(**SHAPE)))

    yield "plain", plain(), SAE.save_model
    yield "rescaled_by_decoder_norm", plain(rescale_acts_by_decoder_norm=True), SAE.save_model
    yield "layer_norm", plain(normalize_activations="layer_norm"), SAE.save_model
    yield "b_dec_not_applied_to_input", plain(apply_b_dec_to_input=False), SAE.save_model
    yield "bfloat16", plain(dtype="bfloat16"), SAE.save_model
    yield "trained_and_saved_for_inference", training(), TopKTrainingSAE.save_inference_model
    wide = {name: SHAPE[name] for name in ("d_in", "d_sae")}
    uncentred = wide | {"apply_b_dec_to_input": False}
    yield "standard", made(StandardSAE, StandardSAEConfig(**wide)), SAE.save_model
    yield "standard_b_dec_not_applied_to_input", made(StandardSAE, StandardSAEConfig(**uncentred)), SAE.save_model
    yield "jumprelu", made(JumpReLUSAE, JumpReLUSAEConfig(**wide)), SAE.save_model
    yield "gated", made(GatedSAE, GatedSAEConfig(**wide)), SAE.save_model
    yield "gated_b_dec_not_applied_to_input", made(GatedSAE, GatedSAEConfig(**uncentred)), SAE.save_model
    for kind, config in ((Transcoder, TranscoderConfig), (JumpReLUSkipTranscoder, JumpReLUSkipTranscoderConfig)):
        sae = made(kind, config(**wide, d_out=30, apply_b_dec_to_input=False))
        sae.cfg.metadata.hook_name_out = "blocks.3.hook_mlp_out"
        yield config.architecture(), sae, SAE.save_model
    batch = with_random_weights(BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**SHAPE)))
    batch.topk_threshold.fill_(1.5)
    yield "batchtopk_saved_for_inference", batch, BatchTopKTrainingSAE.save_inference_model
    yield "checkpoint_of_a_training", training(), SAE.save_model


def main(folder: Path) -> None:
    x = load_file(folder / "activations.safetensors")["x"]
    for directory in sorted((folder / "ours").iterdir()):
        sae = SAE.load_from_disk(directory)
        heads = sae.cfg.reshape_activations == "hook_z"
        write_codes(sae, x.unflatten(-1, (4, -1)) if heads else x, directory.with_suffix(".safetensors"))
    for name, sae, save in foreign_saes():
        save(sae, folder / "theirs" / name)
        if name == "batchtopk_saved_for_inference":  # While it is trained, a token's latents depend on the batch.
            sae = SAE.load_from_disk(folder / "theirs" / name)
        write_codes(sae, x.to(sae.dtype), folder / "theirs" / f"{name}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
