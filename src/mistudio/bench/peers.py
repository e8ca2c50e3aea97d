"""The other libraries' environment: its own Python packages, so that no library changes another's versions.

1. A virtual environment is made where there is none.
2. PyTorch is installed first and by itself, because its plain build for processors comes only that way.
3. The libraries follow, at the versions that the results were published with; dictionary_learning without what it asks
   for.

An environment that already has all of them is used as it is, whoever made it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mistudio.bench.config import LibraryName
from mistudio.bench.turns import STEPS, Contender
from mistudio.errors import PeerFailed
from mistudio.progress import Progress, Silent

TORCH = "torch==2.13.0"
LIBRARIES = ("sae-lens==6.54.12", "eai-sparsify==1.3.3")
ALONE = "dictionary-learning==0.1.0"
"""It asks for an nnsight that the others' packages don't go with, and needs it for recording only."""
_VERSIONS = """
import sys
from importlib.metadata import PackageNotFoundError, version
try:
    sys.exit(any(version(name).split("+")[0] != wanted for name, wanted in (pin.split("==") for pin in sys.argv[1:])))
except PackageNotFoundError:
    sys.exit(1)
"""


@dataclass(frozen=True)
class PeersEnvironment:
    """A Python that can import the other libraries, and the contenders that it runs."""

    contenders: tuple[Contender, ...]
    """Who takes training steps."""
    trainers: dict[LibraryName, Contender] = field(default_factory=dict)
    """Who trains whole SAEs, by library."""

    @classmethod
    def ensure(cls, directory: Path, *, progress: Progress | None = None) -> PeersEnvironment:
        """The environment in `directory`, made or completed where necessary.

        Raises:
            PeerFailed: it could not be made, or a library could not be installed.
            Interrupted: `progress` asked to stop; the next call goes on.
        """
        progress = progress or Silent()
        directory = directory.expanduser().absolute()
        python = _python_of(directory)
        if not _has(python, (TORCH, *LIBRARIES, ALONE)):
            steps = [
                ("make an environment", [sys.executable, "-m", "venv", str(directory)]),
                (f"install {TORCH}", _pip(python, (TORCH,))),
                (f"install {' and '.join(LIBRARIES)}", _pip(python, (TORCH, *LIBRARIES))),
                (f"install {ALONE}", _pip(python, ("--no-deps", ALONE))),
            ]
            for number, (what, command) in enumerate(steps):
                progress.checkpoint()
                progress.advance(f"other libraries: {what}", number, len(steps))
                _run(command, f"The other libraries' environment {directory} is not ready: could not {what}")
            wanted = (TORCH, *LIBRARIES, ALONE)
            if not _has(python, wanted):
                raise PeerFailed(f"{directory} does not hold {', '.join(wanted)} after the installation.")
        return cls(
            (
                Contender("sparsify, signum", python, STEPS / "sparsify_step.py", "signum", "float32", ("topk",)),
                Contender("sparsify, Adam", python, STEPS / "sparsify_step.py", "adam", "float32", ("topk",)),
                Contender("SAELens", python, STEPS / "saelens_step.py", "float32", "float32"),
                Contender("SAELens, autocast", python, STEPS / "saelens_step.py", "bfloat16", "bfloat16"),
            ),
            trainers_of(python),
        )


def trainers_of(peers: Path | None) -> dict[LibraryName, Contender]:
    """Who trains SAEs: we, and where there is a Python of theirs, the other libraries."""
    ours: dict[LibraryName, Contender] = {
        "mistudio": Contender("miStudio", Path(sys.executable), STEPS / "ours_fit.py")
    }
    if peers is None:
        return ours
    only_topk = ("topk",)
    return ours | {
        "saelens": Contender("SAELens", peers, STEPS / "saelens_fit.py"),
        "sparsify": Contender("sparsify", peers, STEPS / "sparsify_fit.py", "signum", architectures=only_topk),
        "sparsify-adam": Contender("sparsify, Adam", peers, STEPS / "sparsify_fit.py", "adam", architectures=only_topk),
        "dictionary_learning": Contender("dictionary_learning", peers, STEPS / "dictionary_learning_fit.py"),
    }


def _python_of(directory: Path) -> Path:
    return directory / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _pip(python: Path, requirements: Sequence[str]) -> list[str]:
    return [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", *requirements]


def _has(python: Path, requirements: Sequence[str]) -> bool:
    if not python.exists():
        return False
    return subprocess.run([python, "-c", _VERSIONS, *requirements], capture_output=True, check=False).returncode == 0


def _run(command: Sequence[str], failure: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PeerFailed(f"{failure}: {error}.") from error
    if done.returncode:
        written = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in written if line.lower().startswith("error")] or written or ["no reason was given"]
        raise PeerFailed(f"{failure}: {errors[-1][:300].rstrip('.')}.")
