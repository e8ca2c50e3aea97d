"""What another library writes is read exactly: the same latents with the same activations as its own code finds."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mistudio.bench.exports import read_export
from mistudio.bench.turns import STEPS

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers"
D, F, K = 16, 48, 4
CASES = {
    "saelens-topk": ("saelens_fit.py", "topk", ""),
    "saelens-batchtopk": ("saelens_fit.py", "batchtopk", ""),
    "saelens-jumprelu": ("saelens_fit.py", "jumprelu", ""),
    "sparsify-topk": ("sparsify_fit.py", "topk", "signum"),
    "sparsify-adam-topk": ("sparsify_fit.py", "topk", "adam"),
    "dictionary_learning-topk": ("dictionary_learning_fit.py", "topk", ""),
    "dictionary_learning-batchtopk": ("dictionary_learning_fit.py", "batchtopk", ""),
    "dictionary_learning-jumprelu": ("dictionary_learning_fit.py", "jumprelu", ""),
}


def _peers_are_there() -> bool:
    return bool(list(PEERS.glob("lib/python*/site-packages/dictionary_learning")))


@pytest.mark.slow
@pytest.mark.skipif(not _peers_are_there(), reason="dictionary_learning is not in .venv-peers: run `make peers`")
def test_encodings_of_trained_peers_equal_their_own(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    acts_ND = (generator.standard_normal((2048, D)) * 2 + 0.5).astype(np.float16)
    acts_ND.tofile(tmp_path / "activations")
    options = {
        "activations": str(tmp_path / "activations"),
        "folder": str(tmp_path),
        "cases": CASES,
        "encode": 256,
        "d_in": D,
        "d_sae": F,
        "k": K,
        "batch_size": 64,
        "steps": 40,
        "threads": 1,
        "seed": 0,
        "lr": 3e-3,
    }
    script = Path(__file__).with_name("peer_trainings.py")
    done = subprocess.run(
        [PEERS / "bin" / "python", script, STEPS, json.dumps(options)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    x_BD = torch.from_numpy(acts_ND[:256]).float()
    for case, (_, architecture, _) in CASES.items():
        library = case.rsplit("-", 1)[0]
        own_BF = torch.from_numpy(np.load(tmp_path / case / "own.npy"))
        sae = read_export(library, tmp_path / case, architecture)  # type: ignore[arg-type]
        assert (own_BF != 0).sum() > 256, case
        torch.testing.assert_close(sae.encode(x_BD), own_BF, msg=lambda text, case=case: f"{case}: {text}")
        facts = json.loads((tmp_path / case / "fit.json").read_text())
        assert facts["seconds"] > 0, case


def test_a_file_of_sparsify_is_read_by_its_formula(tmp_path: Path) -> None:
    W_enc_FD, b_enc_F, W_dec_FD, b_dec_D = torch.randn(F, D), torch.randn(F), torch.randn(F, D), torch.randn(D)
    tensors = {"encoder.weight": W_enc_FD, "encoder.bias": b_enc_F, "W_dec": W_dec_FD, "b_dec": b_dec_D}
    save_file(tensors, tmp_path / "sae.safetensors")
    (tmp_path / "cfg.json").write_text(json.dumps({"k": K}))
    sae, x_BD = read_export("sparsify", tmp_path, "topk", scale=2.0), torch.randn(8, D)
    pre_BF = ((2 * x_BD - b_dec_D) @ W_enc_FD.T + b_enc_F).relu()
    kept_BF = torch.zeros_like(pre_BF).scatter_(1, (top := pre_BF.topk(K)).indices, top.values)
    torch.testing.assert_close(sae(x_BD), (kept_BF @ W_dec_FD + b_dec_D) / 2)


def test_a_jumprelu_of_dictionary_learning_reads_its_input_as_it_is(tmp_path: Path) -> None:
    tensors = {
        "W_enc": torch.randn(D, F),
        "b_enc": torch.randn(F),
        "W_dec": torch.randn(F, D),
        "b_dec": torch.randn(D),
        "threshold": torch.linspace(-0.5, 2, F),
    }
    save_file(tensors, tmp_path / "ae.safetensors")
    sae, x_BD = read_export("dictionary_learning", tmp_path, "jumprelu"), torch.randn(8, D)
    pre_BF = x_BD @ tensors["W_enc"] + tensors["b_enc"]
    torch.testing.assert_close(sae.encode(x_BD), (pre_BF * (pre_BF > tensors["threshold"])).relu())


def test_a_batchtopk_of_dictionary_learning_is_a_jumprelu_of_one_threshold(tmp_path: Path) -> None:
    tensors = {
        "encoder.weight": torch.randn(F, D),
        "encoder.bias": torch.randn(F),
        "decoder.weight": torch.randn(D, F),
        "b_dec": torch.randn(D),
        "k": torch.tensor(K),
        "threshold": torch.tensor(1.5),
    }
    save_file(tensors, tmp_path / "ae.safetensors")
    sae, x_BD = read_export("dictionary_learning", tmp_path, "batchtopk"), torch.randn(8, D)
    pre_BF = ((x_BD - tensors["b_dec"]) @ tensors["encoder.weight"].T + tensors["encoder.bias"]).relu()
    torch.testing.assert_close(sae.encode(x_BD), pre_BF * (pre_BF > 1.5))
    code_BF = pre_BF * (pre_BF > 1.5)
    torch.testing.assert_close(sae(x_BD), code_BF @ tensors["decoder.weight"].T + tensors["b_dec"])
