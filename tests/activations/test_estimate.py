"""What an estimate of a recording says, beside what real recordings take."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from mistudio.activations.config import TraceConfig
from mistudio.activations.estimate import RunningModel, estimate
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize
from mistudio.hardware import Reached
from tests.tiny_models import save_tiny_checkpoint

D, LENGTH = 512, 64
MODEL = RunningModel(10_000_000, 2_500_000, d_model=D, n_layers=4, layer=1, batch_tokens=8 * LENGTH, value_bytes=4)
_RUN = """
import sys, threading, time
from pathlib import Path

def anonymous_bytes():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

highest = 0

def watch():
    global highest
    while True:
        highest = max(highest, anonymous_bytes())
        time.sleep(0.005)

threading.Thread(target=watch, daemon=True).start()
from mistudio.activations.config import TraceConfig
from mistudio.activations.record import trace
from mistudio.corpora.tokens import Tokens
from mistudio.language_models.loading import load_model

config = TraceConfig.model_validate_json(sys.argv[3])
trace(load_model(sys.argv[1]), Tokens.open(sys.argv[2]), config, sys.argv[4])
print(highest)
"""


@pytest.fixture(scope="module")
def model_and_tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("estimate")
    model = save_tiny_checkpoint(root / "model", hidden_size=D)
    draw = random.Random(0)
    words = ["four", "score", "and", "seven", "years", "our", "fathers", "nation"]
    (root / "text.jsonl").write_text(
        "\n".join(json.dumps({"text": " ".join(draw.choices(words, k=300))}) for _ in range(120))
    )
    corpus = add_corpus(CorpusConfig(sources=(str(root / "text.jsonl"),)), root / "corpus")
    tokenize(corpus.path, str(model), TokenizeConfig(context_length=LENGTH), root / "tokens")
    return model, root / "tokens"


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells a process's own memory")
@pytest.mark.parametrize(
    "hooks", [("resid_post.1",), ("resid_post.0", "resid_post.1", "mlp_out.1")], ids=["one", "three"]
)
def test_memory_and_disk_are_what_a_real_recording_takes(hooks, model_and_tokens, tmp_path):
    model, tokens = model_and_tokens
    config = TraceConfig(hooks=hooks, max_tokens=50_000, dtype="float32")
    out = tmp_path / "recording"
    command = [sys.executable, "-c", _RUN, str(model), str(tokens), config.model_dump_json(), str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    ran = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    expected = estimate(config, MODEL, dict.fromkeys(hooks, D), 10**9)
    assert expected.memory_bytes == pytest.approx(int(ran.stdout), rel=0.25)
    written = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    assert expected.disk_bytes == pytest.approx(written, rel=0.1)


def test_a_shard_records_its_part():
    whole = estimate(TraceConfig(hooks=("resid_post.1",)), MODEL, {"resid_post.1": D}, 80_000)
    part = estimate(TraceConfig(hooks=("resid_post.1",), shard=(1, 4)), MODEL, {"resid_post.1": D}, 80_000)
    assert part.disk_bytes * 4 == whole.disk_bytes == 80_000 * (2 * D + 16)


def test_the_time_follows_from_how_far_the_model_is_run():
    reached = [Reached("earlier", 1000.0, MODEL.flop_per_token * 2)]
    expected = estimate(TraceConfig(hooks=("resid_post.1",)), MODEL, {"resid_post.1": D}, 80_000, reached=reached)
    assert expected.seconds == pytest.approx(40.0)
    assert "earlier reached 1,000 tokens/s" in expected.seconds_basis


def test_on_a_gpu_the_model_is_a_part_of_its_memory_only():
    there = estimate(TraceConfig(hooks=("resid_post.1",)), MODEL, {"resid_post.1": D}, 80_000, device="cuda")
    assert [part.name for part in there.device_memory] == ["model", "forward pass"]
    assert [part.name for part in there.memory] == ["program", "row groups"]
