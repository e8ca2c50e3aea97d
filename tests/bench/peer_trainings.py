"""Runs in the peers' environment: train tiny SAEs with every library, and encode with the library's own code.

    python peer_trainings.py FIT_FOLDER OPTIONS

For each case it leaves OUT/CASE/ with what `fit.py` writes, and OUT/CASE/own.npy: the encodings of the first tokens by
the library's own class, read back from its own file.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


def main(contenders: str, options_json: str) -> None:
    options = json.loads(options_json)
    fit = runpy.run_path(str(Path(contenders) / "fit.py"))["main"]
    acts_BD = torch.from_numpy(
        np.fromfile(options["activations"], np.float16).reshape(-1, options["d_in"])[: options["encode"]]
    ).float()
    for case, (file, arch, variant) in options["cases"].items():
        out = Path(options["folder"]) / case
        out.mkdir()
        fit(str(Path(contenders) / file), json.dumps({**options, "out": str(out), "arch": arch, "variant": variant}))
        with torch.inference_mode():
            np.save(out / "own.npy", ENCODE[file](out, arch, acts_BD).numpy())


def saelens(out: Path, arch: str, acts_BD: Tensor) -> Tensor:
    from sae_lens import SAE

    encodings: Tensor = SAE.load_from_disk(out).encode(acts_BD)
    return encodings


def sparsify(out: Path, arch: str, acts_BD: Tensor) -> Tensor:
    from sparsify import SparseCoder

    sae = SparseCoder.load_from_disk(out)
    values_BK, latents_BK, _ = sae.encode(acts_BD)
    return torch.zeros(len(acts_BD), sae.num_latents).scatter_(1, latents_BK, values_BK)


def dictionary_learning(out: Path, arch: str, acts_BD: Tensor) -> Tensor:
    from dictionary_learning.dictionary import JumpReluAutoEncoder
    from dictionary_learning.trainers.batch_top_k import BatchTopKSAE
    from dictionary_learning.trainers.top_k import AutoEncoderTopK

    state = torch.load(out / "trainer_0" / "ae.pt", weights_only=True)
    d_in = acts_BD.shape[1]
    sae: Any
    if arch == "jumprelu":
        sae = JumpReluAutoEncoder(d_in, len(state["b_enc"]))
    else:
        kind = AutoEncoderTopK if arch == "topk" else BatchTopKSAE
        sae = kind(d_in, len(state["encoder.bias"]), int(state["k"]))
    sae.load_state_dict(state)
    encodings: Tensor = sae.encode(acts_BD)
    return encodings


ENCODE = {"saelens_fit.py": saelens, "sparsify_fit.py": sparsify, "dictionary_learning_fit.py": dictionary_learning}

if __name__ == "__main__":
    main(*sys.argv[1:])
