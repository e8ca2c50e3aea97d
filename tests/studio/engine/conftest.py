"""A home with tiny artifacts, and real engine processes that serve it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import torch

from mistudio.artifacts.atomic import new_directory
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import seal
from mistudio.features.find import find
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model, save_model
from mistudio.sae.config import TopKConfig
from mistudio.sae.native_file import load_sae, save_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from mistudio.steering.config import Edit, GenerateConfig, SteeringSpec
from mistudio.studio.engine.client import EngineClient
from mistudio.studio.engine.messages import GenerateRequest
from tests.features.conftest import SENTENCES, make_tokens
from tests.tiny_models import save_tiny_checkpoint

HOOK, D, F, K = "resid_post.1", 32, 96, 8
UNITS = {latent: 4.0 + latent / F for latent in range(F)}
ADD = SteeringSpec(hook=HOOK, edits=(Edit(latent=5, strength=2.0),))
CLAMP = SteeringSpec(hook=HOOK, edits=(Edit(latent=9, mode="clamp", strength=2.0), Edit(latent=30, strength=-1.0)))
PROMPTS = ("the people", "the law of the state shall be held 🎉, and")


def write_sae(out: Path, *, seed: int = 1, hook: str = HOOK, d_in: int = D, model_name: str = "tiny", **meta) -> None:
    """A sealed SAE of random weights."""
    generator = torch.Generator().manual_seed(seed)
    rows_FD = torch.nn.functional.normalize(torch.randn((F, d_in), generator=generator), dim=1)
    bias_F = 0.1 * torch.randn(F, generator=generator)
    weights = Weights(rows_FD, bias_F, 0.7 * rows_FD, torch.full((d_in,), 0.05))
    sae = SparseAutoencoder(TopKConfig(k=K), weights, hook=hook, model_name=model_name, metadata=meta)
    with new_directory(out) as partial:
        save_sae(sae, partial)
        seal(partial, Kind.SAE, config={})


def write_model(home: Path, name: str, dtype: str = "float32", **options) -> None:
    """A sealed tiny model with room for 4,096 tokens."""
    checkpoint = home / "made" / name
    save_tiny_checkpoint(checkpoint, max_position_embeddings=4096, **options)
    save_model(load_model(ModelConfig(source=str(checkpoint), dtype=dtype, device="cpu")), home / "models" / name)


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """Models `tiny`, `other` and, in bfloat16, `half`; the SAE `sae` of the first, and its features."""
    from mistudio.activations.config import StreamConfig
    from mistudio.activations.stream import ModelSource

    home = tmp_path_factory.mktemp("home")
    write_model(home, "tiny")
    write_model(home, "other", seed=1)
    write_model(home, "half", dtype="bfloat16")
    write_sae(home / "saes" / "sae")
    lm = load_model(ModelConfig(source=str(home / "models" / "tiny"), dtype="float32", device="cpu"))
    made = home / "made"
    tokens = make_tokens(made, SENTENCES)
    source = ModelSource(lm, tokens, HOOK, StreamConfig(batch_contexts=3))
    find(load_sae(home / "saes" / "sae"), source, tokens, lm, home / "features" / "found")
    return home


class EngineProcess:
    """An engine that a test started."""

    def __init__(self, home: Path, folder: Path, idle_unload: float = 900.0) -> None:
        self.address = f"unix:{folder / 'engine.sock'}"
        self._log = folder / "engine.log"
        options = ["--address", self.address, "--home", str(home), "--idle-unload", str(idle_unload)]
        self._command = [sys.executable, "-m", "mistudio.studio.engine.server", *options]
        self.start()

    def start(self) -> None:
        with self._log.open("a") as log:
            environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)

    def ask(self, question: Callable[[EngineClient], Awaitable[object]], connect_seconds: float = 20.0):
        """What a client answers that is opened for one question."""

        async def run():
            async with EngineClient(self.address, connect_seconds=connect_seconds) as client:
                return await question(client)

        return asyncio.run(run())

    @property
    def resident_mebibytes(self) -> float:
        """Memory of the process."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="session")
def engine(home, tmp_path_factory) -> Iterator[EngineProcess]:
    """One that many tests share."""
    process = EngineProcess(home, tmp_path_factory.mktemp("run"))
    yield process
    process.kill()
    assert "Traceback" not in process.log


@pytest.fixture
def own_engine(home, tmp_path) -> Iterator[Callable[..., EngineProcess]]:
    """Makes engines that a test may hurt."""
    made: list[EngineProcess] = []

    def make(**options) -> EngineProcess:
        made.append(EngineProcess(home, tmp_path, **options))
        return made[-1]

    yield make
    for process in made:
        process.kill()


@pytest.fixture(scope="session")
def model(home) -> ModelConfig:
    return ModelConfig(source=str(home / "models" / "tiny"), dtype="float32", device="cpu")


@pytest.fixture(scope="session")
def request_of(home, model):
    """A request to write, with anything changed."""

    def make(max_new_tokens: int = 12, **changes) -> GenerateRequest:
        base = GenerateRequest(
            model=model,
            sae=str(home / "saes" / "sae"),
            specs=(ADD, CLAMP),
            prompts=PROMPTS,
            config=GenerateConfig(max_new_tokens=max_new_tokens),
            max_activation=UNITS,
        )
        return base.model_copy(update=changes)

    return make


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> float:
    """Wait for something to be so; the seconds that it took."""
    started = time.perf_counter()
    while not await condition():
        assert time.perf_counter() - started < seconds, "this never came to be"
        await asyncio.sleep(0.005)
    return time.perf_counter() - started
