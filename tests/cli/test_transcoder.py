"""A transcoder on the road: recorded, trained, evaluated, its features found, and refused where it cannot go."""

from __future__ import annotations

import torch

from mistudio.activations.stream import RecordedSource
from mistudio.sae.native_file import load_sae
from tests.cli.conftest import TRAIN, Walked


def test_a_transcoder_goes_the_road_as_far_as_it_leads(walked: Walked):
    run, acts, out = walked.run, walked.root / "pair", walked.root / "transcoder"
    both = ("--hook", "mlp_in", "--hook", "mlp_out", "--layer", 2)
    run.ok("trace", "--model", "tiny", "--corpus", "letters-tiny", *both, "--out", acts)
    block = next(RecordedSource(acts, ["mlp_in.2", "mlp_out.2"]).blocks(0))
    assert not torch.allclose(*block.acts_BD.float().chunk(2, 1), atol=0.01), "input and target are not the same"

    pair = ("--target", "mlp_out.2", "--skip")
    told = run.ok("train", "--activations", acts, *pair, *TRAIN, "--tokens", 8000, "--out", out, "--json").json
    sae = load_sae(out)
    assert (sae.config.architecture, sae.hooks) == ("topk_skip_transcoder", ("mlp_in.2", "mlp_out.2"))
    assert told["fvu"] < 1

    found = run.ok("eval", out, "--model", "tiny", "--corpus", "letters-tiny", "--json").json
    assert found["fvu"] < 1
    assert found["ce_spliced"] != found["ce_zero"]
    features = walked.root / "transcoder-features"
    run.ok("find", out, "--model", "tiny", "--corpus", "letters-tiny", "--out", features)
    steer = ("steer", "--sae", out, "--features", features, "--model", "tiny", "--feature", "1=1", "four score")
    assert "Steering needs an SAE, and this is a transcoder from mlp_in.2 to mlp_out.2" in run(*steer).err


def test_a_model_that_runs_along_gives_both_sides(walked: Walked):
    out = walked.root / "live-transcoder"
    options = ("--layer", 1, "--target", "mlp_out", "--arch", "batchtopk", *TRAIN, "--tokens", 2000)
    walked.run.ok("train", "--model", "tiny", "--corpus", "letters-tiny", *options, "--out", out)
    sae = load_sae(out)
    assert (sae.config.architecture, sae.hooks) == ("jumprelu_transcoder", ("mlp_in.1", "mlp_out.1"))


def test_a_skip_connection_without_a_target_is_refused(walked: Walked):
    refused = walked.run("train", "--activations", walked.activations, "--skip", *TRAIN)
    assert "skip needs a target" in refused.err
