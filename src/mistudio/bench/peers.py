"""The other libraries' environment: its own Python packages, so that no library changes another's versions.

1. A virtual environment is made where there is none.
2. PyTorch is installed first and by itself, because its plain build for processors comes only that way.
3. The libraries follow, at the versions that the results were published with.

An environment that already has all of them is used as it is, whoever made it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mistudio.bench.turns import STEPS, Contender
from mistudio.errors import PeerFailed
from mistudio.progress import Progress, Silent

TORCH = "torch==2.13.0"
LIBRARIES = ("sae-lens==6.54.12", "eai-sparsify==1.3.3")
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
        if not _has(python, (TORCH, *LIBRARIES)):
            steps = [
                ("make an environment", [sys.executable, "-m", "venv", str(directory)]),
                (f"install {TORCH}", _pip(python, (TORCH,))),
                (f"install {' and '.join(LIBRARIES)}", _pip(python, (TORCH, *LIBRARIES))),
            ]
            for number, (what, command) in enumerate(steps):
                progress.checkpoint()
                progress.advance(f"other libraries: {what}", number, len(steps))
                _run(command, f"The other libraries' environment {directory} is not ready: could not {what}")
            if not _has(python, (TORCH, *LIBRARIES)):
                raise PeerFailed(f"{directory} does not hold {', '.join((TORCH, *LIBRARIES))} after the installation.")
        return cls(
            (
                Contender("sparsify, signum", python, STEPS / "sparsify_step.py", "signum", "float32", ("topk",)),
                Contender("sparsify, Adam", python, STEPS / "sparsify_step.py", "adam", "float32", ("topk",)),
                Contender("SAELens", python, STEPS / "saelens_step.py", "float32", "float32"),
                Contender("SAELens, autocast", python, STEPS / "saelens_step.py", "bfloat16", "bfloat16"),
            )
        )


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
